"""smtp: mails reach a real server whole, secured, once for each id, and bring nothing that a message smuggled in."""

import asyncio
import email
import email.policy
import json
import ssl
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiosmtpd import smtp as aiosmtpd
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from esb.endpoints.smtp import SmtpEndpoint
from esb.endpoints.smtp.addresses import address_of, addresses_of
from esb.errors import DefinitionError, EndpointError, ExpressionError, RejectedError, UnknownOutcomeError
from esb.message import Message
from esb.testing.endpoint_kit import TestWorld, order, raised
from esb.testing.endpoint_suite import SinkSuite

PASSWORD = {"secret://env/PW": "s3cr3t-pw"}
PLAIN = {
    "type": "smtp",
    "host": "127.0.0.1",
    "security": "none",
    "from": "Order desk <orders@house.example>",
    "to": ["buyer@acme.example"],
    "subject": "Order {{ body.order.number }}",
}


class Handler:
    """A server's own side: keeps what it takes, and says no where it is told to."""

    def __init__(self):
        self.mails, self.refuse, self.answer, self.after, self.helos = [], {}, "250 OK queued as 1", None, []

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.helos.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer.startswith("250"):
            self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        if self.after is not None:
            await self.after(server)
        return self.answer


@asynccontextmanager
async def server(folder, pki=None, **options):
    """Serve SMTP on loopback; with `pki` it offers STARTTLS, or speaks TLS from the start (`implicit`)."""
    handler, context, implicit = Handler(), None, options.pop("implicit", False)
    if pki:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (folder / "server.pem").write_text("".join(pki["server"]))
        context.load_cert_chain(folder / "server.pem")
    given = {"tls_context": context} if context and not implicit else {}

    def protocol():
        return aiosmtpd.SMTP(handler, loop=asyncio.get_running_loop(), hostname="mail.test", **given, **options)

    made = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=context if implicit else None)
    handler.port = made.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        made.close()


def sink_to(handler, folder, secrets=None, **options):
    spec = SmtpEndpoint.model_validate({**PLAIN, "port": handler.port, **options})
    return spec.sink("mail", TestWorld(folder, secrets or dict(PASSWORD)))


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def message(document):
    return order(1, json.dumps(document).encode())


async def test_a_mail_says_who_to_whom_and_what(tmp_path):
    async with server(tmp_path) as handler:
        options = {
            "cc": "cc@acme.example",
            "allowed": ["*@x.example"],
            "bcc": "secret@house.example",
            "reply_to": "desk@house.example",
        }
        done = await sink_to(handler, tmp_path, text="Grüße zu {{ body.order.number }}\n", **options).deliver(
            order(7), "k7"
        )

    sender, recipients, content = handler.mails[0]
    mail = parsed(content)
    assert sender == "orders@house.example"
    assert recipients == ["buyer@acme.example", "cc@acme.example", "secret@house.example"]
    assert (mail["From"], mail["To"], mail["Cc"]) == (
        "Order desk <orders@house.example>",
        "buyer@acme.example",
        "cc@acme.example",
    )
    assert (mail["Subject"], mail["Reply-To"]) == ("Order PO-7", "desk@house.example")
    assert mail.get_content().strip() == "Grüße zu PO-7"
    assert b"secret@house" not in content
    assert "queued as 1" in done.detail
    assert handler.helos == ["house.example"]


async def test_the_rendered_message_is_the_text_unless_it_is_attached(tmp_path):
    async with server(tmp_path) as handler:
        await sink_to(handler, tmp_path).deliver(order(1), "k1")
        await sink_to(handler, tmp_path, attach=True, text="see below").deliver(order(1), "k2")

    first, second = (parsed(content) for _, _, content in handler.mails)
    assert json.loads(first.get_content())["order"]["number"] == "PO-1"
    (attached,) = second.iter_attachments()
    assert attached.get_content_type() == "application/json"
    assert attached.get_content() == order(1).body
    assert attached.get_filename() == f"{order(1).id}.json"
    assert second.get_body().get_content().strip() == "see below"


