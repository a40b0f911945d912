"""What a case can give, answer and expect, each on a small route."""

from __future__ import annotations

import json

import pytest

from esb.testing.route_test import run_cases
from esb.testing.sandbox.documents import make, x12

ENRICH = '  - id: buyer\n    enrich: { ask: erp, get: "/c/{{ body.c }}", into: $.buyer }\n'


def problems(result):
    return [(problem.text, *problem.lines) for problem in result.problems]


def test_what_leaves_and_was_not_expected_fails_the_case(folder):
    folder.route("  - to: archive\n  - publish: order.accepted\n")

    result = folder.case("given: { body: { a: 1 } }\nexpect: { sends: { archive: 1 } }")

    assert problems(result) == [
        (
            "order.accepted: 1 message left, and the case expects none; write under sends: order.accepted: 1",
            '+ {"a":1}',
        )
    ]


@pytest.mark.parametrize(
    ("expected", "lines"),
    [
        ("2", ["erp: 2 messages expected, 1 left"]),
        ("[{ body: { a: 1 } }]", ["erp, number 1", "+ $.b: 2.50"]),
        ("[{ contains: { a: 2 } }]", ["erp, number 1", "- $.a: 2", "+ $.a: 1"]),
        ("[{ headers: { file-name: x.json } }]", ["erp, number 1", "- header file-name: x.json"]),
        ("[{ keys: { order: 8 } }]", ["erp, number 1", "- key order: 8", "+ key order: 1"]),
        ("[{}, {}]", ["erp: messages: 2 expected, 1 came"]),
        ("[{ contains: nothing }]", ["erp, number 1", "- … nothing …"]),
        ('[{ body: "[]" }]', ["erp, number 1", "-[]"]),
    ],
)
def test_a_send_that_is_not_as_expected_is_told_with_the_place_of_the_difference(folder, expected, lines):
    folder.route("  - to: erp\n", 'from: { endpoint: inbox }\nkey: { order: "$.a" }\n')

    result = folder.case(f"given: {{ body: {{ a: 1, b: 2.50 }} }}\nexpect: {{ sends: {{ erp: {expected} }} }}")

    assert list(problems(result)[0])[: len(lines)] == lines


@pytest.mark.parametrize("sent", ["body: { a: 1.0, b: 2.5 }", "contains: { b: 2.500 }", "contains: '2.50'"])
def test_a_body_is_compared_as_its_receiver_reads_it(folder, sent):
    folder.route("  - to: erp\n")

    assert folder.case(f"given: {{ body: {{ a: 1, b: 2.50 }} }}\nexpect: {{ sends: {{ erp: [{{ {sent} }}] }} }}").passed


def test_a_text_is_read_by_the_format_of_the_endpoint_and_cut_by_the_route(folder):
    folder.route("  - to: erp\n", 'from: { endpoint: inbox, each: "$[*]" }\n')

    result = folder.case(
        'given: { body: \'[{"n": 1}, {"n": 2}]\', name: two.json }\n'
        "expect: { documents: 2, sends: { erp: [{ body: { n: 1 }, headers: { file-name: two.json } }, {}] } }"
    )

    assert result.passed, result.text()


def test_a_delivery_that_is_refused_as_a_whole_is_one_bad_document(folder):
    folder.route("  - to: erp\n", 'from: { endpoint: inbox, each: "$[*]", release: interchange }\n')

    result = folder.case("given: { body: '[{\"n\": 1}, {' }\nexpect: { documents: 0, bad: [refused as a whole] }")

    assert result.passed, result.text()


def test_a_bad_document_that_was_not_expected_fails_the_case(folder):
    folder.route("  - to: erp\n")

    (found,) = problems(folder.case("given: { body: nonsense }\nexpect: {}"))

    assert found[0] == "bad documents: 0 expected, 1 came"


def test_the_clock_of_a_case_stands_still(folder):
    folder.route('  - set: { body: { $.at: "{{ now }}" } }\n  - to: erp\n')

    result = folder.case(
        'given: { body: {}, at: "2026-03-01T09:00:00+01:00" }\n'
        'expect: { sends: { erp: [{ body: { at: "2026-03-01T08:00:00+00:00" } }] } }'
    )

    assert result.passed, result.text()


