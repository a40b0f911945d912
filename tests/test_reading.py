from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from esb.errors import DefinitionError
from esb.reading import MAX_DEPTH, decode, read, resolve

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")) | st.sampled_from("\n\"'\\ "))


def findings(source, file="routes/a.yaml"):
    with pytest.raises(DefinitionError) as caught:
        read(file, source if isinstance(source, bytes) else source.encode())
    return [str(finding) for finding in caught.value.diagnostics]


def test_types_are_never_guessed_from_text():
    texts = ["NO", "on", "0024", "12E4", "2026-01-02", "12:30:00", "0x1F", "1_000", "0.0000001", ".5", "+1", "1e3"]

    data = read("a.yaml", "".join(f"- {text}\n" for text in texts).encode()).data

    assert data == texts


def test_numbers_are_exact_and_words_are_those_of_yaml_1_2():
    data = read("a.yaml", b"a: 12.10\nb: 7\nc: true\nd: ~\ne:\nf: 'true'\n997: x\n").data

    assert data == {"a": Decimal("12.10"), "b": 7, "c": True, "d": None, "e": None, "f": "true", "997": "x"}
    assert str(data["a"]) == "12.10"


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text())
def test_a_plain_scalar_read_as_a_number_keeps_its_text(value):
    text = str(value)

    found = resolve(text)

    assert found is None or isinstance(found, bool) or str(found) == text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", 'routes/a.yaml:3:1: error[E108]: key "a" appears twice'),
        ("a:\n\tb: 1\n", "routes/a.yaml:2:1: error[E105]: a tab is used for indentation; indent with spaces"),
        ("a:\n  b: 1\n\tc: 2\n", "routes/a.yaml:3:1: error[E105]: a tab is used for indentation; indent with spaces"),
        ("a: { b: $.x[*].y, c: 1 }\n", 'routes/a.yaml:1:9: error[E106]: a path needs quotes here; write "$.x[*].y"'),
        (
            "a: { b: $.l[?@.x == '3PL'], c: 1 }\n",
            "routes/a.yaml:1:9: error[E106]: a path needs quotes here; write \"$.l[?@.x == '3PL']\"",
        ),
        ("a: [ $.x[*] ]\n", 'routes/a.yaml:1:6: error[E106]: a path needs quotes here; write "$.x[*]"'),
        ("a: {{ x }}\n", 'routes/a.yaml:1:4: error[E106]: an expression needs quotes here; write "{{ x }}"'),
        (
            "a: { b: {{ x }}/{{ y }}, c: 2 }\n",
            'routes/a.yaml:1:9: error[E106]: an expression needs quotes here; write "{{ x }}/{{ y }}"',
        ),
        (
            "a: {{ x }} and\n",
            'routes/a.yaml:1:4: error[E106]: an expression needs quotes here; write "{{ x }} and"',
        ),
        (
            "a: {{ x['k'] }}\n",
            "routes/a.yaml:1:4: error[E106]: an expression needs quotes here; write \"{{ x['k'] }}\"",
        ),
        (
            "a: b: c\n",
            'routes/a.yaml:1:5: error[E104]: a second colon on this line; quote a text that contains ": "',
        ),
        (
            "a: 1\n b: 2\n",
            "routes/a.yaml:2:3: error[E103]: this is indented deeper than the keys above; "
            "keys of one level share a column",
        ),
        ('a: "x" y\n', "routes/a.yaml:1:8: error[E104]: a text goes on after its quotes; quote all of it"),
        ("a: @x\n", 'routes/a.yaml:1:4: error[E104]: a text cannot begin with "@"; quote it: "@x"'),
        ("a: 'x\n", "routes/a.yaml:1:4: error[E103]: a quote is opened and never closed; close it on the same line"),
        (
            "a: 1\n- b\n",
            "routes/a.yaml:2:1: error[E103]: this does not belong to the keys above; keys of one level share a column",
        ),
        (
            "x y\na: 1\n",
            "routes/a.yaml:2:2: error[E103]: this is indented deeper than the keys above; "
            "keys of one level share a column",
        ),
        ("a: [1,\n", "routes/a.yaml:2:1: error[E103]: a value is missing here; write a value, or leave the key out"),
        (
            "a: | text\n",
            "routes/a.yaml:1:6: error[E103]: a text behind | or > begins on the next line; break the line here",
        ),
        ("a: *\n", "routes/a.yaml:1:5: error[E104]: a text cannot begin with * or &; quote it"),
        ("a: *x\n", 'routes/a.yaml:1:4: error[E109]: no anchor "&x" stands above this alias'),
        ("a: &x [*x]\n", 'routes/a.yaml:1:8: error[E109]: "*x" stands inside its own anchor'),
        (
            "a: 1\n---\nb: 2\n",
            "routes/a.yaml:2:1: error[E110]: a second document begins here; one file, one definition",
        ),
        (
            "a: !!python/object:os.system x\n",
            "routes/a.yaml:1:4: error[E111]: a tag (tag:yaml.org,2002:python/object:os.system) is not used here; "
            "remove it: the type comes from the field",
        ),
        ("? [a]\n: 1\n", 'routes/a.yaml:1:3: error[E112]: a key must be text; write "key": value'),
        ("", "routes/a.yaml:1:1: error[E107]: the file is empty"),
        (b"a: \xe9\n", "routes/a.yaml:1:4: error[E101]: byte 0xe9 is not UTF-8; save the file as UTF-8 in the editor"),
        (
            b"a: 1\nb: \x01\n",
            "routes/a.yaml:2:4: error[E101]: character U+0001 cannot stand in a text file; "
            "remove it, or save the file as UTF-8",
        ),
        ("[" * 5000, f"routes/a.yaml:1:{MAX_DEPTH + 1}: error[E102]: nested more than {MAX_DEPTH} levels deep"),
    ],
)
def test_what_is_not_yaml_is_explained_at_its_place(source, expected):
    assert findings(source) == [expected]


