"""Every mistake in tests/routes/mistakes/ gives exactly the text that stands beside it."""

from pathlib import Path

import pytest
import yaml

from esb.endpoints import ENDPOINTS
from esb.endpoints.http_out import HttpOut
from esb.routes import lint, load, render_all
from esb.routes.codes import codes
from esb.routes.nearest import listed

BASE = {
    "esb.yaml": "name: test\n",
    "routes/orders.yaml": "from: { endpoint: inbox }\nsteps:\n  - to: erp\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: in\n",
    "endpoints/erp.yaml": (
        'type: http_out\nurl: https://erp.example/orders\neffect: { idempotency_key: "{{ message.effect_key }}" }\n'
    ),
}
OWN_FIRST = sorted(HttpOut.model_fields, key=lambda name: name not in HttpOut.__annotations__)
"""What an http_out endpoint may say: what is its own before what every endpoint has."""
OF_GUIDES = {"W424"}
"""What `esb edi lint-guide` says of a guide, and nobody says of a project."""
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]


def files_of(case):
    encoding = "latin-1" if case.get("bytes") else "utf-8"
    return {name: text.encode(encoding) for name, text in {**BASE, **case["files"]}.items()}


def test_the_project_without_a_mistake_has_no_finding():
    assert lint(load({name: text.encode() for name, text in BASE.items()})) == ()


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_explained_where_it_stands(case):
    files = files_of(case)

    text = render_all(lint(load(files)), files)

    expected = case["expected"].replace("EVERY_ENDPOINT", listed(sorted(ENDPOINTS)))
    assert text == expected.replace("EVERY_FIELD_OF_HTTP_OUT", listed(OWN_FIRST))


@pytest.mark.parametrize("case", CASES)
def test_every_code_that_is_shown_can_be_explained(case):
    findings = lint(load(files_of(case)))

    assert {finding.code for finding in findings} <= codes().keys()
    assert findings


def test_there_are_many_different_mistakes():
    texts = [case.values[0]["expected"] for case in CASES]

    assert len(set(texts)) == len(texts) >= 40


def test_the_codes_shown_cover_those_that_lint_can_give():
    shown = {
        word.split("[")[1][:4]
        for case in CASES
        for word in case.values[0]["expected"].split()
        if "[E" in word or "[W" in word
    }

    assert codes().keys() - shown == OF_GUIDES
