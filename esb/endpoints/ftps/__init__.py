"""ftps: takes the files that appear at an FTP server with TLS, and uploads messages as files."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from esb.endpoints.file import After, Ready
from esb.endpoints.ftps.place import FtpsPlace
from esb.endpoints.ftps.session import Link
from esb.endpoints.ftps.wire import Server
from esb.endpoints.http_out.tls import Tls
from esb.endpoints.polling.engine import Poller
from esb.endpoints.polling.taker import Polling
from esb.endpoints.remote.files import Folders, RemoteFiles
from esb.endpoints.remote.sink import RemoteSink, Target
from esb.ports import Sink, Source
from esb.specs import Duration, EndpointSpec, Secret, Size, Value, World


class FtpsEndpoint(EndpointSpec):
    """Takes files from a folder of an FTP server, or uploads messages into it as files; always with TLS."""

    receives: ClassVar[bool] = True
    delivers: ClassVar[bool] = True
    type: Literal["ftps"]
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
    directory: str = Field(min_length=1, description="The folder at the server; absolute, or from where one signs in.")
    match: str = Field("*", min_length=1, description="Which names are taken, as a glob: *.edi")
    recursive: bool = Field(False, description="Also takes files from folders below the directory.")
    poll: Duration = Field(30.0, gt=0, description="How often the directory is looked at.")
    ready: Ready = Field(default_factory=Ready, description="When a file is complete.")
    after: After = Field(default_factory=After, description="Where files go afterwards, at the server.")
    max_size: Size = Field(1 << 30, gt=0, description="Larger files are put aside as failed.")
    lease: Duration = Field(30.0, gt=0, description="How long a worker that died keeps others from polling.")
    name: Value | None = Field(None, description="Name of an uploaded file; default: the message id.")
    exists: Literal["same", "replace"] = Field(
        "same", description="A file with the same content is this delivery; other content: an error, or replaced."
    )

    @field_validator("directory")
    @classmethod
    def _normal(cls, directory: str) -> str:
        return posixpath.normpath(directory)

    def source(self, name: str, world: World) -> Source:
        """Return the poller of the directory. Raises DefinitionError if a secret is missing."""
        polling = Polling(
            name=name,
            ready=self.ready.rule(self.match),
            poll=self.poll,
            recursive=self.recursive,
            together=self.concurrency,
            ordered=self.ordered,
            max_bytes=self.max_size,
            partner=self.partner,
        )
        folders = Folders(
            inbox=self.directory,
            ok=self._below(self.after.ok),
            failed=self._below(self.after.failed),
            lease=self.lease,
            spool=world.state / "spool",
        )
        return Poller(polling, RemoteFiles(name, self._place(world), folders), world)

    def sink(self, name: str, world: World) -> Sink:
        """Return the uploader of files. Raises DefinitionError if a secret is missing."""
        return RemoteSink(self._place(world), Target(self.directory, self.name, self.exists == "replace"))

    def _place(self, world: World) -> FtpsPlace:
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

    def _below(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.directory, path))
