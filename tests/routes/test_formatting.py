import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from esb.errors import DefinitionError
from esb.reading import read
from esb.routes.formatting import formatted
from esb.routes.starting import starter

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def definitions():
    """Every definition that this repository has: its own project, the starter, and the mistakes that can be read."""
    for folder in ("routes", "endpoints", "transforms", "schemas/partners"):
        yield from ((str(path.relative_to(ROOT)), path.read_bytes()) for path in (ROOT / folder).rglob("*.yaml"))
    yield from ((name, raw) for name, raw in starter("hub").items() if name.endswith(".yaml"))
    for path in (HERE / "mistakes").glob("*.yaml"):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            yield from ((name, text.encode()) for name, text in case["files"].items() if name.endswith(".yaml"))


@pytest.mark.parametrize(("name", "raw"), [pytest.param(*pair, id=pair[0]) for pair in definitions()])
def test_what_can_be_read_is_formatted_once_and_keeps_its_content(name, raw):
    try:
        before = read(name, raw).data
    except DefinitionError:
        pytest.skip("not readable")

    once = formatted(name, raw)

    assert read(name, once.encode()).data == before
    assert formatted(name, once.encode()) == once
    assert comments(once) == comments(raw.decode())


def comments(text):
    """The comments of a file, in no order: those of a key move with it."""
    return sorted(match.group(1).strip() for match in re.finditer(r"(?m)(?:^|\s)(#[^\"'\n]*)$", text))


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20)
SCALARS = st.one_of(
    TEXTS,
    st.sampled_from(["$.a.b[*]", '$["a"]', "{{ body.x }}", "NO", "0024", "12E4", "a: b", "#x", "- y", "", "~", "yes"]),
    st.integers(),
    st.booleans(),
    st.none(),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


@settings(deadline=None)
@example({"steps": None, "from": ["\xa0"]}, False, 40)
@given(
    st.dictionaries(st.sampled_from(["steps", "from", "owner", "key", "x"]) | TEXTS, VALUES, min_size=1, max_size=5),
    st.sampled_from([None, True, False]),
    st.sampled_from([40, 1000]),
)
def test_formatting_is_stable_and_loses_nothing_whatever_the_content(content, flow, width):
    raw = yaml.safe_dump(content, default_flow_style=flow, allow_unicode=True, width=width, sort_keys=False).encode()
    try:
        before = read("routes/a.yaml", raw).data
    except DefinitionError:
        return  # what YAML 1.1 writes and YAML 1.2 does not read, or keys that are one as text

    once = formatted("routes/a.yaml", raw)

    assert read("routes/a.yaml", once.encode()).data == before
    assert formatted("routes/a.yaml", once.encode()) == once


def test_the_canonical_form_of_a_route():
    given_text = """\ufeff# yaml-language-server: $schema=x\r
steps:
- transform: order   # to order@1
  id: map
- deduplicate: {key: $.number,   keep: 30d}


- choose:
    - when: '$.lines[?@.kind == "x"]'
      to: erp
    - otherwise:   \r
      steps: [{log: 'it''s {{ body.x }}'}]

# where it comes from
from: {endpoint: inbox}
owner: "desk"
"""

    made = formatted("routes/a.yaml", given_text.encode())

    assert (
        made
        == """# yaml-language-server: $schema=x
owner: "desk"
# where it comes from
from: { endpoint: inbox }
steps:
  - transform: order # to order@1
    id: map
  - deduplicate: { key: "$.number", keep: 30d }

  - choose:
      - when: '$.lines[?@.kind == "x"]'
        to: erp
      - otherwise:
        steps: [{ log: "it's {{ body.x }}" }]
"""
    )


def test_the_id_of_a_step_stands_first():
    made = formatted("routes/a.yaml", b"steps:\n  - to: erp\n    description: why\n    id: send\n")

    assert made == "steps:\n  - id: send\n    description: why\n    to: erp\n"


def test_texts_of_several_lines_keep_their_lines():
    raw = b"type: template\ntext: |\n  Dear partner,\n\n\n    two   \n  # no comment\nformat: text\n"

    made = formatted("transforms/mail.yaml", raw)

    assert read("x", made.encode()).data == read("x", raw).data
    assert made == "type: template\ntext: |\n  Dear partner,\n\n\n    two   \n  # no comment\nformat: text\n"


def test_keys_of_an_endpoint_stand_in_the_order_of_its_type():
    raw = b"retry: patient\nurl: https://x/\nowner: it\ntype: http_out\nunknown: 1\n"

    made = formatted("endpoints/erp.yaml", raw)

    assert made == "type: http_out\nowner: it\nurl: https://x/\nretry: patient\nunknown: 1\n"


def test_a_file_that_cannot_be_read_is_refused():
    with pytest.raises(DefinitionError, match="E108"):
        formatted("routes/a.yaml", b"a: 1\na: 2\n")
