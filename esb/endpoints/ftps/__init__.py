"""ftps: takes the files that appear at an FTP server with TLS, and uploads messages as files."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field

from esb.endpoints.ftps.place import FtpsPlace
from esb.endpoints.ftps.session import Link
from esb.endpoints.ftps.wire import Server
from esb.endpoints.http_out.tls import Tls
from esb.endpoints.remote.place import RemotePlace
from esb.endpoints.remote.spec import RemoteFolder
from esb.specs import Duration, EndpointSpec, Secret, World


class FtpsAccount(EndpointSpec):
    """Who signs in where, and whom we believe to be that server."""

    host: str = Field(pattern=r"^[A-Za-z0-9._:-]+$", max_length=255, description="Name or address of the server.")
    port: int = Field(21, ge=1, le=65535, description="Its port; 990 is usual with security: implicit.")
    security: Literal["explicit", "implicit"] = Field(
        "explicit", description="Whether TLS begins with AUTH TLS, or at once."
    )
    tls: Tls = Field(default_factory=Tls, description="Whom we trust, and our certificate.")
    server_name: str = Field("", max_length=255, description="The name in the server's certificate, if not host.")
    user: str = Field(min_length=1, max_length=128, description="Who signs in.")
    password: Secret = Field(description="The password.")
    timeout: Duration = Field(30.0, gt=0, description="Longest time for connecting, and for each answer.")


class FtpsEndpoint(RemoteFolder, FtpsAccount):
    """Takes files from a folder of an FTP server, or uploads messages into it as files; always with TLS."""

    type: Literal["ftps"]

    def place(self, world: World) -> RemotePlace:
        """Return the server, over two connections. Raises DefinitionError if a secret is missing."""
        world.secret(self.password)
        server = Server(
            host=self.host,
            port=self.port,
            user=self.user,
            implicit=self.security == "implicit",
            name=self.server_name or self.host,
            timeout=self.timeout,
        )
        link = partial(Link, server, self.tls.context(world), partial(world.secret, self.password))
        return FtpsPlace(link(), link())
