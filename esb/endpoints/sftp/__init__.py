"""sftp: takes the files that appear at an SFTP server, and uploads messages as files."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from esb.endpoints.file import After, Ready
from esb.endpoints.polling.engine import Poller
from esb.endpoints.polling.taker import Polling
from esb.endpoints.remote.files import Folders, RemoteFiles
from esb.endpoints.remote.sink import RemoteSink, Target
from esb.endpoints.sftp.account import Account, Credentials, connect, fingerprint_of
from esb.endpoints.sftp.place import Place
from esb.endpoints.sftp.session import Link
from esb.ports import Sink, Source
from esb.specs import Duration, EndpointSpec, Secret, Size, Spec, Value, World


class SftpAuth(Spec):
    """How we prove who we are: a key, a password, or both where the server asks for both."""

    key: Secret | None = Field(None, description="The private key, as a text (OpenSSH or PEM).")
    passphrase: Secret | None = Field(None, description="What the private key is encrypted with.")
    password: Secret | None = Field(None, description="The password.")

    @model_validator(mode="after")
    def _some_way(self) -> SftpAuth:
        if self.key is None and self.password is None:
            raise ValueError("write key, password, or both, as references to secrets")
        if self.passphrase is not None and self.key is None:
            raise ValueError("a passphrase belongs to a key; write key, too")
        return self

    def credentials(self, world: World) -> Credentials:
        """Return the values. Raises DefinitionError naming the reference of one that is missing."""
        password, key, passphrase = (
            None if each is None else world.secret(each) for each in (self.password, self.key, self.passphrase)
        )
        return Credentials(password, key, passphrase)


class SftpEndpoint(EndpointSpec):
    """Takes files from a folder of an SFTP server, or uploads messages into it as files."""

    receives: ClassVar[bool] = True
    delivers: ClassVar[bool] = True
    type: Literal["sftp"]
    host: str = Field(pattern=r"^[A-Za-z0-9._:-]+$", max_length=255, description="Name or address of the server.")
    port: int = Field(22, ge=1, le=65535, description="Its port.")
    user: str = Field(min_length=1, max_length=128, description="Who signs in.")
    auth: SftpAuth = Field(description="How we prove who we are.")
    host_key: str | tuple[str, ...] = Field(
        (), description="Fingerprint (SHA256:…) or public key of the server; two while it changes."
    )
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

    @field_validator("host_key")
    @classmethod
    def _fingerprints(cls, given: str | tuple[str, ...]) -> tuple[str, ...]:
        return tuple(fingerprint_of(text) for text in ([given] if isinstance(given, str) else given))

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

    def _place(self, world: World) -> Place:
        """Return the server; each side of each endpoint has a connection of its own, so that none waits for another."""
        self.auth.credentials(world)
        account = Account(
            host=self.host,
            port=self.port,
            user=self.user,
            pins=frozenset(self.host_key),
            credentials=partial(self.auth.credentials, world),
            timeout=self.timeout,
        )
        return Place(Link(partial(connect, account)))

    def _below(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.directory, path))