@pytest.mark.parametrize("name", ["buyer", "erp"])
@pytest.mark.parametrize("answer", ["reply: { n: 7 }", "replies: [{ n: 7 }]", "paths: { /c/5: { n: 7 } }"])
def test_a_question_is_answered_by_step_or_by_endpoint(folder, name, answer):
    folder.route(ENRICH + "  - to: archive\n")

    result = folder.case(
        f"given: {{ body: {{ c: 5 }} }}\nmocks: {{ {name}: {{ {answer} }} }}\n"
        "expect: { sends: { archive: [{ body: { c: 5, buyer: { n: 7 } } }] } }"
    )

    assert result.passed, result.text()


def test_an_answer_may_stand_in_a_file(folder):
    folder.route(ENRICH + "  - to: archive\n")
    folder.write({"tests/flows/answer.json": '{"n": 7}'})

    result = folder.case(
        "given: { body: { c: 5 } }\nmocks: { buyer: { file: answer.json } }\n"
        "expect: { sends: { archive: [{ contains: { buyer: { n: 7 } } }] } }"
    )

    assert result.passed, result.text()


@pytest.mark.parametrize(
    ("mock", "text"),
    [
        (
            "",
            "step buyer asks erp for GET /c/5, and nobody says what the answer is; write under mocks: buyer: { reply:",
        ),
        ("buyer: { paths: { /c/6: {} } }", "the mock buyer has no answer for /c/5; write it under paths:"),
        ("erp: { replies: [] }", "the mock erp has 0 replies, and this is question 1"),
    ],
)
def test_a_question_that_nobody_answers_fails_the_case_and_says_what_to_write(folder, mock, text):
    folder.route(ENRICH.replace("into: $.buyer", "into: $.buyer, optional: true") + "  - to: archive\n")

    (found,) = problems(folder.case(f"given: {{ body: {{ c: 5 }} }}\nmocks: {{ {mock} }}\nexpect: {{}}"))

    assert found[0].startswith(text)


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("transient", "retry"), ("throttled", "retry"), ("unknown", "dead_letter"), ("rejected", "dead_letter"),
     ("invalid", "dead_letter"), ("bug", "retry")],
)  # fmt: skip
def test_a_failure_has_the_class_of_the_mock_and_the_verdict_of_the_policy(folder, kind, verdict):
    folder.route(ENRICH + "  - to: archive\n")

    result = folder.case(
        f"given: {{ body: {{ c: 5 }} }}\nmocks: {{ erp: {{ error: {{ class: {kind}, text: it burns }} }} }}\n"
        f"expect: {{ failures: [{{ step: buyer, class: {kind}, text: burns, verdict: {verdict} }}] }}"
    )

    assert result.passed, result.text()


def test_a_failure_that_was_not_expected_says_what_the_policy_does_about_it(folder):
    folder.route(ENRICH)

    result = folder.case(
        "given: { body: { c: 5 } }\nmocks: { erp: { error: { class: transient, text: 503 } } }\nexpect: {}"
    )

    assert problems(result) == [
        (
            "failures: 0 expected, 1 came",
            "+ buyer (transient): 503; it is tried 5 times more, for 1h 11m; "
            "then it becomes an exception that a person decides (dead letter)",
        )
    ]


def test_each_part_of_a_failure_that_differs_is_told(folder):
    folder.route(ENRICH)

    result = folder.case(
        "given: { body: { c: 5 } }\nmocks: { erp: { error: { class: rejected, text: 422 no } } }\n"
        "expect: { failures: [{ step: other, class: invalid, text: yes, verdict: retry }] }"
    )

    (found,) = problems(result)
    assert found[1:5] == ("- step: other", "+ step: buyer", "- class: invalid", "+ class: rejected")
    assert found[-2:] == ("- text: … yes …", "+ text: 422 no")


def test_a_diverted_message_leaves_for_the_other_endpoint(folder):
    folder.route(ENRICH, "from: { endpoint: inbox }\non_error: { rejected: { divert: archive } }\n")

    result = folder.case(
        "given: { body: { c: 5 } }\nmocks: { erp: { error: { class: rejected, text: no } } }\n"
        "expect: { failures: [{ verdict: divert }], sends: { archive: [{ body: { c: 5 } }] } }"
    )

    assert result.passed, result.text()


