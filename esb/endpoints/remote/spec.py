"""What every endpoint at a file server says: which folder, which files, and where they go."""

from __future__ import annotations

import posixpath
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from esb.endpoints.file import After, Ready
from esb.endpoints.polling.engine import Poller
from esb.endpoints.polling.taker import Polling
from esb.endpoints.remote.files import Folders, RemoteFiles
from esb.endpoints.remote.place import RemotePlace
from esb.endpoints.remote.sink import RemoteSink, Target
from esb.ports import Sink, Source
from esb.specs import Duration, EndpointSpec, Size, Value, World


class RemoteFolder(EndpointSpec):
    """Takes files from a folder of a server, or uploads messages into it as files; which server, its account says."""

    receives: ClassVar[bool] = True
    delivers: ClassVar[bool] = True
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

    def place(self, world: World) -> RemotePlace:
        """Return the server; each side of each endpoint has a connection of its own, so that none waits for another.

        Raises:
            DefinitionError: A secret is missing.
        """
        raise TypeError(f"{self.type} endpoints say where they are")

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
        return Poller(polling, RemoteFiles(name, self.place(world), folders), world)

    def sink(self, name: str, world: World) -> Sink:
        """Return the uploader of files. Raises DefinitionError if a secret is missing."""
        return RemoteSink(self.place(world), Target(self.directory, self.name, self.exists == "replace"))

    def _below(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.directory, path))