async def test_an_attachment_keeps_its_bytes_and_gets_its_name(tmp_path):
    body = bytes(range(256)) * 50
    async with server(tmp_path) as handler:
        sent = Message(id="m", body=body, received=order(1).received, format="x12/850")
        attach = {"name": "order-{{ message.id }}-ü.edi"}
        await sink_to(handler, tmp_path, subject="x", text="x", html="<p>x</p>", attach=attach).deliver(sent, "k")

    mail = parsed(handler.mails[0][2])
    (attached,) = mail.iter_attachments()
    assert attached.get_content() == body
    assert (attached.get_content_type(), attached.get_filename()) == ("application/edi-x12", "order-m-ü.edi")
    assert mail.get_body(("html",)).get_content().strip() == "<p>x</p>"


async def test_a_repeat_is_the_same_mail_byte_for_byte(tmp_path):
    async with server(tmp_path) as handler:
        for key in ("k", "k", "other"):
            await sink_to(handler, tmp_path, html="<b>ä</b>", text="ä", attach=True).deliver(order(1), key)

    (_, _, first), (_, _, second), (_, _, other) = handler.mails
    assert first == second
    assert parsed(first)["Message-ID"] != parsed(other)["Message-ID"]


async def test_a_connection_is_secured_before_anything_is_said(tmp_path, pki):
    secrets = {**PASSWORD, "secret://file/ca": pki["ca"]}
    options = {"security": "starttls", "tls": {"authority": "secret://file/ca"}}
    async with server(tmp_path, pki, require_starttls=True) as handler:
        await sink_to(handler, tmp_path, secrets, **options).deliver(order(1), "k")
        good = await sink_to(handler, tmp_path, secrets, **options).check()
        distrusting = sink_to(handler, tmp_path, security="starttls")
        error = await raised(distrusting.deliver(order(1), "k"), EndpointError)

    assert len(handler.mails) == 1
    assert "over TLS" in good
    assert "certificate" in str(error).lower()


async def test_tls_from_the_start_works_too(tmp_path, pki):
    secrets = {**PASSWORD, "secret://file/ca": pki["ca"]}
    options = {"security": "tls", "tls": {"authority": "secret://file/ca"}}
    async with server(tmp_path, pki, implicit=True) as handler:
        await sink_to(handler, tmp_path, secrets, **options).deliver(order(1), "k")

    assert len(handler.mails) == 1


async def test_a_server_that_offers_no_security_gets_nothing(tmp_path):
    async with server(tmp_path) as handler:
        sink = sink_to(handler, tmp_path, security="starttls", user="u", password="secret://env/PW")
        error = await raised(sink.deliver(order(1), "k"), EndpointError)

    assert handler.mails == []
    assert "nothing was sent" in str(error)
    assert type(error) is EndpointError


async def test_we_sign_in_where_we_are_asked_to(tmp_path, pki):
    def authenticate(server, session, envelope, mechanism, data):
        known = data.login == b"esb" and data.password == b"s3cr3t-pw"
        return aiosmtpd.AuthResult(success=known, handled=known)

    secrets = {**PASSWORD, "secret://file/ca": pki["ca"]}
    options = {"security": "starttls", "tls": {"authority": "secret://file/ca"}, "password": "secret://env/PW"}
    async with server(tmp_path, pki, authenticator=authenticate, auth_required=True) as handler:
        await sink_to(handler, tmp_path, secrets, user="esb", **options).deliver(order(1), "k")
        error = await raised(
            sink_to(handler, tmp_path, secrets, user="eve", **options).deliver(order(1), "k"), EndpointError
        )

    assert len(handler.mails) == 1
    assert "credentials are refused" in str(error)
    assert "s3cr3t-pw" not in str(error)


BOTH = {"to": ["a@acme.example", "b@acme.example"]}


async def test_a_recipient_that_is_refused_stops_the_mail_for_all_and_is_named(tmp_path):
    async with server(tmp_path) as handler:
        handler.refuse = {"b@acme.example": "550 5.1.1 no such user"}
        error = await raised(sink_to(handler, tmp_path, **BOTH).deliver(order(1), "k"), RejectedError)

    assert handler.mails == []
    assert "b@acme.example (550 5.1.1 no such user)" in str(error)


