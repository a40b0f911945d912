"""SFTP keeps what endpoint_suite promises, against a real OpenSSH server."""

import pytest
from remote_kit import RemoteSinkSuite, RemoteSourceSuite

from esb.endpoints.sftp import SftpEndpoint
from esb.testing.openssh import OpenSsh


@pytest.fixture(scope="module")
def server():
    with OpenSsh() as server:
        yield server


class TestSftpSource(RemoteSourceSuite):
    model = SftpEndpoint


class TestSftpSink(RemoteSinkSuite):
    model = SftpEndpoint
