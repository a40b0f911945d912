"""The value machine: order, asks and their names, redelivery, parts, failures in place, entering behind a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import GeneratorType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.errors import EndpointError, MessageError, ValidationError, failure_class
from esb.message import Ask, BusinessKey, End, Message, NamedAsk, Note, Park, Send, ask_name, send_id
from esb.pipeline import Result, Route, StepFailure, run, sequence
from esb.ports import Asking, Outputs, Step

RECEIVED = datetime(2026, 5, 4, tzinfo=UTC)
Line = Sequence[tuple[str, Step]]


def message(body: Any = None, id: str = "m1", **more: Any) -> Message:  # noqa: A002
    return Message(id=id, body=[] if body is None else body, received=RECEIVED, route="r", **more)


def add(mark: str) -> Step:
    return lambda given: [given.with_body([*given.body, mark])]


def send(to: str, path: str = "") -> Step:
    return lambda given: [Send(to, given, path or f"to-{to}"), given]


def parts(path: str) -> Step:
    return lambda given: [given.part(path, number, item) for number, item in enumerate(given.body, 1)]


def fail(error: Exception) -> Step:
    def step(given: Message) -> Outputs:
        raise error

    return step


def asking(count: int = 1, target: str = "erp") -> Step:
    def step(given: Message) -> Asking:
        answers = []
        for number in range(count):
            answers.append((yield Ask("http", target, number)))
        return [given.with_body([*given.body, *answers])]

    return step


def route(*line: tuple[str, Step], **more: Any) -> Route:
    return Route("r", sequence("r", line), **more)


def finish(given: Any, answer: Callable[[NamedAsk], Any] = lambda asked: asked.name) -> tuple[Result, list[NamedAsk]]:
    """Answer all asks with a function of the ask; an exception is thrown."""
    asked_all: list[NamedAsk] = []
    if not isinstance(given, GeneratorType):
        return given, asked_all
    try:
        asked = next(given)
        while True:
            asked_all.append(asked)
            found = answer(asked)
            asked = given.throw(found) if isinstance(found, Exception) else given.send(found)
    except StopIteration as stop:
        return stop.value, asked_all


def bodies(result: Result) -> list[Any]:
    return [sent.message.body for sent in result.sends]


def test_steps_run_in_the_order_written():
    result, _ = finish(run(route(("a", add("a")), ("b", add("b")), ("to", send("x"))), message()))

    assert bodies(result) == [["a", "b"]]


def test_a_route_without_asks_is_answered_at_once():
    assert isinstance(run(route(("a", add("a"))), message()), Result)


def test_a_message_that_passed_the_last_step_leaves_no_trace():
    assert run(route(("a", add("a"))), message()) == Result()


def test_outputs_are_sorted_by_kind():
    given = message()
    outputs = [Note("s", "hello"), End("filtered", "why", "s", given), Park("desk", "why", "s", given)]

    result, _ = finish(run(route(("s", lambda _: outputs)), given))

    assert (result.notes, result.ends, result.parks, result.sends) == ([outputs[0]], [outputs[1]], [outputs[2]], [])


def test_a_way_that_ended_does_not_go_on():
    line = (("stop", lambda given: [End("filtered", "why", "stop", given)]), ("to", send("x")))

    result, _ = finish(run(route(*line), message()))

    assert result.sends == []


def test_sends_get_ids_derived_from_message_step_and_destination():
    given = message(generation=2)

    result, _ = finish(run(route(("to", send("delivery/erp", "to"))), given))

    (sent,) = result.sends
    assert sent.message.id == send_id("r", given, "to", "delivery/erp", 0)
    assert (sent.message.causation_id, sent.message.generation) == ("m1", 2)


def test_equal_sends_of_one_step_are_told_apart_by_their_number():
    twice = (("to", lambda given: [Send("x", given, "to"), Send("x", given, "to")]),)

    result, _ = finish(run(route(*twice), message()))

    assert [sent.message.id for sent in result.sends] == [send_id("r", message(), "to", "x", n) for n in (0, 1)]


def test_scratch_never_leaves():
    given = message(scratch={"error": "secret"})

    result, _ = finish(run(route(("to", send("x"))), given))

    assert result.sends[0].message.scratch == {}


def test_the_business_keys_of_all_sends_are_collected():
    keys = (BusinessKey("order", "4711"),)

    result, _ = finish(run(route(("to", send("x"))), message(keys=keys)))

    assert result.keys == set(keys)


def test_asks_are_named_by_route_message_generation_path_and_number():
    given = message(generation=1)

    _, asked = finish(run(route(("customer", asking(2))), given))

    assert [each.name for each in asked] == [ask_name("r", given, "customer", n) for n in (0, 1)]
    assert {each.message_id for each in asked} == {"m1"}


def test_an_answer_goes_to_the_step_that_asked():
    line = (("a", asking()), ("b", add("b")), ("c", asking(2)), ("to", send("x")))
    answers = iter("123")

    result, _ = finish(run(route(*line), message()), lambda asked: next(answers))

    assert bodies(result) == [["1", "b", "2", "3"]]


def test_an_ask_in_a_nested_flow_keeps_the_name_of_its_own_place():
    inner = sequence("r", [("choose/when-1/customer", asking())])

    _, asked = finish(run(route(("choose", inner)), message()))

    assert [each.name for each in asked] == [ask_name("r", message(), "choose/when-1/customer", 0)]


def test_who_holds_a_reservation_is_the_message_and_its_generation():
    _, first = finish(run(route(("a", asking())), message(generation=0)))
    _, again = finish(run(route(("a", asking())), message(generation=1)))

    assert first[0].owner != again[0].owner


def test_parts_run_the_rest_of_the_route_in_order():
    line = (("split", parts("split")), ("b", lambda given: [given.with_body([given.body])]), ("to", send("x")))

    result, _ = finish(run(route(*line), message(["1", "2", "3"])))

    assert bodies(result) == [["1"], ["2"], ["3"]]


def test_parts_that_ask_do_so_each_under_its_own_name():
    line = (("split", parts("split")), ("b", asking()), ("to", send("x")))

    result, asked = finish(run(route(*line), message([["1"], ["2"]])), lambda each: each.message_id)

    ids = [message().part("split", number, None).id for number in (1, 2)]
    assert [each.message_id for each in asked] == ids
    assert bodies(result) == [["1", ids[0]], ["2", ids[1]]]


def test_many_parts_may_ask_without_deepening_the_stack():
    line = (("split", parts("split")), ("ask", asking()), ("to", send("x")))

    result, asked = finish(run(route(*line), message([[] for _ in range(3000)])))

    assert len(asked) == len(result.sends) == 3000


def test_a_failure_says_which_step_and_with_what():
    line = (("a", add("a")), ("b", fail(ValidationError("no number"))))

    with pytest.raises(StepFailure) as failure:
        run(route(*line), message())

    found = failure.value
    assert (found.step, found.message.body, str(found)) == ("b", ["a"], "b: no number")
    assert failure_class(found) == "invalid"


def test_what_nobody_foresaw_is_a_bug():
    with pytest.raises(StepFailure) as failure:
        run(route(("a", fail(ZeroDivisionError("oops")))), message())

    assert failure_class(failure.value) == "bug"


def test_a_failure_in_a_nested_flow_keeps_the_inner_place():
    inner = sequence("r", [("choose/when-1/x", fail(MessageError("no")))])

    with pytest.raises(StepFailure) as failure:
        run(route(("choose", inner)), message())

    assert failure.value.step == "choose/when-1/x"


def test_a_failed_ask_fails_the_step_that_asked():
    with pytest.raises(StepFailure) as failure:
        finish(run(route(("a", asking())), message()), lambda asked: EndpointError("down"))

    assert (failure.value.step, failure_class(failure.value)) == ("a", "transient")


def test_a_failed_ask_in_a_nested_flow_keeps_the_inner_place():
    inner = sequence("r", [("guard/try/a", asking())])

    with pytest.raises(StepFailure) as failure:
        finish(run(route(("guard", inner)), message()), lambda asked: EndpointError("down"))

    assert failure.value.step == "guard/try/a"


def test_a_step_may_live_with_a_failed_ask():
    def forgiving(given: Message) -> Asking:
        try:
            yield Ask("http", "erp", None)
        except EndpointError as error:
            return [given.with_body([str(error)])]
        return [given]

    result, _ = finish(run(route(("a", forgiving), ("to", send("x"))), message()), lambda asked: EndpointError("down"))

    assert bodies(result) == [["down"]]


def test_a_released_message_enters_behind_the_step_that_held_it():
    behind = {"hold": sequence("r", [("b", add("b")), ("to", send("x"))])}

    result, _ = finish(run(route(("a", add("a")), entries=behind), message(), at="hold"))

    assert bodies(result) == [["b"]]


def test_entering_at_an_unknown_step_fails_there():
    with pytest.raises(StepFailure, match="route r has no waiting step 'gone'") as failure:
        run(route(("a", add("a"))), message(), at="gone")

    assert failure.value.step == "gone"


# Any line of steps, run twice with the same answers, gives the same.

MARKS: Mapping[str, Callable[[str], Step]] = {
    "add": add,
    "send": lambda path: send("delivery/erp", path),
    "twice": lambda path: lambda given: [Send("event/e", given, path), Send("event/e", given, path), given],
    "parts": lambda path: lambda given: [given.part(path, n, [*given.body, str(n)]) for n in (1, 2)],
    "ask": lambda path: asking(),
    "ask-twice": lambda path: asking(2),
    "note": lambda path: lambda given: [Note(path, "x"), given],
    "end": lambda path: lambda given: [End("filtered", "x", path, given)],
    "fail": lambda path: fail(ValidationError("no")),
}


def flat(tree: Any) -> list[str]:
    return [leaf for kind in tree for leaf in ([kind] if isinstance(kind, str) else flat(kind))]


kinds = st.sampled_from([*MARKS, "parts", "ask", "send"])
trees = st.recursive(kinds, lambda inner: st.lists(inner, min_size=1, max_size=4), max_leaves=10)
lines = st.lists(trees, min_size=1, max_size=6).filter(lambda tree: flat(tree).count("parts") <= 5)


def line_of(tree: Any, before: str = "") -> Line:
    """Lists are nested flows; the path of a step holds those of the flows around it."""
    named = []
    for number, kind in enumerate(tree):
        path = f"{before}{kind if isinstance(kind, str) else 'flow'}-{number}"
        named.append((path, MARKS[kind](path) if isinstance(kind, str) else sequence("r", line_of(kind, f"{path}/"))))
    return named


def outcome(tree: Any, given: Message) -> Any:
    try:
        return finish(run(route(*line_of(tree)), given))
    except StepFailure as failure:
        return failure.step, failure.message, str(failure)


@given(lines)
def test_running_twice_with_the_same_answers_gives_identical_outcomes(tree: Any):
    assert outcome(tree, message()) == outcome(tree, message())


@given(lines)
def test_no_two_sends_share_an_id_and_no_two_asks_a_name(tree: Any):
    found = outcome(tree, message())
    if isinstance(found[0], str):
        return
    result, asked = found

    ids = [sent.message.id for sent in result.sends]
    names = [each.name for each in asked]
    assert len(set(ids)) == len(ids)
    assert len(set(names)) == len(names)


@given(lines)
def test_another_message_or_generation_shares_no_ask_name_and_another_message_no_send_id(tree: Any):
    found, other, again = (outcome(tree, given) for given in (message(), message(id="m2"), message(generation=1)))
    if isinstance(found[0], str):
        return

    names = [{each.name for each in asked} for _, asked in (found, other, again)]
    ids = [{sent.message.id for sent in result.sends} for result, _ in (found, other)]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not ids[0] & ids[1]


@given(lines)
def test_nesting_changes_paths_but_not_what_happens(tree: Any):
    nested = outcome(tree, message())

    if not isinstance(nested[0], str):
        plain = outcome(flat(tree), message())
        assert len(plain[0].sends) == len(nested[0].sends)
        assert len(plain[1]) == len(nested[1])
    else:
        with pytest.raises(StepFailure):
            finish(run(route(*line_of(flat(tree))), message()))