async def test_or_the_others_get_it_and_the_trace_says_who_did_not(tmp_path):
    async with server(tmp_path) as handler:
        handler.refuse = {"b@acme.example": "550 5.1.1 no such user"}
        done = await sink_to(handler, tmp_path, **BOTH, refused="skip").deliver(order(1), "k")
        handler.refuse["a@acme.example"] = "550 5.1.1 no such user"
        await raised(sink_to(handler, tmp_path, **BOTH, refused="skip").deliver(order(1), "k"), RejectedError)

    assert [recipients for _, recipients, _ in handler.mails] == [["a@acme.example"]]
    assert "refused: b@acme.example" in done.detail


@pytest.mark.parametrize("refused", ["fail", "skip"])
async def test_a_recipient_that_is_put_off_is_tried_again_and_never_left_out(tmp_path, refused):
    async with server(tmp_path) as handler:
        handler.refuse = {"b@acme.example": "451 4.7.1 greylisted"}
        error = await raised(sink_to(handler, tmp_path, **BOTH, refused=refused).deliver(order(1), "k"), EndpointError)

    assert handler.mails == []
    assert type(error) is EndpointError
    assert "greylisted" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind"), [("554 5.6.0 content refused", RejectedError), ("452 4.3.1 disk full", EndpointError)]
)
async def test_the_servers_word_about_the_content_counts(tmp_path, answer, kind):
    async with server(tmp_path) as handler:
        handler.answer = answer
        error = await raised(sink_to(handler, tmp_path).deliver(order(1), "k"), kind)

    assert type(error) is kind
    assert answer[4:] in str(error)


@pytest.mark.parametrize("how", ["hang_up", "silence"])
async def test_no_answer_to_the_content_leaves_the_outcome_unknown(tmp_path, how):
    async def hang_up(server):
        server.transport.abort()

    async def silence(server):
        await asyncio.sleep(30)

    async with server(tmp_path) as handler:
        handler.after = {"hang_up": hang_up, "silence": silence}[how]
        error = await raised(sink_to(handler, tmp_path, timeout="500ms").deliver(order(1), "k"), EndpointError)

    assert type(error) is UnknownOutcomeError
    assert parsed(handler.mails[0][2])["Message-ID"] in str(error)


async def test_a_mail_larger_than_the_server_takes_is_a_refusal(tmp_path):
    async with server(tmp_path, data_size_limit=1000) as handler:
        large = order(1, b'"' + b"x" * 5000 + b'"')
        await raised(sink_to(handler, tmp_path, subject="x").deliver(large, "k"), RejectedError)

    assert handler.mails == []


async def test_a_server_that_never_speaks_is_left_in_time(tmp_path):
    hanging = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    handler = SimpleNamespace(port=hanging.sockets[0].getsockname()[1])
    error = await raised(sink_to(handler, tmp_path, timeout="300ms").deliver(order(1), "k"), EndpointError)
    hanging.close()

    assert type(error) is EndpointError
    assert "in time" in str(error)


# -- what comes from messages


FROM_MESSAGE = {"to": "$.mail", "allowed": ["*@acme.example", "*@acme2.example"], "subject": "{{ body.subject }}"}


@pytest.mark.parametrize(
    "mail",
    [
        "eve@evil.example", "a@acme.example\nBcc: eve@evil.example", "a@acme.example, eve@evil.example",
        "<a@acme.example> SIZE=1", "a@acme.example>\r\nRCPT TO:<eve@evil.example", "@acme.example", "a@", "", [],
        "a b@c.de", ["a@acme.example", "eve@evil.example"], {"a": 1}, "a@acme.example.evil.example",
        '"x"@acme.example', "ä@acme.example", ["a@acme.example"] * 101,
    ],
)  # fmt: skip
async def test_a_recipient_that_is_none_or_not_allowed_gets_nothing(tmp_path, mail):
    async with server(tmp_path) as handler:
        sink = sink_to(handler, tmp_path, **FROM_MESSAGE)
        await raised(sink.deliver(message({"mail": mail, "subject": "x"}), "k"), RejectedError)

    assert handler.mails == []


