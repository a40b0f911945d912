"""Queries mean what RFC 9535 says: the same values, in the same order, as a second implementation of it."""

from decimal import Decimal

import jsonpath_rfc9535
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from esb.errors import ExpressionSyntaxError
from esb.expressions import compile_path
from esb.expressions.plain_paths import plain_query
from esb.expressions.query_syntax import parse_query

NAMES = ["a", "b", "c", "sku", "ü", "a b", "it's", 'say "x"', "", "\n", "\\", "☺"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([Decimal("1.5"), Decimal("1.0"), Decimal("-0.5"), Decimal("1E+1")]),
    st.sampled_from(["", "a", "b", "ab", "1", "true", "ü", "B-1"]),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES[:6]), inner, max_size=4)
    ),
    max_leaves=15,
)


def quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


INTEGERS = st.integers(-4, 4)
BOUNDS = st.one_of(st.just(""), INTEGERS.map(str))
PLAIN_NAMES = st.sampled_from(["a", "b", "c", "sku", "ü"])
SELECTORS = st.one_of(
    st.sampled_from(NAMES).map(quoted),
    st.sampled_from(["a", "b", "it's"]).map(lambda name: f'"{name}"'),
    INTEGERS.map(str),
    st.just("*"),
    st.tuples(BOUNDS, BOUNDS, BOUNDS).map(":".join),
    st.tuples(BOUNDS, BOUNDS).map(":".join),
)
SINGULAR = st.lists(
    st.one_of(PLAIN_NAMES.map(lambda name: f".{name}"), INTEGERS.map(lambda index: f"[{index}]")), max_size=2
).map("".join)


def segments(selectors):
    bracketed = st.lists(selectors, min_size=1, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
    dotted = st.one_of(PLAIN_NAMES, st.just("*")).map(lambda name: f".{name}")
    return st.one_of(dotted, bracketed, dotted.map(lambda text: f".{text}"), bracketed.map(lambda text: f"..{text}"))


QUERIES = st.lists(segments(SELECTORS), max_size=2).map("".join)
NODES = st.lists(segments(SELECTORS), min_size=1, max_size=2).map("".join)
"""Without the bare `@`, which the second implementation mistakes for a value."""
LITERALS = st.sampled_from(
    ["1", "1.0", "1.5", "-0.5", "1e1", "0", "-0", "'a'", '"b"', "''", "'1'", "true", "false", "null", "'\\u00fc'"]
)
VALUES = st.one_of(
    LITERALS,
    SINGULAR.map(lambda text: f"@{text}"),
    SINGULAR.map(lambda text: f"${text}"),
    SINGULAR.map(lambda text: f"length(@{text})"),
    NODES.map(lambda text: f"count(@{text})"),
    NODES.map(lambda text: f"value(@{text})"),
)
TESTS = st.one_of(
    st.tuples(VALUES, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), VALUES).map(" ".join),
    NODES.map(lambda text: f"@{text}"),
    NODES.map(lambda text: f"${text}"),
    st.tuples(SINGULAR, st.sampled_from(["a", "[ab]+", ".*", "B-[0-9]", "a|b", "(ab)?"])).map(
        lambda pair: f"match(@{pair[0]}, '{pair[1]}')"
    ),
    st.tuples(SINGULAR, st.sampled_from(["a", "b$", "."])).map(lambda pair: f"search(@{pair[0]}, '{pair[1]}')"),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" && ".join),
        st.tuples(inner, inner).map(" || ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"!({text})"),
    ),
    max_leaves=4,
)
FILTERS = CONDITIONS.map(lambda text: f"?{text}")
PATHS = st.lists(segments(st.one_of(SELECTORS, FILTERS)), max_size=3).map(lambda parts: f"${''.join(parts)}")


