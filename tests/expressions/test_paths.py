"""Paths read from documents and write into copies of them; what is missing is said as far as it matched."""

import copy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.errors import ExpressionError
from esb.expressions import MissingError, compile_path, render_path

ORDER = {
    "order": {"number": "0024", "lines": [{"sku": "A", "qty": 2}, {"sku": "B", "qty": None}]},
    "total": Decimal("12.10"),
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", ORDER),
        ("$.order.number", "0024"),
        ("$.total", Decimal("12.10")),
        ("$.order.lines[-1].sku", "B"),
        ("$.order.lines[1].qty", None),
        ("$['order']['number']", "0024"),
        ("$.order.lines[*].sku", ["A", "B"]),
        ("$.order.lines[?@.qty > 1].sku", ["A"]),
        ("$.order.missing[*]", []),
    ],
)
def test_a_path_to_one_node_gives_a_value_and_any_other_a_list(path, expected):
    assert compile_path(path).get(ORDER) == expected


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("$.order.numbr", "$.order.numbr: $.order has no 'numbr'; it has number, lines"),
        ("$.order.lines[2].sku", "$.order.lines[2].sku: $.order.lines has 2 elements, so there is no [2]"),
        ("$.order.number.x", "$.order.number.x: $.order.number is text, so it has no 'x'"),
        ("$.order.number[0]", "$.order.number[0]: $.order.number is text, not a list"),
        ("$.order.lines.sku", "$.order.lines.sku: $.order.lines is a list, so it has no 'sku'"),
        ("$.order.lines[1].qty.x", "$.order.lines[1].qty.x: $.order.lines[1].qty is null, so it has no 'x'"),
    ],
)
def test_a_missing_value_says_how_far_the_path_matched(path, text):
    with pytest.raises(MissingError) as caught:
        compile_path(path).get(ORDER)

    assert str(caught.value) == text


def test_a_body_of_bytes_has_no_members():
    with pytest.raises(MissingError, match="is bytes"):
        compile_path("$.a").get(b"{}")


def test_look_and_exists_do_not_raise():
    path = compile_path("$.order.lines[1].qty")

    assert (path.look(ORDER, "default"), path.exists(ORDER)) == (None, True)
    assert (path.look({}, "default"), path.exists({})) == ("default", False)
    assert compile_path("$..sku").exists(ORDER)
    assert not compile_path("$..nothing").exists(ORDER)


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("$", {"a": 1}, 7),
        ("$.a", {}, {"a": 7}),
        ("$.a.b.c", {}, {"a": {"b": {"c": 7}}}),
        ("$.a.b", {"a": None, "x": 1}, {"a": {"b": 7}, "x": 1}),
        ("$.a[0]", {"a": [1, 2]}, {"a": [7, 2]}),
        ("$.a[-1].b", {"a": [{}, {"c": 1}]}, {"a": [{}, {"c": 1, "b": 7}]}),
        ("$.a[1]", {"a": [1]}, {"a": [1, 7]}),
        ("$.a[0].b", {}, {"a": [{"b": 7}]}),
        ("$['a b']", {}, {"a b": 7}),
    ],
)
def test_put_makes_what_is_missing(path, document, expected):
    before = copy.deepcopy(document)

    assert compile_path(path).put(document, 7) == expected
    assert document == before


@pytest.mark.parametrize(
    ("path", "document", "text"),
    [
        ("$.a.b", {"a": "text"}, "cannot put: $.a is text, not an object"),
        ("$.a[0]", {"a": {}}, "cannot put: $.a is an object, not a list"),
        ("$.a[5]", {"a": [1]}, "cannot put at index 5: $.a has 1 elements"),
        ("$.a[*]", {"a": [1]}, "cannot put: the path can select many nodes"),
    ],
)
def test_put_refuses_to_guess(path, document, text):
    with pytest.raises(ExpressionError) as caught:
        compile_path(path).put(document, 7)

    assert text in str(caught.value)


def test_put_copies_only_what_lies_on_the_way():
    document = {"a": {"b": 1}, "other": {"c": [1]}}

    made = compile_path("$.a.b").put(document, 2)

    assert made["other"] is document["other"]
    assert made["a"] is not document["a"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.order.number", {"lines": ORDER["order"]["lines"]}),
        ("$.order.lines[0]", {"number": "0024", "lines": [{"sku": "B", "qty": None}]}),
        ("$.order.lines[-1].qty", {"number": "0024", "lines": [{"sku": "A", "qty": 2}, {"sku": "B"}]}),
        ("$.order.missing.deep", ORDER["order"]),
    ],
)
def test_remove_leaves_out_one_node(path, expected):
    assert compile_path(path).remove(ORDER)["order"] == expected


NAMES = st.text(min_size=1, max_size=5).filter(lambda name: not any(0xD800 <= ord(char) <= 0xDFFF for char in name))
DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


@given(st.lists(NAMES, min_size=1, max_size=5), DOCUMENTS, DOCUMENTS)
def test_what_was_put_is_got_again(names, document, value):
    path = compile_path(render_path(tuple(names)))
    try:
        made = path.put(document, value)
    except ExpressionError:
        return

    assert path.get(made) == value
    assert path.find(made) == [value]
    assert not path.exists(path.remove(made))


def nodes(document, keys=()):
    yield keys, document
    members = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in members:
        yield from nodes(value, (*keys, key))


@given(DOCUMENTS, st.data())
def test_every_node_is_reached_by_its_own_path(document, data):
    keys, value = data.draw(st.sampled_from(list(nodes(document))))
    path = compile_path(render_path(keys))

    assert path.get(document) is value
    assert path.put(document, value) == document
