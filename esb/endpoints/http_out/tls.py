"""TLS: whom we trust, and the certificate by which we prove who we are (mutual TLS)."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import Field, model_validator

from esb.errors import DefinitionError
from esb.specs import Secret, Spec, World


class Tls(Spec):
    """Our certificate, and whom we trust instead of the authorities of the system."""

    authority: Secret | None = Field(None, description="Certificates (PEM) of the only authorities to trust.")
    certificate: Secret | None = Field(None, description="Our certificate, with its chain (PEM).")
    key: Secret | None = Field(None, description="Its private key (PEM).")
    passphrase: Secret | None = Field(None, description="What the private key is encrypted with.")

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key belong together; write both")
        if self.passphrase is not None and self.key is None:
            raise ValueError("a passphrase belongs to a key; write key, too")
        return self

    def context(self, world: World) -> Callable[[], ssl.SSLContext]:
        """Return what gives the context: a new one when the secrets have changed, without a restart.

        Raises:
            DefinitionError: A secret is missing or is not what it should be; names the reference.
        """
        names = (self.authority, self.certificate, self.key, self.passphrase)
        last: list[tuple[tuple[str | None, ...], ssl.SSLContext]] = []

        def current() -> ssl.SSLContext:
            values = tuple(None if name is None else world.secret(name) for name in names)
            if not last or last[0][0] != values:
                last[:] = [(values, self._made(*values))]
            return last[0][1]

        current()
        return current

    def _made(
        self, authority: str | None, certificate: str | None, key: str | None, passphrase: str | None
    ) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cadata=authority)
        except (ssl.SSLError, ValueError) as error:
            raise DefinitionError(f"{self.authority!r} holds no certificates in PEM: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is None or key is None:
            return context
        try:
            # OpenSSL takes a certificate from a file only; this one is ours alone and gone at once.
            with tempfile.TemporaryDirectory(prefix="esb-tls-") as folder:
                pair = Path(folder, "pair.pem")
                pair.touch(0o600)
                pair.write_text(f"{key}\n{certificate}\n")
                context.load_cert_chain(pair, password=lambda: passphrase or "")
        except (ssl.SSLError, ValueError, OSError) as error:
            hint = "the key does not belong to the certificate, is not PEM, or needs another passphrase"
            raise DefinitionError(f"{self.certificate!r} with {self.key!r} cannot be used: {hint} ({error})") from error
        return context
