from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from esb.testing import postgres_cluster
from esb.testing.postgres_cluster import PostgresCluster


def test_a_missing_postgresql_is_said_with_the_package_that_brings_it(monkeypatch):
    monkeypatch.setattr(postgres_cluster, "_PLACES", "/nowhere/*/bin")

    assert not postgres_cluster.installed()
    with pytest.raises(RuntimeError, match="apt-get install postgresql"):
        PostgresCluster()


@pytest.mark.postgresql
def test_the_folder_is_gone_afterwards():
    with PostgresCluster(durable=False) as cluster:
        folder = cluster._folder

        assert folder.exists()

    assert not folder.exists()


@pytest.mark.postgresql
def test_the_server_ends_with_the_process_that_started_it():
    code = (
        "import sys\n"
        "from esb.testing.postgres_cluster import PostgresCluster\n"
        "with PostgresCluster(durable=False) as cluster:\n"
        "    print(cluster._server.pid, cluster._folder, flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        server, folder = owner.stdout.readline().split()
        handle = os.pidfd_open(int(server))
        owner.send_signal(signal.SIGKILL)

    ended = select.select([handle], [], [], 20)[0]

    os.close(handle)
    shutil.rmtree(Path(folder), ignore_errors=True)
    assert ended
