"""smtp: sends messages as mails."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from esb.endpoints.http_out.tls import Tls
from esb.endpoints.smtp.addresses import address_of
from esb.endpoints.smtp.mail import Letter
from esb.endpoints.smtp.sink import Server, SmtpSink
from esb.expressions import NAMES, Expression, compile_value
from esb.specs import VALUE_SCHEMA, Duration, EndpointSpec, Secret, Spec, World, compiled

if TYPE_CHECKING:
    MailValue: TypeAlias = Expression
else:
    MailValue = Annotated[Any, compiled(lambda source: compile_value(source, NAMES | {"content"})), VALUE_SCHEMA]

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_OURS = frozenset(
    [
        "from",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "sender",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "auto-submitted",
        "return-path",
        "received",
        "dkim-signature",
    ]
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Attach(Spec):
    """The rendered message as a file."""

    scalar: ClassVar[str | None] = "name"
    name: MailValue | None = Field(None, description="Its name; default: the message id.")
    content_type: str = Field(
        "", pattern=r"^([a-z0-9.+-]+/[a-z0-9.+-]+)?$", description="Its media type; default: that of the format."
    )


class SmtpEndpoint(EndpointSpec):
    """Sends messages as mails."""

    delivers: ClassVar[bool] = True
    type: Literal["smtp"]
    host: str = Field(pattern=r"^[A-Za-z0-9._:-]+$", max_length=255, description="Name or address of the server.")
    port: int | None = Field(None, ge=1, le=65535, description="Its port; default: 587, with tls 465, with none 25.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is secured; none only to a server on this machine."
    )
    user: str = Field("", max_length=255, description="Who signs in.")
    password: Secret | None = Field(None, description="The password.")
    tls: Tls | None = Field(None, description="Our certificate, and whom we trust.")
    timeout: Duration = Field(30.0, gt=0, description="Longest time for each answer of the server.")
    hello: str = Field(
        "", pattern=r"^[A-Za-z0-9.\[\]:-]*$", description="What we call ourselves; default: the domain of from."
    )
    from_: MailValue = Field(alias="from", description='Who writes: "Orders <orders@house.example>".')
    to: MailValue = Field(description="Who gets it: an address, or a list.")
    cc: MailValue | None = Field(None, description="Who gets a copy.")
    bcc: MailValue | None = Field(None, description="Who gets a copy that the others do not see.")
    reply_to: MailValue | None = Field(None, description="Where answers go.")
    allowed: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description='Recipients that expressions may give, as globs: "*@partner.example".'
    )
    subject: MailValue = Field(description="The subject.")
    text: MailValue | None = Field(None, description="The text; `content` is the rendered message, and the default.")
    html: MailValue | None = Field(None, description="The text as HTML, beside or instead of text.")
    attach: Attach | Literal[True] | None = Field(None, description="Attaches the rendered message; true or its name.")
    headers: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,60}$")], MailValue] = Field(
        default_factory=dict, description="More headers."
    )
    refused: Literal["fail", "skip"] = Field(
        "fail", description="When the server refuses a recipient: nobody gets it, or the others do."
    )

    @field_validator("headers")
    @classmethod
    def _others(cls, headers: dict[str, Expression]) -> dict[str, Expression]:
        for name in headers:
            if name.lower() in _OURS:
                raise ValueError(f"{name} is made by the endpoint")
        return headers

    @model_validator(mode="after")
    def _bounded(self) -> SmtpEndpoint:
        for what in ("from_", "to", "cc", "bcc", "reply_to"):
            value: Expression | None = getattr(self, what)
            if value is None:
                continue
            if value.kind != "literal":
                if what in ("to", "cc", "bcc") and not self.allowed:
                    raise ValueError(f'{what} comes from messages: write allowed: ["*@partner.example"]')
                continue
            _check_addresses(value.source, what.rstrip("_"))
        if self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError("mail leaves this machine only secured; write security: starttls or tls")
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password belong together")
        return self

    def sink(self, name: str, world: World) -> SmtpSink:
        """Return the sender. Raises DefinitionError if a secret is missing."""
        attach = self.attach if isinstance(self.attach, Attach) else None
        text = self.text
        if text is None and self.html is None and self.attach is None:
            text = compile_value("{{ content }}", NAMES | {"content"})
        letter = Letter(
            sender=self.from_,
            to=self.to,
            cc=self.cc,
            bcc=self.bcc,
            reply_to=self.reply_to,
            subject=self.subject,
            text=text,
            html=self.html,
            attach=attach.name if attach else None,
            attached=self.attach is not None,
            content_type=attach.content_type if attach else "",
            headers=self.headers,
            allowed=self.allowed,
        )
        return SmtpSink(letter, self._server(world), self.concurrency, self.refused == "skip")

    def _server(self, world: World) -> Server:
        def password() -> str | None:
            return None if self.password is None else world.secret(self.password)

        password()
        return Server(
            host=self.host,
            port=self.port or _PORTS[self.security],
            security=self.security,
            user=self.user,
            password=password,
            tls=self.tls.context(world) if self.tls else ssl.create_default_context,
            timeout=self.timeout,
            hello=self.hello,
        )


def _check_addresses(source: Any, what: str) -> None:
    for each in source if isinstance(source, list | tuple) else [source]:
        try:
            address_of(str(each))
        except ValueError as error:
            raise ValueError(f"{what}: {each!r} is no address: {error}") from error
