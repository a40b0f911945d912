"""Endpoints: where partners and systems are reached. One part, one entry in the table."""

from __future__ import annotations

from collections.abc import Mapping

from esb.loading import LoadedTable
from esb.specs import EndpointSpec

ENDPOINTS: Mapping[str, type[EndpointSpec]] = LoadedTable(
    {
        "file": "esb.endpoints.file:FileEndpoint",
        "ftps": "esb.endpoints.ftps:FtpsEndpoint",
        "http_in": "esb.endpoints.http_in:HttpIn",
        "http_out": "esb.endpoints.http_out:HttpOut",
        "http_poll": "esb.endpoints.http_poll:HttpPoll",
        "queue": "esb.endpoints.queue:QueueEndpoint",
        "sftp": "esb.endpoints.sftp:SftpEndpoint",
        "sftp_server": "esb.endpoints.sftp_server:SftpServerEndpoint",
        "smtp": "esb.endpoints.smtp:SmtpEndpoint",
        "sql": "esb.endpoints.sql:SqlEndpoint",
        "timer": "esb.endpoints.timer:Timer",
    }
)
"""Every type of endpoint by what `type:` calls it; imported when a project, or who lists them all, asks for it."""