def test_keys_that_were_seen_end_as_duplicates_and_twins_follow_the_first(folder):
    folder.route('  - deduplicate: { key: "$.n", keep: 1d }\n  - to: erp\n')

    result = folder.case(
        "given: [{ body: { n: a } }, { body: { n: b } }, { body: { n: b } }]\nseen: [a]\n"
        "expect: { ended: [{ outcome: duplicate, reason: \"'a'\" }, duplicate], sends: { erp: [{ body: { n: b } }] } }"
    )

    assert result.passed, result.text()


def test_a_seen_key_belongs_to_its_space(folder):
    folder.route('  - deduplicate: { key: "$.n", keep: 1d }\n  - to: erp\n')

    result = folder.case("given: { body: { n: a } }\nseen: [{ key: a, space: other }]\nexpect: { sends: { erp: 1 } }")

    assert result.passed, result.text()


def test_the_twin_of_a_message_that_failed_waits_for_it(folder):
    folder.route('  - deduplicate: { key: "$.n", keep: 1d }\n  - filter: { keep_if: "{{ body.ok }}", reason: no }\n')

    result = folder.case(
        "given: [{ body: { n: b } }, { body: { n: b, ok: true } }]\n"
        "expect: { failures: [{ step: filter }, { step: deduplicate, class: transient, text: under way }] }"
    )

    assert result.passed, result.text()


def test_a_released_message_goes_on_behind_the_step_that_parked_it(folder):
    folder.route("  - hold: { queue: desk, reason: look at it }\n  - to: erp\n")
    case = (
        "given: {{ body: {{}} }}\nrelease: [{}]\n"
        "expect: {{ parked: [{{ place: desk, reason: look }}], sends: {{ erp: {} }} }}"
    )

    held = folder.case(case.format("", 0))
    released = folder.case(case.format("desk", 1))

    assert held.passed, held.text()
    assert released.passed, released.text()


def test_a_release_of_nothing_is_a_problem(folder):
    folder.route("  - to: erp\n")

    result = folder.case("given: { body: {} }\nrelease: [desk]\nexpect: { sends: { erp: 1 } }")

    assert problems(result) == [("nothing was parked in desk, so nothing was released from it",)]


@pytest.mark.parametrize("rows", ["{ A: apple, B: pear }", "[{ code: A, name: apple }]"])
def test_a_table_has_other_rows_for_one_case(folder, rows):
    folder.write({"transforms/tables/fruit.csv": "code,name\nA,anise\n"})
    folder.route("  - lookup: { table: fruit, key: $.c, into: $.f }\n  - to: erp\n")
    case = "given: {{ body: {{ c: A }} }}\n{}expect: {{ sends: {{ erp: [{{ contains: {{ f: {} }} }}] }} }}"

    mocked = folder.case(case.format(f"mocks: {{ fruit: {{ rows: {rows} }} }}\n", "apple"))
    plain = folder.case(case.format("", "anise"))

    assert mocked.passed, mocked.text()
    assert plain.passed, plain.text()


def test_a_route_that_subscribes_takes_a_document(folder):
    folder.route("  - to: erp\n", "from: { event: order.# }\nkey: { order: $.n }\n")
    folder.write({"tests/flows/event.json": '{"n": 7}'})

    for given in ("{ body: { n: 7 } }", "{ file: event.json }"):
        result = folder.case(f"given: {given}\nexpect: {{ keys: {{ order: 7 }}, sends: {{ erp: 1 }} }}")
        assert result.passed, result.text()


