"""A file as large as a day of a chain, at an SFTP server: it is taken in bounded memory, every document of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.files.documents import x12
from esb.testing.openssh import OpenSsh

MOST = 200_000_000
"""Bytes of memory that no size of file may exceed."""
ROUTE = """\
from: { endpoint: inbox, each: transaction }
key: { order: $.order.number }
steps: [{ to: outbox }]
"""


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(64_000_000, marks=pytest.mark.timeout(300)),
        pytest.param(1_000_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(3000)]),
    ],
    ids=["64MB", "1GB"],
)
async def test_a_large_file_is_taken_by_sftp_in_bounded_memory(
    bus: Any, sshd: OpenSsh, tmp_path: Path, size: int
) -> None:
    one, folder = bus(), sshd.folder / tmp_path.name
    folder.mkdir()
    numbers = x12(folder / "large.edi.part", size)
    inbox = sshd.endpoint(folder.name, match="*.edi", poll="100ms", ready={"unchanged_for": "0s"})
    inbox |= {"auth": {"key": "secret://file/key"}, "format": {"type": "x12", "guide": "x12/850"}}
    one.write(
        {
            "endpoints/inbox.yaml": yaml.safe_dump(inbox),
            "endpoints/outbox.yaml": "type: file\ndirectory: out\n",
            "routes/orders.yaml": ROUTE,
            "secrets/key": sshd.client_key.read_text(),
        }
    )
    worker = await one.worker("intake", "--role", "intake")
    idle, began = worker.peak(), time.monotonic()

    (folder / "large.edi.part").rename(folder / "large.edi")
    await worker.until(
        lambda: any((folder / name / "large.edi").exists() for name in ("done", "failed")), size / 5e5 + 60
    )

    seconds, peak = time.monotonic() - began, worker.peak()
    print(f"{size / 1e6:.0f} MB: {seconds:.1f} s, peak {peak / 1e6:.0f} MB, idle {idle / 1e6:.0f} MB")
    assert not (folder / "failed").exists(), worker.log()[-4000:]
    assert peak < MOST
    assert await worker.stop() == 0
    code, said = await one.command("queue", "list", "--json")
    assert code == 0 and f":{len(numbers)}," in said.replace(" ", ""), said
