"""The value rule: what is a path, a typed expression, text, or itself; and what each says when it has no value."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esb.errors import ExpressionError, ExpressionSyntaxError, MessageError, TooLargeError
from esb.expressions import (
    EACH_NAMES,
    MissingError,
    compile_predicate,
    compile_template,
    compile_value,
    each_scope,
    scope_of,
)
from esb.message import BusinessKey, Message

BODY = {
    "order": {"number": "0024", "items": ["i"], "_id": "m", "date": "20261121"},
    "customer": {"name": "Ada", "credit_limit": Decimal("100.00"), "vip": True},
    "total": Decimal("12.50"),
    "qty": 7,
    "note": None,
    "lines": [{"sku": "B", "qty": 2, "price": Decimal("1.10")}, {"sku": "A", "qty": 3, "price": Decimal("2.20")}],
}
MESSAGE = Message(
    id="m1",
    body=BODY,
    received=datetime(2026, 11, 21, 8, 30, tzinfo=UTC),
    generation=2,
    partner="acme",
    route="orders",
    headers={"content-type": "text/csv"},
    keys=(BusinessKey("order", "0024"),),
    scratch={"error": {"text": "boom"}},
)
SCOPE = scope_of(MESSAGE)


def value_of(source):
    return compile_value(source)(BODY, SCOPE)


@pytest.mark.parametrize(
    ("source", "kind", "expected"),
    [
        ("plain", "literal", "plain"),
        ("$99", "literal", "$99"),
        ("", "literal", ""),
        ("0024", "literal", "0024"),
        (5, "literal", 5),
        (None, "literal", None),
        (["a", {"b": 1}], "literal", ["a", {"b": 1}]),
        ("$.order.number", "path", "0024"),
        ("$['total']", "path", Decimal("12.50")),
        ("$", "path", BODY),
        ("{{ body.order.number }}", "expression", "0024"),
        ('{{ "$.99" }}', "expression", "$.99"),
        ("{{ body.total }}", "expression", Decimal("12.50")),
        ("{{ body.lines }}", "expression", BODY["lines"]),
        ("no. {{ body.order.number }}", "text", "no. 0024"),
        ("{{ body.qty }}{{ body.qty }}", "text", "77"),
        ("{% if body.qty > 5 %}many{% else %}few{% endif %}", "text", "many"),
        ({"a": "$.qty", "b": ["{{ body.qty + 1 }}", 3]}, "expression", {"a": 7, "b": [8, 3]}),
    ],
)
def test_the_value_rule(source, kind, expected):
    expression = compile_value(source)

    assert expression.kind == kind
    assert expression(BODY, SCOPE) == expected
    assert expression.source == source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ body.order.items }}", ["i"]),
        ("{{ body.order['_id'] }}", "m"),
        ("{{ headers['content-type'] }}", "text/csv"),
        ("{{ message.effect_key }}", "m1.2"),
        ("{{ message.keys[0].value }}", "0024"),
        ("{{ partner ~ '/' ~ route }}", "acme/orders"),
        ("{{ error.text }}", "boom"),
        ("{{ now }}", "2026-11-21T08:30:00+00:00"),
        ("{{ now.year }}", 2026),
        ("{{ now.strftime('%d.%m.%Y') }}", "21.11.2026"),
        ("{{ body.total * 1.10 }}", Decimal("13.7500")),
        ("{{ body.total + 1 }}", Decimal("13.50")),
        ("{{ 0.1 + 0.2 }}", Decimal("0.3")),
        ("{{ 7 / 2 }}", Decimal("3.5")),
        ("{{ 7 // 2 }}", 3),
        ("{{ 2 ** -1 }}", Decimal("0.5")),
        ("{{ -body.qty }}", -7),
        ("{{ 1 < body.qty <= 7 }}", True),
        ("{{ body.qty in [1, 7] and not body.note }}", True),
        ("{{ body.total > body.customer.credit_limit }}", False),
        ("{{ 'vip' if body.customer.vip else 'normal' }}", "vip"),
        ("{{ body.lines[-1].sku }}", "A"),
        ("{{ body.lines[0:1] }}", [BODY["lines"][0]]),
        ("{{ body.customer.name.upper() }}", "ADA"),
        ("{{ body.order.items() | map('first') }}", ["number", "items", "_id", "date"]),
        ("{{ body.customer.keys() }}", ["name", "credit_limit", "vip"]),
        ("{{ {'a': body.qty, 'b': [now]} }}", {"a": 7, "b": ["2026-11-21T08:30:00+00:00"]}),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ body.missing is defined }}", False),
        ("{{ body.missing.deeper | default('x') }}", "x"),
        ("{{ body.note | default('-') }}", "-"),
        ("{{ body.order.number | integer }}", 24),
        ("{{ '12.50' | decimal }}", Decimal("12.50")),
        ("{{ 2.5 | round }}", Decimal("3")),
        ("{{ 1234.5 | money(2, ',', '.') }}", "1.234,50"),
        ("{{ 7 | pad(4) }}", "0007"),
        ("{{ 'x' | pad(3, ' ', 'right') }}", "x  "),
        ("{{ ' x ' | trim }}", "x"),
        ("{{ body.order.date | date('%Y%m%d', '%d.%m.%Y') }}", "21.11.2026"),
        ("{{ body.order.date | date('%Y%m%d') }}", "2026-11-21"),
        ("{{ now | date(write='%Y%m%d') }}", "20261121"),
        ("{{ body.lines | map(attribute='sku') | sort | join(',') }}", "A,B"),
        ("{{ body.lines | sum('price') }}", Decimal("3.30")),
        ("{{ body.lines | selectattr('qty', '>', 2) | map(attribute='sku') }}", ["A"]),
        ("{{ body.lines | rejectattr('sku', 'in', ['A']) | length }}", 1),
        ("{{ (body.lines | max('qty')).sku }}", "A"),
        ("{{ [1, 1.0, '1'] | unique }}", [1, "1"]),
        ("{{ ['a', 'b', 'c'] | batch(2) }}", [["a", "b"], ["c"]]),
        ("{{ [1, 2, 3] | select('odd') }}", [1, 3]),
        ("{{ body.lines | groupby('sku') | map('first') }}", ["B", "A"]),
        ("{{ body.customer | tojson }}", '{"name":"Ada","credit_limit":100.00,"vip":true}'),
        ("{{ 'a b/c' | urlencode }}", "a%20b%2Fc"),
        ("{{ '<a b=\"\">' | xml }}", "&lt;a b=&quot;&quot;&gt;"),
        ("{{ 'a-b' | split('-') }}", ["a", "b"]),
        ("{{ 1.0 is integer and 1.5 is not integer }}", True),
    ],
)
def test_expressions_are_typed(source, expected):
    found = value_of(source)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x{{ body.customer.vip }}", "xtrue"),
        ("x{{ 1000000000000000 * 1.0 }}", "x1000000000000000.0"),
        ("x{{ '1E+3' | decimal }}", "x1000"),
        ("x{{ now }}", "x2026-11-21T08:30:00+00:00"),
        ("{% for line in body.lines %}{{ loop.index }}{{ line.sku }}{% endfor %}", "1B2A"),
        ("{% set x = 1.10 %}{{ x * 2 }}", "2.20"),
        ("{% macro f(a) %}<{{ a }}>{% endmacro %}{{ f(1) }}{{ f('b') }}", "<1><b>"),
        (
            "{% set ns = namespace(n=0) %}{% for l in body.lines %}{% set ns.n = ns.n + l.qty %}{% endfor %}{{ ns.n }}",
            "5",
        ),
        ("{% for key, value in body.customer | items %}{{ key }};{% endfor %}", "name;credit_limit;vip;"),
        ("{% filter upper %}a{{ partner }}{% endfilter %}", "AACME"),
        ("line\n{{ partner }}\n", "line\nacme\n"),
    ],
)
def test_text_is_written_as_people_expect(source, expected):
    assert value_of(source) == expected


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ body.missing }}", "there is no 'missing' (there are: order, customer, total, qty, note, lines)"),
        ("{{ body.order.x.y }}", "there is no 'x'"),
        ("{{ body.order.number.x }}", "text has no 'x'"),
        ("{{ body.lines[5] }}", "there is no element 5: the list has 2"),
        ("a {{ body.missing }}", "there is no 'missing'"),
        ("{% if body.missing %}x{% endif %}", "there is no 'missing'"),
        ("{% for x in body.missing %}x{% endfor %}", "there is no 'missing'"),
        ("{{ body.missing | upper }}", "there is no 'missing'"),
        ("{{ body.lines | map(attribute='x') }}", "there is no 'x'"),
        ("$.missing", "$ has no 'missing'"),
    ],
)
def test_what_is_missing_is_named(source, text):
    with pytest.raises(MissingError) as caught:
        value_of(source)

    assert str(caught.value).startswith(source)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ body.total > 'x' }}", "cannot compare a number with text"),
        ("{{ body.total + 'x' }}", "cannot calculate with a number and text"),
        ("{{ 'x' + 1 }}", "write ~ to join text"),
        ("{{ body.total / 0 }}", "division by zero"),
        ("{{ 'abc' | decimal }}", "'abc' is not a number"),
        ("{{ '3.5' | integer }}", "3.5 is not a whole number"),
        ("{{ 'nan' | decimal }}", "'nan' is not a number"),
        ("{{ '1_000' | decimal }}", "'1_000' is not a number"),
        ("{{ body.lines | sum('sku') }}", "cannot add text"),
        ("{{ [1, 'a'] | sort }}", "have no order"),
        ("{{ 'x' | date('%Y') }}", "'x' is not a date of the form %Y"),
        ("a {{ body.note }}", "null cannot stand in text; write | default('')"),
        ("a {{ body.lines }}", "a list cannot stand in text"),
        ("a {{ body.customer.name.upper }}", "text has no 'upper'"),
        ("{{ '%s' % 3 }}", "text has no remainder"),
        ("{{ body.qty.upper() }}", "a number has no function upper()"),
        ("{{ [1] * 3 }}", "a list cannot be multiplied"),
    ],
)
def test_what_cannot_be_done_is_said_in_plain_words(source, text):
    with pytest.raises(ExpressionError) as caught:
        value_of(source)

    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("source", "offset", "text", "hint"),
    [
        ("{{ body.total > }}", 16, "the expression ends too early", ""),
        ("{{ bdoy.x }}", 3, "unknown name 'bdoy'", "did you mean 'body'?"),
        ("{{ order.number }}", 3, "unknown name 'order'", "body.order"),
        ("{{ item.sku }}", 3, "'item' is known under each only", ""),
        ("text {{ body.x | uper }}", 17, "there is no filter 'uper'", "did you mean 'upper'?"),
        ("{{ body.x is dfined }}", 13, "there is no test 'dfined'", "did you mean 'defined'?"),
        ("{{ 'body' ~ bdy }}", 12, "unknown name 'bdy'", "did you mean 'body'?"),
        ("{{ body.x", 8, "the expression ends too early", "close the expression with }}"),
        ("{{ now() }}", 3, "now is a value", "time of intake"),
        ("{{ body.a && body.b }}", 10, "unexpected char '&'", "`and`, `or`"),
        ("{{ body.a body.b }}", 10, "expected token", "~ for text"),
        ("{{ body.__class__ }}", 8, "'__class__' is private", "['__class__']"),
        ("{{ 1 if partner }}", 5, "`if` without `else`", "else"),
        ("{{ 'x' | pad }}", 9, "missing a required argument", "pad(width, char='0', side='left')"),
        ("{{ 3 | float }}", 7, "there is no filter 'float'", "decimal"),
        ("{{ [1] | random }}", 9, "there is no filter 'random'", "redelivered"),
        ("{{ body.qty.bit_length() }}", 12, "there is no function bit_length()", ""),
        ("{{ 'x'.format(1) }}", 7, "there is no function format()", ""),
        ("{{ ? }}", 3, "unexpected char '?'", ""),
        ("{% if partner %}x", 3, "the statement 'if' is not closed", "{% endif %}"),
        ("{% include 'other' %}", 12, "there is no template 'other'", ""),
        ("{% extends 'other' %}", 0, "extends is not supported", ""),
        ("{% import 'os' as os %}", 0, "import is not supported", ""),
        ("{% for x in body recursive %}{% endfor %}", 17, "recursive loops", "macro"),
        ("{{ [][*x] }}", 6, "expected", ""),
        ("{{ range(*[1]) }}", 0, "cannot be unpacked", ""),
        ("{{ body() }}", 3, "'body' is a value", ""),
        (f"{{{{ {'(' * 3000}1{')' * 3000} }}}}", 0, "nested too deep", ""),
        (f"{{{{ 1{' + 1' * 5000} }}}}", 0, "longer than", "template file"),
        (f"{{{{ {'9' * 5000} }}}}", 0, "a literal cannot be read", ""),
    ],
)
def test_a_wrong_expression_says_at_which_character_and_what_to_write(source, offset, text, hint):
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_value(source)

    assert text in caught.value.text
    assert hint in caught.value.help
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ body['__class__'] }}",
        "{{ message['__class__'] }}",
        "{{ message.with_body(1) }}",
        "{{ message['with_body'](1) }}",
        "{{ message.scratch }}",
        "{{ now['__class__'] }}",
        "{{ range.__globals__ }}",
        "{{ range['__globals__'] }}",
        "{{ namespace.__init__ }}",
        "{{ body.customer.clear() }}",
        "{{ body.lines.append(1) }}",
        "{{ body.customer.update({'vip': false}) }}",
        "{{ (1).real }}",
        "{{ [''] | map(attribute='__class__') }}",
        "{{ [body] | map('attr', '__class__') }}",
        "{{ partner.encode() }}",
        "{% set x = namespace() %}{{ x.__class__ }}",
        "{% set x = namespace() %}{{ x['__class__'] }}",
        "{% set x = namespace() %}{{ x['_Namespace__attrs'] }}",
        "{% macro f() %}{% endmacro %}{{ f._func }}",
        "{% macro f() %}{% endmacro %}{{ f['_func'] }}",
        "{% for x in [1] %}{{ loop['_iterator'] }}{% endfor %}",
        "{% for x in [1] %}{{ loop.__init__ }}{% endfor %}",
        "{{ self }}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler }}",
        "{{ lipsum.__globals__ }}",
        "{{ joiner() }}",
        "{{ dict() }}",
    ],
)
def test_a_hostile_template_reaches_nothing_but_data(source):
    with pytest.raises((ExpressionSyntaxError, ExpressionError)):
        value_of(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 100000000 }}",
        "{{ range(99999) | map('pad', 900000) }}",
        "{{ [[body.lines] | map('tojson')] | tojson | pad(99999999) }}",
        "{{ 10 ** 99999 }}",
        "{{ 9 ** 9999 * 9 ** 9999 }}",
        "{{ range(100000000) }}",
        "{{ 'x' | pad(100000000) }}",
        "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
        "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
        "{{ ('a' * 100000).join(range(100000)) }}",
        "{{ '1E+999999' | decimal | integer }}",
        "x{{ '1E+999999' | decimal }}",
        "{{ '1E+999999' | decimal | round(2) }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) if b > a %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ range(99999) | list | length }}{% endfor %}",
        "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
        f"{{% set t %}}{{% for a in range(99999) %}}{'x' * 1000}{{% endfor %}}{{% endset %}}",
        "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(n=9) %}{% for i in range(100) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for i in range(99999) %}{% set x = ('a' * 900000).upper() %}{% endfor %}",
    ],
)
@pytest.mark.timeout(20)
def test_a_template_that_never_ends_or_grows_is_stopped(source):
    with pytest.raises(MessageError):
        value_of(source)


def test_a_budget_is_per_rendering():
    render = compile_template("{% for a in range(60000) %}{% endfor %}ok")

    assert [render(SCOPE) for _ in range(30)] == ["ok"] * 30


def test_too_much_output_is_refused():
    render = compile_template("{% for a in range(2000) %}{{ 'x' * 1000 }}{% endfor %}")

    with pytest.raises(TooLargeError, match="longer than 1000000 characters"):
        render(SCOPE)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a\n{{ qty | integer }}\n", "line 2 of the template: {{ qty | integer }}: 'x' is not a number"),
        ("{% if body %}\n{{ body.zip }}\n{% endif %}", "line 2 of the template: {{ body.zip }}: there is no 'zip'"),
        ("{{ body.zip }}", "{{ body.zip }}: there is no 'zip'"),
    ],
)
def test_a_template_that_fails_names_its_line(source, said):
    render = compile_template(source, names={"body", "qty"})

    with pytest.raises(ExpressionError, match=f"^{re.escape(said)}"):
        render({"body": {"order": 1}, "qty": "x"})


def test_templates_include_only_what_they_were_given():
    includes = {"line.j2": "[{{ partner }}]", "unused.j2": "{{ broken"}

    assert compile_template("a{% include 'line.j2' %}", includes)(SCOPE) == "a[acme]"
    with pytest.raises(ExpressionSyntaxError, match=r"in unused\.j2: line 1"):
        compile_template("{% include 'unused.j2' %}", includes)
    with pytest.raises(ExpressionSyntaxError, match="include needs a name in quotes"):
        compile_template("{% include partner %}", includes)


def test_a_template_that_includes_itself_is_stopped():
    render = compile_template("{% include 'a' %}", {"a": "{% include 'a' %}"})

    with pytest.raises(ExpressionError, match="without end"):
        render(SCOPE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (True, True),
        (False, False),
        ("$.note", True),
        ("$.nothing", False),
        ("$.lines[?@.sku == 'A']", True),
        ("$.lines[?@.sku == 'Z']", False),
        ("{{ body.total > 10 }}", True),
        ("{{ body.note }}", False),
        ("{{ body.lines }}", True),
    ],
)
def test_a_condition_is_a_path_that_selects_or_an_expression_that_is_true(source, expected):
    assert compile_predicate(source)(BODY, SCOPE) is expected


@pytest.mark.parametrize(
    ("source", "hint"),
    [("body.total > 10", 'write "{{ body.total > 10 }}"'), ("", "$.path"), ("{{ partner }} and more", "exactly one")],
)
def test_text_is_no_condition(source, hint):
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_predicate(source)

    assert hint in caught.value.help + caught.value.text


@pytest.mark.parametrize(
    ("source", "paths", "names"),
    [
        ("$.a[*].b", ("$.a[*].b",), ()),
        ("{{ body.a.b > body['c'][0] }}", ("$.a.b", "$.c[0]"), ("body",)),
        ("{{ body.a.upper() ~ partner }}", ("$.a",), ("body", "partner")),
        ("{{ body.lines | map(attribute='sku') }}", ("$.lines",), ("body",)),
        ("{{ body.lines[body.n].sku }}", ("$.lines", "$.n"), ("body",)),
        ({"x": "$.a", "y": "{{ now }}"}, ("$.a",), ("now",)),
        ("literal", (), ()),
    ],
)
def test_lint_learns_which_paths_and_names_a_value_reads(source, paths, names):
    expression = compile_value(source)

    assert set(expression.paths) == set(paths)
    assert set(expression.names) == set(names)


def test_members_of_a_list_have_names_of_their_own():
    expression = compile_value("{{ item.sku ~ index ~ root.qty }}", EACH_NAMES)

    assert expression(None, each_scope(SCOPE, {"sku": "A"}, 1, BODY)) == "A17"


def test_a_literal_list_is_not_rebuilt_for_every_message():
    source = ["a", {"b": [1]}]

    assert compile_value(source)(BODY, SCOPE) is source


LEAVES = """
body.qty|body.total|body.note|body.order.number|body.order.items|body.lines|body.missing|partner|1|0|2.50|'a'|'0024'
|true|none|[1, 2]|{'a': 1}|now|headers|body.lines[0].sku|body.customer.items()|range(3)|message.keys
"""
ATOMS = st.sampled_from(LEAVES.replace("\n", "").split("|"))
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "and", "or"],
)
FILTERS = st.sampled_from(
    ["upper", "decimal", "integer", "length", "first", "last", "tojson", "default", "sort", "list", "text", "items"],
)
TESTS = st.sampled_from(["defined", "none", "string", "number", "mapping", "sequence", "odd"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, OPERATORS, inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, FILTERS).map(lambda parts: f"({' | '.join(parts)})"),
        st.tuples(inner, TESTS).map(lambda parts: f"({' is '.join(parts)})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        inner.map(lambda text: f"(not {text})"),
        inner.map(lambda text: f"(-{text})"),
        inner.map(lambda text: f"{text}[0]"),
        inner.map(lambda text: f"{text}.sku"),
        inner.map(lambda text: f"{text}.upper()"),
        inner.map(lambda text: f"[{text}, 1]"),
    ),
    max_leaves=5,
)


def outcome(source):
    try:
        return value_of(source)
    except MessageError:
        return MessageError


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS)
def test_expressions_and_templates_mean_the_same(source):
    """One runs as a generated function, the other through Jinja's own code."""
    generated = outcome(f"x{{{{ {source} }}}}")
    rendered = outcome(f"{{% if true %}}x{{{{ {source} }}}}{{% endif %}}")

    assert generated == rendered


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS)
def test_a_typed_result_is_always_a_document(source):
    found = outcome(f"{{{{ {source} }}}}")

    assert isinstance(found, type) or is_document(found)


def is_document(value):
    if type(value) is list:
        return all(map(is_document, value))
    if type(value) is dict:
        return all(type(key) is str and is_document(each) for key, each in value.items())
    return type(value) in {str, int, Decimal, bool, type(None)}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}%#|.()[]'\"~+*-=<> abody1x_\n", max_size=25))
def test_any_text_compiles_or_says_at_which_character_it_does_not(source):
    for text in (source, f"{{{{ {source} }}}}", f"{{% if {source} %}}x{{% endif %}}"):
        try:
            expression = compile_value(text)
        except ExpressionSyntaxError as error:
            assert 0 <= error.offset <= len(text)
            continue
        try:
            assert is_document(expression(BODY, SCOPE))
        except MessageError as error:
            assert str(error)
