"""Endpoints: where partners and systems are reached. One part, one entry in the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import Discriminator

from esb.endpoints.file import FileEndpoint
from esb.endpoints.ftps import FtpsEndpoint
from esb.endpoints.http_in import HttpIn
from esb.endpoints.http_out import HttpOut
from esb.endpoints.http_poll import HttpPoll
from esb.endpoints.queue import QueueEndpoint
from esb.endpoints.sftp import SftpEndpoint
from esb.endpoints.sftp_server import SftpServerEndpoint
from esb.endpoints.smtp import SmtpEndpoint
from esb.endpoints.sql import SqlEndpoint
from esb.endpoints.timer import Timer
from esb.specs import EndpointSpec

ENDPOINTS: Mapping[str, type[EndpointSpec]] = {
    "file": FileEndpoint,
    "ftps": FtpsEndpoint,
    "http_in": HttpIn,
    "http_out": HttpOut,
    "http_poll": HttpPoll,
    "queue": QueueEndpoint,
    "sftp": SftpEndpoint,
    "sftp_server": SftpServerEndpoint,
    "smtp": SmtpEndpoint,
    "sql": SqlEndpoint,
    "timer": Timer,
}
"""Every type of endpoint by what `type:` calls it."""

AnyEndpoint: TypeAlias = Annotated[
    FileEndpoint
    | FtpsEndpoint
    | HttpIn
    | HttpOut
    | HttpPoll
    | QueueEndpoint
    | SftpEndpoint
    | SftpServerEndpoint
    | SmtpEndpoint
    | SqlEndpoint
    | Timer,
    Discriminator("type"),
]
