"""Any route of real steps: the same message and answers give the same outcome, and nothing given is changed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esb.edge import Finding
from esb.errors import EndpointError, RejectedError
from esb.message import NamedAsk
from esb.pipeline import StepFailure

FOUR = Finding("four", "n is four", where="$.n")
leaves = st.sampled_from(
    [
        {"set": {"body": {"$.seen": "yes"}, "headers": {"kind": "$.n"}}},
        {"filter": {"keep_if": "{{ body.n != '2' }}", "reason": "not two"}},
        {"enrich": {"ask": "erp", "get": "/x/{{ body.n }}", "into": "$.answer", "optional": True}},
        {"enrich": {"ask": "crm", "get": "/y/{{ body.n }}", "into": "$.other"}},
        {"deduplicate": {"key": "$.n", "keep": "1d"}},
        {"hold": {"when": "{{ body.n == '3' }}", "queue": "ops", "reason": "three"}},
        {"validate": "strict@1"},
        {"wire_tap": "audit"},
        {"to": ["erp", "wms"]},
        {"publish": {"event": "order.seen", "body": "$.n"}},
        {"log": "{{ body.n }}"},
        {"split": {"each": "$.parts"}},
    ]
)


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    steps = st.lists(inner, min_size=1, max_size=3).map(numbered)
    return st.one_of(
        steps.map(lambda inside: {"split": {"each": "$.parts", "steps": inside, "join": {"into": "$.parts"}}}),
        steps.map(lambda inside: {"split": {"each": "$.parts", "steps": inside}}),
        st.tuples(steps, steps).map(
            lambda two: {
                "choose": [{"when": "{{ body.n == '1' }}", "steps": two[0]}, {"otherwise": None, "steps": two[1]}]
            }
        ),
        st.tuples(steps, steps, steps).map(
            lambda three: {"guard": {"steps": three[0], "recover": [{"steps": three[1]}], "always": three[2]}}
        ),
    )


def numbered(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": f"s{number}", **step} for number, step in enumerate(steps)]


routes = st.lists(st.recursive(leaves, around, max_leaves=5), min_size=1, max_size=4).map(numbered)


def answer(asked: NamedAsk) -> Any:
    """Answer by the name of the ask alone, as a store that keeps answers does."""
    chance = int(asked.name[:2], 16) % 4
    if asked.ask.kind == "keys":
        return b"duplicate" if chance == 0 else b"first"
    return (RejectedError("answered 404 Not Found"), EndpointError("down"), {"name": "Ann"}, None)[chance]


def outcome(bench: Any, route: list[dict[str, Any]], body: Any) -> Any:
    bench.contracts = {"strict@1": lambda given: [FOUR] if given.get("n") == "4" else []}
    bench.asked.clear()
    try:
        return bench.run_with(route, bench.message(body), answer), [asked.name for asked in bench.asked]
    except StepFailure as failure:
        return failure.step, str(failure), failure.message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(routes, st.sampled_from("1234"))
def test_a_redelivery_has_the_same_outcome_and_the_message_is_as_it_was(bench: Any, route: Any, number: str):
    body = {"n": number, "parts": [{"n": "1", "parts": []}, {"n": "2"}, {"n": "4"}]}
    before = deepcopy(body)

    first, second = outcome(bench, route, body), outcome(bench, deepcopy(route), deepcopy(body))

    assert first == second
    assert body == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(routes, st.sampled_from("1234"))
def test_no_two_sends_share_an_id_and_no_two_asks_a_name(bench: Any, route: Any, number: str):
    found = outcome(bench, route, {"n": number, "parts": [{"n": "1", "parts": []}, {"n": "3"}]})
    if isinstance(found[0], str):
        return
    result, names = found

    ids = [send.message.id for send in result.sends]
    assert len(set(ids)) == len(ids)
    assert len(set(names)) == len(names)