def test_every_broken_rule_of_a_file_is_reported_in_one_run():
    assert findings("a: 1\na: 2\nb: !t 1\n<<: 3\n") == [
        'routes/a.yaml:2:1: error[E108]: key "a" appears twice',
        "routes/a.yaml:3:4: error[E111]: a tag (!t) is not used here; remove it: the type comes from the field",
        "routes/a.yaml:4:1: error[E109]: merge keys (<<) are not part of YAML 1.2; "
        "repeat the keys, or give the shared part a name of its own (a policy, a table)",
    ]


def test_a_key_that_appears_twice_names_the_first_place():
    with pytest.raises(DefinitionError) as caught:
        read("a.yaml", b"a: 1\nb:\n  a: 2\n  a: 3\n")

    (finding,) = caught.value.diagnostics
    assert (str(finding.also[0]), finding.label) == ("a.yaml:3:3", "first at 3:3")


def test_aliases_are_followed_and_bounded():
    levels = "".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 10)}]\n" for i in range(1, 9))

    assert read("a.yaml", b"a: &x [1, 2]\nb: *x\n").data == {"a": [1, 2], "b": [1, 2]}
    assert findings(f"k0: &k0 [x, x]\n{levels}") == [
        "routes/a.yaml:6:35: error[E102]: more than 200000 values once aliases are followed"
    ]


def test_a_large_file_is_refused_before_it_is_parsed():
    with pytest.raises(DefinitionError, match=r"the file has 11 bytes; the limit is 10"):
        read("a.yaml", b"a: 12345678", limit_bytes=10)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marks_are_the_same_for_every_encoding_and_line_end(encoding):
    document = read("a.yaml", "a: Größe\r\nb:\r\n  c: 5\r\n".encode(encoding))

    assert document.data == {"a": "Größe", "b": {"c": 5}}
    assert str(document.place(["b", "c"])) == "a.yaml:3:6"


def test_a_loc_with_names_that_the_file_does_not_have_still_leads_to_its_place():
    document = read("a.yaml", b"steps:\n  - to:\n      endpoint: erp\n      retries: 3\n")

    key = document.place(["steps", 0, "to", "to", "retries"], key=True)
    value = document.place(["steps", 0, "to", "to", "retries"])

    assert (str(key), key.length) == ("a.yaml:4:7", 7)
    assert str(value) == "a.yaml:4:16"
    assert document.find(["steps", 7]).missed == 1


@pytest.mark.parametrize(
    ("source", "word", "expected"),
    [
        ("k: $.abc.x\n", "x", (1, 10)),
        ('k: "a\\tb\\u00e9x"\n', "x", (1, 15)),
        ("k: 'it''s x'\n", "x", (1, 11)),
        ("k: |\n  one\n  two x\n", "x", (3, 7)),
        ("k: >-\n  one\n  two\n\n  x\n", "x", (5, 3)),
        ("k: one\n   two x\n", "x", (2, 8)),
        ('k: "one \\\n   two x"\n', "x", (2, 8)),
    ],
)
def test_an_offset_inside_a_text_is_found_whatever_its_quotes(source, word, expected):
    document = read("a.yaml", source.encode())
    node = document.find(["k"]).node

    place = document.inside(node, node.value.index(word))

    assert (place.line, place.column) == expected


@given(TEXTS, st.sampled_from(["", '"', "'", "|", ">"]), st.integers(20, 80))
def test_every_character_of_a_text_is_found_in_the_source(text, style, width):
    source = yaml.dump({"k": {"deep": text}}, default_style=style, allow_unicode=True, width=width)
    document = read("a.yaml", source.encode())
    node = document.find(["k", "deep"]).node
    lines = document.lines()

    assert node.value == text
    for offset, char in enumerate(text):
        place = document.inside(node, offset)
        at = lines[place.line - 1][place.column - 1 :]
        assert at[:1] == char or char in " \n" or at.startswith("\\") or (node.style == '"' and char in '"\\\x85\ufeff')


def test_a_text_file_is_decoded_with_plain_line_ends():
    assert decode("t.j2", b"\xef\xbb\xbfa\r\nb\rc") == "a\nb\nc"