async def test_a_subject_brings_no_header_of_its_own(tmp_path):
    async with server(tmp_path) as handler:
        sink = sink_to(handler, tmp_path, **FROM_MESSAGE, headers={"X-Ref": "{{ body.ref }}"})
        for bad in ({"subject": "x\r\nBcc: e@evil.example"}, {"ref": "1\nX: y"}, {"subject": "a\u2028b"}):
            given = {"mail": "a@acme.example", "subject": "x", "ref": "1", **bad}
            await raised(sink.deliver(message(given), "k"), RejectedError)
        await raised(sink.deliver(message({"mail": "a@acme.example", "subject": {}, "ref": "1"}), "k"), ExpressionError)
        good = {"mail": ["Ä. Käufer <a@acme.example>", "a@acme2.example"], "subject": "ü" * 2000, "ref": "7"}
        await sink.deliver(message(good), "k")

    mail = parsed(handler.mails[0][2])
    assert mail["To"].addresses[0].display_name == "Ä. Käufer"
    assert len(mail["Subject"]) == 900
    assert mail["X-Ref"] == "7"
    assert mail["Bcc"] is None


async def test_an_attachment_is_never_called_like_a_path(tmp_path):
    async with server(tmp_path) as handler:
        sink = sink_to(handler, tmp_path, subject="x", attach="{{ body.name }}")
        for name in ("../x", "a/b", "a\x00b", "x\r\ny"):
            await raised(sink.deliver(message({"name": name}), "k"), RejectedError)

    assert handler.mails == []


@given(st.text(max_size=60))
def test_no_text_becomes_an_address_with_a_line_break_or_two_recipients(text):
    try:
        found = address_of(text)
    except ValueError:
        return

    assert found.addr_spec.count("@") == 1
    assert found.addr_spec.isascii()
    assert not set(found.addr_spec) & set(' \r\n<>,;:"\\')
    assert str(found).isprintable()


def test_addresses_are_named_once_and_domains_may_be_written_in_any_script():
    found = addresses_of(["A <a@x.example>", "a@X.example", "b@bücher.example"], "to", ["*@*.example"])

    assert [address.addr_spec for address in found] == ["a@x.example", "b@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"to": "$.mail"}, "allowed"),
        ({"to": "nobody"}, "no address"),
        ({"from": "Orders"}, "no address"),
        ({"host": "mail.example"}, "only secured"),
        ({"user": "u"}, "belong together"),
        ({"headers": {"Bcc": "x@y.example"}}, "made by the endpoint"),
        ({"headers": {"X Y": "x"}}, "pattern"),
        ({"attach": {"content_type": "x\r\ny"}}, "pattern"),
        ({"hello": "x\r\ny"}, "pattern"),
        ({"password": "pw", "user": "u"}, "secret"),
    ],
)
def test_definitions_that_cannot_work_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        SmtpEndpoint.model_validate({**PLAIN, **options})


def test_a_missing_secret_is_named(tmp_path):
    spec = SmtpEndpoint.model_validate({**PLAIN, "user": "u", "password": "secret://env/NONE"})

    with pytest.raises(DefinitionError, match="secret://env/NONE"):
        spec.sink("mail", TestWorld(tmp_path))


class TestSmtpSink(SinkSuite):
    @asynccontextmanager
    async def open_receiver(self, folder):
        made = SimpleNamespace()
        async with server(folder) as handler:
            options = {"subject": "x", "attach": True, "timeout": "5s"}
            made.sink = sink_to(handler, folder, **options)

            async def fail(how):
                handler.refuse = {"buyer@acme.example": "550 no"} if how == "refusing" else {}
                where = SimpleNamespace(port=1) if how == "down" else handler
                made.sink = sink_to(where, folder, **options)

            async def effects():
                """Return what people see whose mail system keeps one of mails with one id."""
                mails = [parsed(content) for _, _, content in handler.mails]
                return list({m["Message-ID"]: next(m.iter_attachments()).get_content() for m in mails}.values())

            made.fail, made.effects = fail, effects
            yield made
