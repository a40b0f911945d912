"""The watched run: the same outcome as on the bus, and a record of everything on the way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from esb.errors import ValidationError
from esb.message import Ask, Message, Send
from esb.pipeline import Route, run, sequence
from esb.plan import DeadLetter, Failure, Hold, Ignore, RetryAfter
from esb.policies import POLICIES
from esb.routes import check, compile_plan, load, read_files
from esb.testing.route_test import Arrival, Bench
from esb.testing.route_test.answering import Keys
from esb.testing.route_test.running import Watched, in_words, run_message
from esb.testing.route_test.watching import Watch

MESSAGE = Message(id="m", body={"n": 1}, received=datetime(2026, 1, 1, tzinfo=UTC), route="r")
STEPS = """
  - guard:
      steps:
        - id: ask
          enrich: { ask: erp, get: "/c/{{ body.n }}", into: $.c }
      recover:
        - errors: [rejected]
          steps: [{ set: { body: { $.c: none } } }]
  - split: { each: $.lines, steps: [{ to: erp }], join: { into: $.lines } }
  - hold: { when: "{{ body.c == 'none' }}", queue: desk, reason: who is it }
  - publish: it.happened
"""


async def answered(passage, ask):
    return {"name": "Ada", "asked": ask.request["path"]}


def ran(steps, policy, answerer=answered):
    watch = Watch()
    watched = Watched(Route("r", sequence("r", steps)), watch, policy)
    return asyncio.run(run_message(watched, MESSAGE, answerer, Keys()))


def test_a_watched_route_gives_what_the_compiled_route_gives(folder):
    folder.route(STEPS)
    document = {"n": 1, "lines": [{"s": "a"}, {"s": "b"}]}
    bench = Bench.of(folder.root)
    project = load(read_files(folder.root))
    check(project)

    happened = asyncio.run(bench.deliver("r", [Arrival(document)], answered, Keys()))

    (one,) = happened.ran
    given = run(compile_plan(project).routes["r"], one.message)
    asked = next(given)
    try:
        given.send({"name": "Ada", "asked": asked.ask.request["path"]})
    except StopIteration as stop:
        assert stop.value == one.result
    assert [passage.path for passage in one.passages] == [
        "guard", "guard/try/ask", "split", "split/each/to", "split/each/to", "hold", "publish",
    ]  # fmt: skip


def test_a_question_and_its_answer_are_noted_at_the_step_that_asked(folder):
    folder.route(STEPS)
    happened = asyncio.run(Bench.of(folder.root).deliver("r", [Arrival({"n": 1, "lines": []})], answered, Keys()))

    noted = {passage.path: passage.asked for passage in happened.ran[0].passages if passage.asked}

    assert list(noted) == ["guard/try/ask"]
    assert noted["guard/try/ask"][0].answer == {"name": "Ada", "asked": "/c/1"}


def test_a_step_that_fails_notes_its_failure_and_what_it_was_given():
    watch = Watch()

    def fails(message):
        raise ValidationError("no")

    watched = watch.wrap(fails, "a", ("r", "a"), None)
    made = asyncio.run(
        run_message(
            Watched(Route("r", sequence("r", [("a", watched)])), watch, lambda f: DeadLetter("x")),
            MESSAGE,
            answered,
            Keys(),
        )
    )

    assert made.failed is not None and (made.failed.step, made.failed.text) == ("a", "no")
    assert isinstance(made.passages[0].failure, ValidationError)
    assert made.passages[0].given is MESSAGE


def test_a_body_that_cannot_travel_fails_as_it_does_on_the_bus():
    made = ran([("a", lambda message: [Send("event/x", message.with_body({"n": 1j}), "a")])], lambda f: DeadLetter("x"))

    assert made.failed is not None
    assert "cannot travel" in made.failed.text
    assert made.result.sends == []


def test_a_failed_answer_is_thrown_into_the_step_that_asked():
    def asks(message):
        try:
            yield Ask("http", "erp", {"path": "/"})
        except ValidationError as error:
            return [message.with_body(str(error))]

    async def refused(passage, ask):
        return ValidationError("no")

    watch = Watch()
    steps = [("a", watch.wrap(asks, "a", ("r", "a"), None)), ("b", lambda message: [Send("event/x", message, "b")])]
    watched = Watched(Route("r", sequence("r", steps)), watch, lambda f: DeadLetter("x"))
    made = asyncio.run(run_message(watched, MESSAGE, refused, Keys()))

    assert made.result.sends[0].message.body == "no"


def test_a_policy_is_told_in_words_to_its_end():
    failure = Failure("transient", "503", 1)

    words = {
        "standard": in_words(POLICIES["standard"].build(), failure),
        "quick": in_words(POLICIES["quick"].build(), failure),
        "twice": in_words(lambda f: RetryAfter(5) if f.attempt == 1 else Ignore("enough"), failure),
        "hold": in_words(lambda f: Hold("desk", "x"), failure),
        "endless": in_words(lambda f: RetryAfter(1), failure),
    }

    assert words["standard"].startswith("it is tried 5 times more, for 1h 11m; then it becomes an exception")
    assert words["quick"].startswith("it is tried 2 times more, for 11s; then")
    assert words["twice"] == "it is tried once more, for 5s; then that is an outcome, nobody needs to act: enough"
    assert words["hold"] == "it waits for a person in desk"
    assert words["endless"].endswith("then it is tried again")