def in_floats(value):
    """The second implementation compares floats; ours compares decimals."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [in_floats(each) for each in value]
    return {key: in_floats(each) for key, each in value.items()} if isinstance(value, dict) else value


def kinds(values):
    """1 == True in Python: compare kinds too."""
    return [repr(in_floats(value)) for value in values]


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(PATHS, DOCUMENTS)
def test_a_query_selects_what_a_second_implementation_selects(path, document):
    try:
        expected = jsonpath_rfc9535.find(path, in_floats(document)).values()
    except jsonpath_rfc9535.JSONPathError:
        expected = None
    assume(expected is not None)

    found = compile_path(path).find(document)

    assert kinds(found) == kinds(expected)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="$@.[]*?'\"abc01:-,()=!<>&| \\n", max_size=12).map(lambda text: f"${text}"))
def test_a_query_is_refused_when_a_second_implementation_refuses_it(path):
    try:
        jsonpath_rfc9535.compile(path)
        valid = True
    except jsonpath_rfc9535.JSONPathError:
        valid = False

    try:
        compile_path(path)
        taken = True
    except ExpressionSyntaxError as error:
        taken = False
        assert 0 <= error.offset <= len(path)

    assert taken is valid


@given(
    st.lists(
        st.one_of(
            st.from_regex(r"\.[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True),
            st.integers(-20, 20).map(lambda index: f"[{index}]"),
            st.sampled_from([".*", "[*]", ".where", ".parent", ".len"]),
        ),
        max_size=6,
    ).map(lambda parts: f"${''.join(parts)}")
)
@settings(max_examples=200, deadline=None)
def test_jsonpath_ng_reads_plain_paths_as_our_parser_does(path):
    plain = plain_query(path)

    assert plain is None or plain == parse_query(path)


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("$[?@ == 1]", [1, Decimal("1.0"), True, "1"], [1, Decimal("1.0")]),
        ("$[?@ == true]", [1, True, "true"], [True]),
        ("$[?@ != 'a']", ["a", 1, None], [1, None]),
        ("$[?@.x == @.y]", [{}, {"x": 1}, {"x": None, "y": None}], [{}, {"x": None, "y": None}]),
        ("$[?@ == $[0]]", [{"a": [1]}, {"a": [Decimal(1)]}, {"a": [True]}], [{"a": [1]}, {"a": [Decimal(1)]}]),
        ("$[?@ <= null]", [None, 1, "a"], [None]),
        ("$[?@ < 'b']", ["a", "b", 1], ["a"]),
        (
            "$[?@.total > 9007199254740993]",
            [{"total": 9007199254740992}, {"total": 9007199254740994}],
            [{"total": 9007199254740994}],
        ),
        ("$[?@.p == 0.1]", [{"p": Decimal("0.10")}, {"p": Decimal("0.1000000000000000055")}], [{"p": Decimal("0.10")}]),
        ("$[?match(@, '\\\\p{Lu}.')]", ["Ab", "ab", "ÜX", "ABC"], ["Ab", "ÜX"]),
        ("$[?match(@, '[a-c]{2,3}')]", ["a", "ab", "abc", "abca"], ["ab", "abc"]),
        ("$[?search(@, '[^0-9]')]", ["123", "12a"], ["12a"]),
        ("$[?match(@, $[0])]", ["a.", "ab", "b"], ["a.", "ab"]),
        ("$[?match(@, '(')]", ["("], []),
        ("$[?@]", [False, 0, None], [False, 0, None]),
        ("$[?count(@) == 1]", [None, [1, 2]], [None, [1, 2]]),
        ("$..*", [{"a": [1]}], [{"a": [1]}, [1], 1]),
        ("$[1,0,1]", ["x", "y"], ["y", "x", "y"]),
        ("$[::-2]", [0, 1, 2, 3], [3, 1]),
        ("$[::0]", [0, 1], []),
        ("$['\\uD83D\\uDE00']", {"😀": 1}, [1]),
        ("$.a[0]", {"a": "text"}, []),
        ("$[0].a", {"a": 1}, []),
        ("$.\u00fc", {"ü": 1}, [1]),
    ],
)
def test_values_are_compared_by_kind_and_value(path, document, expected):
    found = compile_path(path).find(document)

    assert kinds(found) == kinds(expected)


def test_a_pattern_that_backtracks_elsewhere_takes_linear_time():
    document = ["a" * 5000 + "!"]

    assert compile_path("$[?match(@, '(a*)*b|(a|a)*c')]").find(document) == []


@pytest.mark.parametrize(
    "pattern", ["(((((a{9}){9}){9}){9}){9})", "a{9999}", "[z-a]", "\\d", "a**", "(a", "a)", "[]", "{1}"]
)
def test_a_pattern_that_is_no_i_regexp_matches_nothing(pattern):
    assert compile_path("$[?search(@.t, @.p)]").find([{"t": "aaa", "p": pattern}]) == []


@pytest.mark.parametrize(
    ("path", "offset", "text", "hint"),
    [
        ("order.x", 0, "a path begins with '$'", "write '$.order.x'"),
        ("$.", 2, "expected a name or '*' after '.'", "write a name after the dot"),
        ("$.order-no", 7, "unexpected '-'", "$['like-this']"),
        ("$.a[b]", 4, "expected a selector", "write ['b']"),
        ("$.a[?@.b = 1]", 9, "'=' does not compare", "write =="),
        ("$.a[?@.b and @.c]", 9, "unexpected 'and'", "write && or ||"),
        ("$.a[?lenght(@.x) > 1]", 5, "unknown function lenght()", "did you mean length()?"),
        ("$.a[?@..b == 1]", 5, "a path that can select many nodes cannot be compared", "count"),
        ("$.a[?length(@.b)]", 5, "gives a value", "length(…) > 0"),
        ("$.a[?match(@.b, 'x') == true]", 5, "do not compare it", ""),
        ("$.a[?'x']", 5, "a literal alone is no condition", "compare it"),
        ("$.a[?@.b == x]", 12, "unexpected word 'x'", "quote it"),
        ("$['a", 2, "the text is not closed", "end it with '"),
        ("$['\\q']", 3, "unknown escape", "\\\\"),
        ("$['\\uD83D']", 3, "a high surrogate", ""),
        ("$['\\uDE00']", 3, "a low surrogate", ""),
        ("$['\\u12']", 5, "four hexadecimal digits", ""),
        ("$['\x01']", 3, "must be written as an escape", "\\u0001"),
        ("$.99", 2, "expected a name", '{{ "$.99" }}'),
        ("$[01]", 2, "no leading zeros", ""),
        ("$[9007199254740992]", 2, "too large", ""),
        ("$.a ", 3, "unexpected ' '", "blanks at the end"),
        ("$[?count(1) > 0]", 9, "takes a path here", ""),
        ("$[?length(@.a, @.b) > 0]", 15, "takes 1 argument", ""),
        (f"$[?{'(' * 60}@{')' * 60}]", 53, "nested deeper", ""),
        ("$" + ".a" * 3000, 0, "longer than", ""),
        ("$" + ".a" * 100, 0, "at most 60 segments", ""),
    ],
)
def test_a_wrong_path_says_at_which_character_and_what_to_write(path, offset, text, hint):
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_path(path)

    assert text in caught.value.text
    assert hint in caught.value.help
    assert abs(caught.value.offset - offset) <= 1
