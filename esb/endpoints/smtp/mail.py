"""Mail: what a message becomes as a mail. The same message always makes the same bytes, boundaries and ids too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from esb.endpoints.outgoing import readable, wire_bytes
from esb.endpoints.polling.names import name_fault, shown
from esb.endpoints.smtp.addresses import addresses_of
from esb.errors import ExpressionError, RejectedError
from esb.expressions import Expression, scope_of
from esb.message import Message, derive

_LONGEST_SUBJECT = 900
_EXTENSIONS = {"text": "txt", "bytes": "bin", "fixed_width": "txt"}
_TYPES = {
    "json": "application/json",
    "xml": "application/xml",
    "csv": "text/csv",
    "text": "text/plain",
    "x12": "application/edi-x12",
    "edifact": "application/edifact",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """What is written on a mail and into it. `attach` names the attachment that holds the rendered message."""

    sender: Expression
    to: Expression
    cc: Expression | None
    bcc: Expression | None
    reply_to: Expression | None
    subject: Expression
    text: Expression | None
    html: Expression | None
    attach: Expression | None
    attached: bool
    content_type: str
    headers: Mapping[str, Expression]
    allowed: Sequence[str]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail and its envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    message_id: str


def mail_of(letter: Letter, message: Message, key: str) -> Mail:
    """Return the mail of a message.

    Raises:
        RejectedError: An address, a name or a header cannot be used.
        ExpressionError: A field has no value for this message.
    """
    seen = readable(message)
    raw = wire_bytes(message)
    scope = {**scope_of(seen), "content": raw.decode("utf-8", "replace")}

    def value(expression: Expression | None) -> Any:
        return None if expression is None else expression(seen.body, scope)

    def people(expression: Expression | None, what: str, allowed: Sequence[str]) -> tuple[Address, ...]:
        return addresses_of(value(expression), what, allowed)

    senders = people(letter.sender, "from", ())
    to, cc, bcc = (people(each, what, _allowed(each, letter)) for each, what in _recipients(letter))
    if len(senders) != 1 or not (to or cc or bcc):
        raise RejectedError("a mail needs one address under from and at least one under to, cc or bcc")
    mail = EmailMessage(policy=SMTP)
    name = f"<{derive('mail', key)}@{senders[0].domain}>"
    for header, found in (
        ("From", senders),
        ("To", to),
        ("Cc", cc),
        ("Reply-To", people(letter.reply_to, "reply_to", ())),
    ):
        if found:
            mail[header] = found
    mail["Subject"] = _line(value(letter.subject), "subject", _LONGEST_SUBJECT)
    mail["Date"] = format_datetime(message.received)
    mail["Message-ID"] = name
    mail["Auto-Submitted"] = "auto-generated"
    for header, expression in letter.headers.items():
        mail[header] = _line(value(expression), header, _LONGEST_SUBJECT)
    _fill(mail, letter, _text(value(letter.text), "text"), _text(value(letter.html), "html"))
    if letter.attached:
        _attach(mail, message, raw, letter.content_type, _filename(value(letter.attach), message))
    for number, part in enumerate(part for part in mail.walk() if part.is_multipart()):
        part.set_boundary(f"=_{derive('boundary', key, number)}")
    recipients = dict.fromkeys(address.addr_spec for address in (*to, *cc, *bcc))
    return Mail(senders[0].addr_spec, tuple(recipients), mail.as_bytes(), name)


def _allowed(expression: Expression | None, letter: Letter) -> Sequence[str]:
    """Return what recipients are held to: what was written out needs nobody's leave."""
    return () if expression is None or expression.kind == "literal" else letter.allowed


def _recipients(letter: Letter) -> Sequence[tuple[Expression | None, str]]:
    return ((letter.to, "to"), (letter.cc, "cc"), (letter.bcc, "bcc"))


def _fill(mail: EmailMessage, letter: Letter, text: str | None, html: str | None) -> None:
    if text is not None or html is None:
        mail.set_content(text or "", cte=None if (text or "").isascii() else "quoted-printable")
        if html is not None:
            mail.add_alternative(html, subtype="html", cte="quoted-printable")
    else:
        mail.set_content(html, subtype="html", cte="quoted-printable")


def _attach(mail: EmailMessage, message: Message, raw: bytes, written: str, filename: str) -> None:
    kind = written or _TYPES.get(message.format.partition("/")[0], "application/octet-stream")
    main, _, sub = kind.partition(";")[0].strip().partition("/")
    mail.add_attachment(raw, maintype=main, subtype=sub or "octet-stream", filename=filename)


def _filename(given: Any, message: Message) -> str:
    if given is None:
        kind = message.format.partition("/")[0]
        return f"{message.id}.{_EXTENSIONS.get(kind, kind)}"
    name = _line(given, "attach", 200)
    if fault := name_fault(name):
        raise RejectedError(f"the attachment cannot be called {shown(name)}: {fault}")
    return name


def _line(given: Any, what: str, longest: int) -> str:
    """Return the text of one line; a line break would begin another header."""
    text = _text(given, what) or ""
    if not text.isprintable():
        raise RejectedError(f"{what} holds line breaks or control characters")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _text(given: Any, what: str) -> str | None:
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    raise ExpressionError(f"{what} gives {type(given).__name__}, not a text")
