"""An endpoint reads and writes EDI as its partner does: the `edi:` of the partner's file."""

from __future__ import annotations

from esb.routes import compile_plan, lint, load
from esb.testing.edi_kit import answers, interchange, order

FILES = {
    "esb.yaml": "defaults: { owner: desk }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: in\npartner: acme\nformat: x12\n",
    "endpoints/out.yaml": "type: file\ndirectory: out\n",
    "schemas/partners/acme.yaml": "edi: { change: { '850': [{ at: lines.unit, codes: [EA] }] } }\nacknowledge_to: out",
    "routes/orders.yaml": "from: { endpoint: inbox, each: transaction, acknowledge: 999 }\nsteps: [{ to: out }]\n",
}


def project(**changed: str):
    return load({name: text.encode() for name, text in {**FILES, **changed}.items()})


def test_the_overlay_of_the_endpoints_partner_applies():
    reader = compile_plan(project()).intakes["inbox"].reader()

    parts = [*reader.feed(interchange(order()).encode()), *reader.end()]

    assert [finding.code for finding in parts[0].findings] == ["impl.code"]
    assert "IK4*3*355*I6*CA" in answers(parts)[0]


def test_a_format_may_name_another_partner():
    other = {
        "schemas/partners/other.yaml": "description: Other\n",
        "endpoints/inbox.yaml": FILES["endpoints/inbox.yaml"].replace("x12", "{ type: x12, partner: other }"),
    }

    reader = compile_plan(project(**other)).intakes["inbox"].reader()

    assert [part.error for part in reader.feed(interchange(order()).encode())] == [""]


def test_a_path_that_matches_nothing_is_found_by_lint_in_the_partners_file():
    wrong = FILES["schemas/partners/acme.yaml"].replace("lines.unit", "lines.uom")

    findings = lint(project(**{"schemas/partners/acme.yaml": wrong}))

    assert any(
        finding.place is not None
        and finding.place.file == "schemas/partners/acme.yaml"
        and "has no element 'uom'" in finding.text
        for finding in findings
    )
