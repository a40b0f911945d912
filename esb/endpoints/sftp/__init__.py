"""sftp: takes the files that appear at an SFTP server, and uploads messages as files."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field, field_validator, model_validator

from esb.endpoints.remote.place import RemotePlace
from esb.endpoints.remote.spec import RemoteFolder
from esb.endpoints.sftp.account import Account, Credentials, connect, fingerprint_of
from esb.endpoints.sftp.place import Place
from esb.endpoints.sftp.session import Link
from esb.specs import Duration, EndpointSpec, Secret, Spec, World


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


class SftpAccount(EndpointSpec):
    """Who signs in where, and whom we believe to be that server."""

    host: str = Field(pattern=r"^[A-Za-z0-9._:-]+$", max_length=255, description="Name or address of the server.")
    port: int = Field(22, ge=1, le=65535, description="Its port.")
    user: str = Field(min_length=1, max_length=128, description="Who signs in.")
    auth: SftpAuth = Field(description="How we prove who we are.")
    host_key: str | tuple[str, ...] = Field(
        (), description="Fingerprint (SHA256:…) or public key of the server; two while it changes."
    )
    timeout: Duration = Field(30.0, gt=0, description="Longest time for connecting, and for each answer.")

    @field_validator("host_key")
    @classmethod
    def _fingerprints(cls, given: str | tuple[str, ...]) -> tuple[str, ...]:
        return tuple(fingerprint_of(text) for text in ([given] if isinstance(given, str) else given))


class SftpEndpoint(RemoteFolder, SftpAccount):
    """Takes files from a folder of an SFTP server, or uploads messages into it as files."""

    type: Literal["sftp"]

    def place(self, world: World) -> RemotePlace:
        """Return the server. Raises DefinitionError if a secret is missing."""
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
