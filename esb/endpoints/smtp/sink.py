"""The sender of mails: every recipient is accepted before the content leaves, and the server's word is what counts."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import aiosmtplib
from aiosmtplib import SMTP

from esb.edge import Delivered
from esb.endpoints.smtp.mail import Letter, Mail, mail_of
from esb.endpoints.unreached import unreached
from esb.errors import EndpointError, EsbError, RejectedError, UnknownOutcomeError
from esb.message import Message

_FAILURES = (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError)
_WORDS = re.compile(r"[^\x20-\x7e\u00a0-\U0010ffff]+")
_CLOSING = 2.0
_UNAVAILABLE = 421


@dataclass(frozen=True, slots=True)
class Server:
    """The server that takes our mails. `password` and `tls` are read at each connection."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: Callable[[], str | None]
    tls: Callable[[], ssl.SSLContext]
    timeout: float
    hello: str = ""

    @property
    def shown(self) -> str:
        """The server for people."""
        return f"{self.host}:{self.port}"


class SmtpSink:
    """Sends a mail for each message. `skip`: recipients that are refused are left out, else nobody gets it."""

    def __init__(self, letter: Letter, server: Server, together: int, skip: bool) -> None:
        self._letter, self._server, self._skip = letter, server, skip
        self._turn = asyncio.Semaphore(together)

    async def deliver(self, message: Message, key: str) -> Delivered:
        """Send the mail of a message.

        Raises:
            RejectedError: The server refuses a recipient, the sender or the content, or the mail cannot be made.
            UnknownOutcomeError: The content left and no answer came.
            EndpointError: Nothing was sent.
        """
        mail = mail_of(self._letter, message, key)
        async with self._turn, self._connected(mail.sender.rpartition("@")[2]) as smtp:
            refused = await self._envelope(smtp, mail)
            answer = await self._content(smtp, mail)
        left_out = f"; refused: {', '.join(refused)}" if refused else ""
        count = len(mail.recipients) - len(refused)
        return Delivered(f"{mail.message_id} accepted for {count} recipients: {answer}{left_out}", answer.encode())

    async def applied(self, message: Message, key: str) -> bool | None:
        """Return that nobody can say: a mail cannot be read back."""
        return None

    async def check(self) -> str:
        """Connect, secure the connection and sign in, sending nothing. Raises EndpointError if that fails."""
        async with self._connected("localhost"):
            secured = "" if self._server.security == "none" else " over TLS"
            signed = f" as {self._server.user}" if self._server.user else ""
            return f"{self._server.shown} lets us in{secured}{signed}"

    async def close(self) -> None:
        """Nothing is kept open."""

    @asynccontextmanager
    async def _connected(self, domain: str) -> AsyncIterator[SMTP]:
        server = self._server
        smtp = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.security == "tls",
            start_tls=False,
            tls_context=None if server.security == "none" else server.tls(),
            timeout=server.timeout,
            local_hostname=server.hello or domain,
        )
        try:
            await self._open(smtp)
            yield smtp
            with contextlib.suppress(*_FAILURES):
                await smtp.quit(timeout=_CLOSING)
        finally:
            smtp.close()

    async def _open(self, smtp: SMTP) -> None:
        """Connect, secure, sign in; whatever fails here, nothing was sent."""
        server = self._server
        try:
            async with asyncio.timeout(server.timeout):
                await smtp.connect()
                if server.security == "starttls":
                    await smtp.starttls(tls_context=server.tls())
                password = server.password()
                if server.user and password is not None:
                    await smtp.login(server.user, password)
        except _FAILURES as error:
            raise EndpointError(f"{server.shown}: {reason_of(error, server.password())}; nothing was sent") from error

    async def _envelope(self, smtp: SMTP, mail: Mail) -> list[str]:
        """Name sender and recipients; return those who were refused and are left out."""
        refused: list[str] = []
        passing: list[EsbError] = []
        try:
            size = [f"SIZE={len(mail.content)}"] if smtp.supports_extension("size") else []
            await smtp.mail(mail.sender, options=size)
            for recipient in mail.recipients:
                try:
                    await smtp.rcpt(recipient)
                except aiosmtplib.SMTPRecipientRefused as error:
                    if _heals(error.code):
                        passing.append(self._refusal(error, f"recipient {recipient}"))
                    else:
                        refused.append(f"{recipient} ({error.code} {_plain(error.message)})")
        except aiosmtplib.SMTPResponseException as error:
            raise self._refusal(error, f"sender {mail.sender}") from error
        except _FAILURES as error:
            raise EndpointError(f"{self._server.shown}: {reason_of(error)}; nothing was sent") from error
        if passing:  # a recipient that is put off (greylisting) is no refusal, and must not be left out
            raise passing[0]
        if refused and (not self._skip or len(refused) == len(mail.recipients)):
            raise RejectedError(f"{self._server.shown} refuses {'; '.join(refused)}; nobody was sent anything")
        return refused

    async def _content(self, smtp: SMTP, mail: Mail) -> str:
        """Send the content and return the server's answer."""
        try:
            answer = await smtp.data(mail.content)
        except aiosmtplib.SMTPResponseException as error:
            raise self._refusal(error, "content") from error
        except _FAILURES as error:
            text = f"{self._server.shown}: {reason_of(error)} after the content was sent"
            raise UnknownOutcomeError(f"{text}; it may have been taken ({mail.message_id})") from error
        return f"{answer.code} {_plain(answer.message)}"

    def _refusal(self, error: aiosmtplib.SMTPResponseException, what: str) -> EsbError:
        """Return what a refusal means: 4xx may heal, 5xx will not (RFC 5321, 4.2.1)."""
        text = f"{self._server.shown} refuses the {what}: {error.code} {_plain(error.message)}"
        return EndpointError(text) if _heals(error.code) else RejectedError(text)


def _heals(code: int) -> bool:
    return 400 <= code < 500 or code < 0


def _plain(text: str) -> str:
    return _WORDS.sub(" ", text).strip()[:200]


def reason_of(error: BaseException, secret: str | None = None) -> str:
    """Return what went wrong, on one line and without the secret."""
    if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
        return "no answer in time"
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return f"the credentials are refused ({error.code} {_plain(error.message)})"
    text = unreached(error) or _plain(str(error)) or type(error).__name__
    return text.replace(secret, "***") if secret else text
