"""XML: a documented rule between elements and objects, and nothing from outside the document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.edge import Part
from esb.errors import DefinitionError, FormatError
from esb.formats import Xml

texts = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=6).filter(
    lambda text: text.strip() and "\ufffe" not in text and "\uffff" not in text
)
names = st.sampled_from(["a", "b", "line", "ns.x", "é"])
contents = st.recursive(
    texts, lambda inner: st.dictionaries(names | names.map(lambda name: f"@{name}"), inner, min_size=1, max_size=3)
)


def read(data: bytes, each: str | None = None, step: int = 1 << 20, **spec: Any) -> list[Part]:
    reader = Xml(**spec).build({}).reader(each)
    parts: list[Part] = []
    for at in range(0, len(data), step):
        parts += reader.feed(data[at : at + step])
    return parts + list(reader.end())


def only(data: bytes, **spec: Any) -> Any:
    (part,) = read(data, **spec)
    return part.error or part.body


def test_elements_attributes_and_repeats_become_objects_and_lists():
    data = b'<order no="7"><sku>A</sku><sku>B</sku><note/><to>x<b>y</b>z</to></order>'

    assert only(data) == {"order": {"@no": "7", "sku": ["A", "B"], "note": "", "to": {"b": "y", "#text": "xz"}}}


def test_a_child_that_may_repeat_is_a_list_when_it_is_declared():
    assert only(b"<order><line>1</line></order>", list=["line"]) == {"order": {"line": ["1"]}}


def test_namespaces_are_dropped_or_kept():
    data = b'<o:order xmlns:o="urn:x" o:no="1"><o:sku>A</o:sku></o:order>'

    assert only(data) == {"order": {"@no": "1", "sku": "A"}}
    assert only(data, namespaces="keep") == {"{urn:x}order": {"@{urn:x}no": "1", "{urn:x}sku": "A"}}


def test_the_source_can_be_kept_as_it_is():
    assert only(b"<a><b>1</b></a>", **{"as": "source"}) == "<a><b>1</b></a>"


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x "' + b"y" * 1000 + b'"><!ENTITY z "' + b"&x;" * 1000 + b'">]><a>&z;&z;</a>',
    ],
)
def test_a_document_type_is_refused(data: bytes):
    error = only(data)

    assert isinstance(error, str) and "document type" in error
    assert "root:" not in error


def test_a_syntax_error_says_line_and_column():
    assert only(b"<a>\n <b></c>\n</a>").startswith("xml: line 2, column 9: Opening and ending tag mismatch")


def test_nesting_is_bounded():
    assert only(b"<a>" * 90 + b"x" + b"</a>" * 90, depth=50) == "xml: nested deeper than 50"


def test_each_element_at_a_path_is_a_document_and_the_others_are_forgotten():
    data = b"<orders><head><order>no</order></head><order><i>1</i></order>\n<order><i>2</i></order></orders>"

    parts = read(data, "/orders/order", step=5)

    assert [part.body for part in parts] == [{"order": {"i": "1"}}, {"order": {"i": "2"}}]


def test_what_came_before_a_syntax_error_is_kept():
    parts = read(b"<orders><order>1</order><order>2</oops></orders>", "/orders/order")

    assert [part.body for part in parts] == [{"order": "1"}, None]
    assert parts[1].error.endswith("nothing after it was read")


def test_an_element_over_the_limit_ends_the_reading():
    data = b"<orders><order>1</order><order>" + b"x" * 5000 + b"</order></orders>"

    parts = read(data, "/orders/order", step=500, limit="1KB")

    assert parts[0].body == {"order": "1"} and "element 2 is larger than 1000 bytes" in parts[1].error


@given(names, contents)
def test_what_is_written_is_read_back(name: str, content: Any):
    document = {name: _with_text_attributes(content)}

    assert only(Xml(depth=250).build({}).render(document)) == document


def _with_text_attributes(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return {
        name: value if isinstance(value, str) or not name.startswith("@") else "x"
        for name, value in ((name, _with_text_attributes(value)) for name, value in content.items())
    }


@pytest.mark.parametrize(
    "document",
    [{"a": 1, "b": 2}, [], {"a b": 1}, {"a": {"@": "x"}}, {"a": "\x00"}, {"a": [1, 2]}, {"a": {"b": object()}}],
)
def test_what_xml_cannot_say_is_refused_with_a_reason(document: Any):
    with pytest.raises(FormatError, match="xml: "):
        Xml().build({}).render(document)


def test_another_kind_of_path_is_a_definition_error():
    with pytest.raises(DefinitionError, match="write for example /orders/order"):
        Xml().build({}).reader("orders[*]")