def test_acknowledgments_go_back_to_the_sender_whatever_the_route_makes_of_the_documents(folder):
    orders = make("A", 2, "C-1")
    folder.write(
        {
            "endpoints/edi.yaml": "type: file\ndirectory: var/edi\npartner: acme\n"
            "format: { type: x12, guide: x12/850 }\n",
            "schemas/partners/acme.yaml": "acknowledge_to: archive\n",
        }
    )
    folder.route(
        "  - to: erp\n",
        "from: { endpoint: edi, each: transaction, acknowledge: 997 }\nkey: { order: $.order.number }\n",
    )
    folder.root.joinpath("tests/flows").mkdir(parents=True)
    folder.root.joinpath("tests/flows/two.edi").write_bytes(x12(orders, 7, broken=[orders[1].number]))

    result = folder.case(
        "given: { file: two.edi }\n"
        "expect: { documents: 1, bad: [SE], acknowledgments: ['AK5*R'], sends: { erp: 1 }, "
        f"keys: {{ order: {orders[0].number} }} }}"
    )
    wrong = folder.case("given: { file: two.edi }\nexpect: { bad: [SE], acknowledgments: [], sends: { erp: 1 } }")

    assert result.passed, result.text()
    assert problems(wrong)[0][0] == "acknowledgments: 0 expected, 1 came"


def test_a_golden_file_is_written_once_asked_and_compared_from_then_on(folder):
    folder.route("  - to: erp\n")
    case = "given: {{ body: {{ n: {} }} }}\nexpect: {{ sends: {{ erp: [{{ file: golden/erp.json }}] }} }}"

    before = folder.case(case.format("1.50"))
    updated = folder.case(case.format("1.50"), update_golden=True)
    same = folder.case(case.format("1.5"))
    other = folder.case(case.format("2"))

    assert problems(before) == [("erp, number 1", "erp.json does not exist yet; esb test --update-golden writes it")]
    assert (folder.root / "tests/flows/golden/erp.json").read_text() == '{\n  "n": 1.50\n}\n'
    assert updated.passed and same.passed
    assert problems(other) == [("erp, number 1", "- $.n: 1.50", "+ $.n: 2")]


def test_a_file_of_cases_shares_mocks_and_each_case_begins_anew(folder):
    folder.route('  - deduplicate: { key: "$.c", keep: 1d }\n' + ENRICH + "  - to: archive\n")
    one = "given: { body: { c: 5 } }, expect: { sends: { archive: [{ contains: { buyer: %s } }] } }"
    folder.write(
        {
            "tests/flows/r.yaml": "route: r\nmocks: { buyer: { replies: [one] } }\ncases:\n"
            f"  - {{ name: a, {one % 'one'} }}\n  - {{ name: b, {one % 'one'} }}\n"
            f"  - {{ name: c, mocks: {{ buyer: {{ reply: two }} }}, {one % 'two'} }}\n"
        }
    )

    report = run_cases(project=folder.root)

    assert report.passed, report.text()
    assert [result.case.title for result in report.results] == ["r: a", "r: b", "r: c"]


def test_coverage_counts_written_steps_once_whoever_calls_them(folder):
    ways = '      - when: "{{ body.a }}"\n        to: erp\n      - otherwise:\n        to: archive\n'
    folder.write({"routes/sub.yaml": f"steps:\n  - choose:\n{ways}"})
    folder.route("  - call: sub\n  - id: again\n    call: sub\n")

    folder.case("given: { body: { a: true } }\nexpect: { sends: { erp: 2 } }")
    coverage = run_cases(project=folder.root).coverage

    assert coverage.sentence() == "coverage 71 %: 4 of 5 steps, 1 of 2 branches"
    assert coverage.steps_missed == (("sub", "choose/otherwise/to"),)
    assert coverage.branches_missed == (("sub", "choose/otherwise"),)


def test_the_coverage_of_chosen_cases_is_that_of_their_routes(folder):
    folder.route("  - to: erp\n")
    folder.write({"routes/never.yaml": "from: { endpoint: archive }\nsteps:\n  - to: erp\n"})
    folder.case("given: { body: {} }\nexpect: { sends: { erp: 1 } }")

    assert run_cases(project=folder.root, select="IT").coverage.percent == 100
    assert run_cases(project=folder.root).coverage.percent == 50


def test_ids_are_the_same_in_every_run(folder):
    folder.route('  - set: { body: { $.id: "{{ message.id }}" } }\n  - to: erp\n')
    folder.case("given: { body: {} }\nexpect: { sends: { erp: [{ file: id.json }] } }", update_golden=True)
    first = json.loads((folder.root / "tests/flows/id.json").read_text())

    result = folder.case(
        f"given: {{ body: {{}} }}\nexpect: {{ sends: {{ erp: [{{ body: {{ id: {first['id']} }} }}] }} }}"
    )

    assert result.passed, result.text()
