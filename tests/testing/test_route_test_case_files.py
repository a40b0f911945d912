"""What is wrong in a case file is said with its place and what to write."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest

from esb.errors import DefinitionError, UsageError
from esb.reading import read
from esb.testing.route_test import Bench, find, read_cases, run_cases, schema

CASE = "route: r\ncases:\n  - name: it\n    given: { body: {} }\n    expect: {}\n"


def wrong(folder, text: str, name: str = "tests/flows/r.yaml") -> list[str]:
    folder.route("  - id: buyer\n    enrich: { ask: erp, get: /c, into: $.b }\n  - publish: order.accepted\n")
    folder.write({"transforms/tables/fruit.csv": "code,name\nA,anise\n", name: text})
    with pytest.raises(DefinitionError) as caught:
        run_cases(project=folder.root)
    return [str(finding) for finding in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            CASE.replace("route: r", "route: s"),
            'tests/flows/r.yaml:1:8: error[E301]: route "s" does not exist',
        ),
        (
            CASE.replace("expect: {}", "expects: {}"),
            'tests/flows/r.yaml:5:5: error[E203]: unknown key "expects" in item 1 of "cases"; did you mean "expect"?',
        ),
        (
            CASE.replace("{ body: {} }", "{ body: {}, fil: x }"),
            'tests/flows/r.yaml:4:24: error[E203]: unknown key "fil" in "given"; did you mean "file"?',
        ),
        (
            CASE.replace("{ body: {} }", "{}"),
            'tests/flows/r.yaml:4:12: error[E210]: "given": one of these keys is needed, not none; '
            "write one of file and body",
        ),
        (
            CASE.replace("{ body: {} }", '{ body: {}, at: "2026-01-01" }'),
            "tests/flows/r.yaml:4:28: error[E210]: \"at\": '2026-01-01' is no point in time; "
            "write date, time and zone: 2026-01-02T09:30:00Z or 2026-01-02T09:30:00+01:00",
        ),
        (
            CASE.replace("{ body: {} }", "{ file: ../../../../etc/passwd }"),
            "tests/flows/r.yaml:4:20: error[E210]: passwd is not in the project; copy it beside the case",
        ),
        (
            CASE.replace("{ body: {} }", "{ file: r.yml }"),
            'tests/flows/r.yaml:4:20: error[E210]: the file "r.yml" does not exist; did you mean "r.yaml"?',
        ),
        (
            CASE + "    mocks: { buyr: { reply: 1 } }\n",
            'tests/flows/r.yaml:6:14: error[E210]: step or endpoint "buyr" does not exist; did you mean "buyer"?',
        ),
        (
            CASE + "    mocks: { fruits: { rows: {} } }\n",
            'tests/flows/r.yaml:6:14: error[E304]: table "fruits" does not exist; did you mean "fruit"?',
        ),
        (
            CASE + "    mocks: { buyer: { reply: 1, file: x.json } }\n",
            'tests/flows/r.yaml:6:21: error[E210]: "buyer": one of these keys is needed, not reply and file; '
            "write one of reply, replies, paths, file, error and rows",
        ),
        (
            CASE.replace("expect: {}", "expect: { sends: { order.acepted: 1 } }"),
            'tests/flows/r.yaml:5:24: error[E305]: endpoint or event "order.acepted" does not exist; '
            'did you mean "order.accepted"?',
        ),
        (
            CASE.replace("expect: {}", "expect: { failures: [{ class: transint }] }"),
            'tests/flows/r.yaml:5:35: error[E206]: "class" cannot be "transint"; did you mean "transient"?',
        ),
        (
            CASE.replace("expect: {}", "expect: { sends: { erp: [{ file: ../../../x }] } }"),
            "tests/flows/r.yaml:5:38: error[E210]: x is not in the project; copy it beside the case",
        ),
        (
            CASE + CASE.partition("cases:\n")[2],
            'tests/flows/r.yaml:6:11: error[E210]: two cases are called "it"; give each a name of its own',
        ),
        ("route: r\ncases: []\n", 'tests/flows/r.yaml:2:8: error[E207]: "cases" is empty'),
        (
            "- route: r\n",
            "tests/flows/r.yaml:1:1: error[E205]: this test file must be keys with values, not a list; "
            "write for example: { route: … }; its keys are route, description, mocks, cases",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(folder, text, said):
    assert wrong(folder, text) == [said]


def test_all_files_are_read_before_anything_is_said(folder):
    folder.write({"tests/flows/a.yaml": "route: [\n"})

    assert len(wrong(folder, CASE.replace("route: r", "route: s"))) == 2


def test_a_project_with_errors_runs_no_case(folder):
    folder.route("  - to: nowhere\n")
    folder.write({"tests/flows/r.yaml": CASE})

    with pytest.raises(DefinitionError, match="nowhere"):
        run_cases(project=folder.root)


def test_cases_are_found_in_files_and_folders_of_the_project_only(folder, tmp_path_factory):
    folder.route("  - to: erp\n")
    folder.write({"tests/flows/deep/r.yaml": CASE, "tests/flows/b.yaml": CASE, "tests/flows/notes.md": ""})
    outside = tmp_path_factory.mktemp("outside")

    assert [path.name for path in find(folder.root)] == ["b.yaml", "r.yaml"]
    assert [path.name for path in find(folder.root, [folder.root / "tests/flows/deep"])] == ["r.yaml"]
    with pytest.raises(UsageError, match="is not in the project"):
        find(folder.root, [outside])
    with pytest.raises(UsageError, match="does not exist"):
        find(folder.root, [Path("nothing.yaml")])


def test_a_case_knows_its_line(folder):
    folder.route("  - to: erp\n")
    folder.write({"tests/flows/r.yaml": CASE})

    (case,) = read_cases(folder.root, find(folder.root), Bench.of(folder.root).outline)

    assert (case.file, case.line, case.title) == ("tests/flows/r.yaml", 3, "r: it")


def test_the_schema_for_editors_takes_what_the_reader_takes():
    validator = jsonschema_rs.validator_for(schema())

    assert validator.is_valid(read("x", CASE.encode()).data)
    assert not validator.is_valid(read("x", CASE.replace("expect", "expects").encode()).data)
    assert not validator.is_valid(
        read("x", CASE.replace("expect: {}", "expect: { failures: [{ class: x }] }").encode()).data
    )
