"""sftp_server: partners drop files to us by SFTP, each into a folder of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import asyncssh
from pydantic import Field, field_validator

from esb.endpoints.file.local_files import Folders, LocalFiles
from esb.endpoints.polling.ending import Ending, ending
from esb.endpoints.polling.engine import Poller
from esb.endpoints.polling.readiness import TEMPORARY, ReadyRule
from esb.endpoints.polling.taker import Polling
from esb.endpoints.sftp_server.drop_box import DONE, FAILED, DropBox
from esb.endpoints.sftp_server.listener import Listening, SftpListener, User, host_key
from esb.ports import Source
from esb.specs import Duration, EndpointSpec, PartnerName, Secret, Size, Spec, World


class SftpUser(Spec):
    """A partner who may drop files."""

    keys: tuple[str, ...] = Field(min_length=1, description="Public keys that let in: ssh-ed25519 AAAA…")
    partner: PartnerName = Field("", description="The partner that this user's files come from.")
    quota: Size = Field(1 << 30, gt=0, description="So many bytes may wait to be taken.")
    files: int = Field(10_000, ge=1, description="So many files may wait to be taken.")

    @field_validator("keys")
    @classmethod
    def _public(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            try:
                asyncssh.import_public_key(key)
            except asyncssh.KeyImportError:
                raise ValueError("write the line of the partner's .pub file: ssh-ed25519 AAAA…") from None
        return keys


class SftpServerEndpoint(EndpointSpec):
    """Lets partners drop files by SFTP, each into a folder of their own, and takes what they closed."""

    receives: ClassVar[bool] = True
    type: Literal["sftp_server"]
    address: str = Field("127.0.0.1", description="Where to listen; 0.0.0.0 for everybody who reaches this machine.")
    port: int = Field(2222, ge=0, le=65535, description="The port to listen on.")
    host_key: Secret = Field(description="Our private host key; partners pin its fingerprint.")
    directory: str = Field("sftp", min_length=1, description="Where the users' folders are; relative to the project.")
    users: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")], SftpUser] = Field(
        min_length=1, description="Who may drop files, by user name."
    )
    match: str = Field("*", min_length=1, description="Which names are taken, as a glob: *.edi")
    ignore: tuple[str, ...] = Field(TEMPORARY, description="Endings of files that wait until they are renamed.")
    poll: Duration = Field(1.0, gt=0, description="How often the folders are looked at.")
    settle: Duration = Field(1.0, ge=0, description="How long a file that was closed stays for its sender to see.")
    complete_when: Ending = Field("", description="What ends a whole file, for senders that are cut: as in sftp.")
    patience: Duration = Field(3600.0, description="A file whose end is missing for so long is put aside as failed.")
    max_size: Size = Field(1 << 30, gt=0, description="Larger files are refused while they are uploaded.")
    connections: int = Field(100, ge=1, le=10_000, description="Connections at once.")
    connections_each: int = Field(8, ge=1, le=1000, description="Connections of one user at once.")

    def source(self, name: str, world: World) -> Source:
        """Return the listener. Raises DefinitionError if the host key is missing or no key."""
        host_key(world, self.host_key)
        root = Path(os.path.normpath(world.project.absolute() / self.directory))
        users = {user: self._user(name, user, spec, root / user, world) for user, spec in self.users.items()}
        listening = Listening(name, self.address, self.port, self.host_key, self.connections, self.connections_each)
        return SftpListener(listening, users, world)

    def _user(self, name: str, user: str, spec: SftpUser, home: Path, world: World) -> User:
        end = ending(self.complete_when) if self.complete_when else None
        polling = Polling(
            name=name,
            ready=ReadyRule(self.match, self.settle, "", tuple(self.ignore), end, self.patience),
            poll=self.poll,
            together=self.concurrency,
            ordered=self.ordered,
            max_bytes=self.max_size,
        )
        folders = Folders(home / "in", home / DONE, home / FAILED)
        return User(
            name=user,
            partner=spec.partner or self.partner,
            keys=[asyncssh.import_public_key(key) for key in spec.keys],
            box=DropBox(home, spec.quota, spec.files, self.max_size),
            poller=Poller(polling, LocalFiles(name, folders), world),
        )
