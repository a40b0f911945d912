"""Templates and stylesheets make what a mapping cannot, and reach nothing but the message."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from esb.errors import DefinitionError, ExpressionError, MessageError
from esb.message import Message
from esb.transforms import TRANSFORMS

BODY = {"number": "0024", "lines": [{"sku": "A<1>", "qty": Decimal("2.50")}, {"sku": "B", "qty": 1}]}


def apply(spec, body=BODY, files=None):
    transform = TRANSFORMS[spec["type"]].model_validate(spec).build("x", None, files or {})
    return transform(Message(id="m", body=body, received=datetime(2026, 11, 21, tzinfo=UTC), partner="acme"))


def test_a_template_gives_text():
    text = "{% for line in body.lines %}{{ line.sku | xml }}={{ line.qty }};{% endfor %}"

    assert apply({"type": "template", "text": text}) == ("A&lt;1&gt;=2.50;B=1;", "text")


def test_a_template_for_json_gives_a_document_with_exact_numbers():
    text = '{"n": {{ body.number | tojson }}, "q": {{ body.lines[0].qty }}}'

    body, format_ = apply({"type": "template", "text": text, "format": "json"})

    assert (body, format_) == ({"n": "0024", "q": Decimal("2.50")}, "json")


def test_a_template_for_json_that_gives_none_says_so():
    with pytest.raises(ExpressionError, match=r"not JSON: .*write \| tojson"):
        apply({"type": "template", "text": '{"n": {{ body.number }}x}', "format": "json"})


def test_a_template_for_another_format_gives_ready_bytes():
    assert apply({"type": "template", "text": "ü{{ partner }}", "format": "csv"}) == ("üacme".encode(), "csv")


def test_a_template_file_includes_files_beside_it():
    files = {
        "transforms/mails/order.j2": b"Hi\r\n{% include 'mails/foot.j2' %}",
        "transforms/mails/foot.j2": b"{{ partner }}",
    }

    assert apply({"type": "template", "file": "mails/order.j2"}, files=files)[0] == "Hi\nacme"


@pytest.mark.parametrize(
    ("files", "place", "text"),
    [
        ({"transforms/a.j2": b"x\n{{ bdoy }}"}, "transforms/a.j2:2:4", "unknown name 'bdoy'"),
        (
            {"transforms/a.j2": b"{% include 'b.j2' %}", "transforms/b.j2": b"\n{{ x | uper }}"},
            "",
            "in b.j2: line 2: there is no filter",
        ),
        ({"transforms/b.j2": b""}, "", "there is no template file transforms/a.j2; there are b.j2"),
        (
            {"transforms/a.j2": b"{% include '../esb.yaml' %}", "esb.yaml": b""},
            "",
            "there is no template '../esb.yaml'",
        ),
    ],
)
def test_a_wrong_template_file_says_where(files, place, text):
    with pytest.raises(DefinitionError) as caught:
        apply({"type": "template", "file": "a.j2"}, files=files)

    assert text in str(caught.value)
    assert str(caught.value).startswith(place)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({}, "a template needs one of text and file"),
        ({"text": "a", "file": "b"}, "a template needs one of text and file"),
        ({"text": "{{ bdoy }}"}, "unknown name 'bdoy'"),
    ],
)
def test_a_wrong_template_is_refused_when_it_is_read(spec, text):
    with pytest.raises(ValidationError, match=text):
        TRANSFORMS["template"].model_validate({"type": "template", **spec})


def stylesheet(inside, head=""):
    return f'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"{head}>{inside}</xsl:stylesheet>'.encode()


TITLES = stylesheet(
    '<xsl:output method="xml" omit-xml-declaration="yes"/><xsl:param name="who"/>'
    '<xsl:template match="/order"><o by="{$who}" n="{@number}"><xsl:for-each select="line">'
    '<s><xsl:value-of select="sku"/></s></xsl:for-each></o></xsl:template>'
)
XML = '<order number="0024"><line><sku>A</sku></line><line><sku>B</sku></line></order>'
DOCUMENT = {"order": {"@number": "0024", "line": [{"sku": "A"}, {"sku": "B"}]}}


@pytest.mark.parametrize("body", [XML, XML.encode(), DOCUMENT])
def test_a_stylesheet_takes_xml_or_a_document_that_stands_for_it(body):
    spec = {"type": "xslt", "file": "t.xsl", "params": {"who": "it's {{ partner }}"}}

    made = apply(spec, body, {"transforms/t.xsl": TITLES})

    assert made == (b'<o by="it\'s acme" n="0024"><s>A</s><s>B</s></o>\n', "xml")


def test_a_stylesheet_can_give_text():
    sheet = stylesheet(
        '<xsl:output method="text"/><xsl:template match="/"><xsl:value-of select="count(//sku)"/></xsl:template>'
    )

    assert apply({"type": "xslt", "file": "t.xsl", "format": "text"}, XML, {"transforms/t.xsl": sheet}) == ("2", "text")


@pytest.mark.parametrize(
    ("sheet", "text"),
    [
        (b"<xsl", "not well-formed"),
        (stylesheet('<xsl:template match="///"/>'), "transforms/t.xsl:1:1"),
        (stylesheet('<xsl:include href="/etc/passwd"/>'), "includes nothing here"),
        (stylesheet('<xsl:import href="http://example.com/x.xsl"/>'), "includes nothing here"),
        (
            stylesheet('<xsl:template match="/"><xsl:copy-of select="document(\'/etc/passwd\')"/></xsl:template>'),
            "document() reads",
        ),
        (stylesheet('<xsl:template match="/"><a b="{document (\'x\')}"/></xsl:template>'), "document() reads"),
        (stylesheet("", ' xmlns:e="urn:e" extension-element-prefixes="e"'), "extension elements are refused"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + stylesheet(""), "no DOCTYPE"),
    ],
)
def test_a_stylesheet_that_wants_more_than_the_message_is_refused(sheet, text):
    with pytest.raises(DefinitionError) as caught:
        apply({"type": "xslt", "file": "t.xsl"}, XML, {"transforms/t.xsl": sheet})

    assert text in str(caught.value)


def test_a_stylesheet_that_is_not_there_is_named():
    with pytest.raises(DefinitionError, match=r"there is no stylesheet transforms/t\.xsl"):
        apply({"type": "xslt", "file": "t.xsl"}, XML)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<order>", "not well-formed"),
        (["a"], "takes XML, the body is a list"),
        ({"a": 1, "b": 2}, "an object with one key"),
        ({"a b": 1}, "cannot be written as XML"),
        ({"a": "\x00"}, "cannot be written as XML"),
        (b'<!DOCTYPE order [<!ENTITY x "y">]><order>&x;</order>', "DOCTYPE"),
    ],
)
def test_a_body_that_is_no_xml_is_refused(body, text):
    with pytest.raises(MessageError) as caught:
        apply({"type": "xslt", "file": "t.xsl"}, body, {"transforms/t.xsl": TITLES})

    assert text in str(caught.value)


def test_a_stylesheet_that_stops_is_an_error_of_the_message():
    sheet = stylesheet('<xsl:template match="/"><xsl:message terminate="yes">no lines</xsl:message></xsl:template>')

    with pytest.raises(ExpressionError, match="no lines"):
        apply({"type": "xslt", "file": "t.xsl"}, XML, {"transforms/t.xsl": sheet})


def test_a_stylesheet_that_never_ends_is_stopped():
    sheet = stylesheet(
        '<xsl:template match="/"><xsl:call-template name="f"/></xsl:template>'
        '<xsl:template name="f"><xsl:call-template name="f"/></xsl:template>'
    )

    with pytest.raises(ExpressionError):
        apply({"type": "xslt", "file": "t.xsl"}, XML, {"transforms/t.xsl": sheet})
