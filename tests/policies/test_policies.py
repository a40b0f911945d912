from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from esb.errors import DefinitionError, FailureClass
from esb.plan import DeadLetter, Divert, Failure, Hold, Ignore, RetryAfter, Verdict
from esb.policies import CLASSES, POLICIES, FailurePolicy, builtin


def verdict(policy: FailurePolicy, kind: FailureClass, attempt: int = 1, retry_after: float | None = None) -> Verdict:
    decide = policy.build()
    found: Verdict = decide(Failure(kind, "503 from erp", attempt, retry_after))
    return found


@pytest.mark.parametrize(
    ("kind", "attempt", "expected"),
    [
        ("invalid", 1, DeadLetter("invalid: 503 from erp")),
        ("rejected", 1, DeadLetter("rejected: 503 from erp")),
        ("throttled", 1, RetryAfter(1)),
        ("transient", 1, RetryAfter(1)),
        ("transient", 2, RetryAfter(10)),
        ("transient", 3, RetryAfter(60)),
        ("transient", 4, RetryAfter(600)),
        ("transient", 5, RetryAfter(3600)),
        ("transient", 6, DeadLetter("transient, gave up after 6 attempts: 503 from erp")),
        ("transient", 7, DeadLetter("transient, gave up after 7 attempts: 503 from erp")),
        ("unknown", 1, RetryAfter(1)),
        ("bug", 1, RetryAfter(1)),
        ("bug", 2, RetryAfter(10)),
        ("bug", 3, DeadLetter("bug, gave up after 3 attempts: 503 from erp")),
    ],
)
def test_standard_retries_what_may_heal_and_gives_the_rest_to_a_person(
    kind: FailureClass, attempt: int, expected: Verdict
):
    assert verdict(builtin("standard"), kind, attempt) == expected


def test_retry_after_of_the_receiver_is_honoured():
    assert verdict(builtin("standard"), "throttled", retry_after=120) == RetryAfter(120)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("dead_letter", DeadLetter("rejected: 503 from erp")),
        ({"hold": "credit-desk"}, Hold("credit-desk", "rejected: 503 from erp")),
        ({"hold": {"queue": "credit-desk"}}, Hold("credit-desk", "rejected: 503 from erp")),
        ({"divert": "erp-backup"}, Divert("erp-backup", "rejected: 503 from erp")),
        ({"ignore": "the shop repeats it"}, Ignore("the shop repeats it (rejected: 503 from erp)")),
        ({"retry": {"delays": ["5s"]}}, RetryAfter(5)),
        ({"retry": {"first": "5s", "attempts": "1"}, "hold": "ops"}, Hold("ops", "rejected: 503 from erp")),
    ],
)
def test_each_rule_gives_its_verdict(written: Any, expected: Verdict):
    policy = FailurePolicy.model_validate({"rejected": written})

    assert verdict(policy, "rejected") == expected


def test_after_the_last_retry_the_other_verdict_of_the_rule_follows():
    policy = FailurePolicy.model_validate({"transient": {"retry": {"delays": ["1s"]}, "hold": "ops"}})

    assert verdict(policy, "transient", attempt=2) == Hold("ops", "transient, gave up after 2 attempts: 503 from erp")


def test_a_class_that_is_not_written_is_treated_as_standard_does():
    policy = FailurePolicy.model_validate({"rejected": {"hold": "ops"}})

    assert policy.transient == builtin("standard").transient


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"rejected": {"hold": "ops", "divert": "erp"}}, "cannot end in two ways"),
        ({"rejected": {}}, "does nothing"),
        ({"rejected": "drop"}, "'dead_letter'"),
        ({"refused": "dead_letter"}, "refused"),
        ({"transient": {"retry": {"first": "1s"}}}, "never ends"),
        ({"rejected": {"hold": "Credit Desk"}}, "pattern"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(written: dict[str, Any], text: str):
    with pytest.raises(ValidationError) as refused:
        FailurePolicy.model_validate(written)

    assert text in str(refused.value)


def test_lint_learns_after_how_many_attempts_and_how_long_a_policy_ends():
    facts = {name: (policy.attempts(), policy.longest()) for name, policy in POLICIES.items()}

    assert facts == {"standard": (6, 4271.0), "patient": (76, 256271.0), "quick": (3, 11.0)}


def test_a_policy_names_the_endpoints_that_it_diverts_to():
    policy = FailurePolicy.model_validate({"rejected": {"divert": "erp-backup"}, "bug": {"divert": "erp-backup"}})

    assert policy.destinations() == ("delivery/erp-backup",)


def test_the_sentences_say_what_happens_to_each_class():
    assert builtin("standard").sentences() == (
        "invalid, rejected: dead letter",
        "throttled, transient, unknown: 6 attempts, gives up after 1h 11m, then dead letter",
        "bug: 3 attempts, gives up after 11s, then dead letter",
    )


def test_an_unknown_policy_is_an_error_that_names_the_nearest():
    with pytest.raises(DefinitionError, match="did you mean 'patient'"):
        builtin("pateint")


def test_every_class_of_failure_has_a_rule():
    assert set(CLASSES) == set(get_args(FailureClass)) == set(builtin("standard").rules())


seconds = st.integers(1, 7200).map(lambda number: f"{number}s")
retries = st.one_of(
    st.fixed_dictionaries({"delays": st.lists(seconds, min_size=1, max_size=5)}, optional={"give_up_after": seconds}),
    st.fixed_dictionaries(
        {"first": seconds, "attempts": st.integers(1, 200)},
        optional={"factor": st.integers(1, 10), "longest": seconds, "give_up_after": seconds},
    ),
)
ends = st.sampled_from([{}, {"hold": "ops"}, {"divert": "erp"}, {"ignore": "late"}])
rules = st.builds(lambda retry, end: {"retry": retry, **end}, retries, ends) | st.just("dead_letter")
policies = st.dictionaries(st.sampled_from(CLASSES), rules).map(FailurePolicy.model_validate)


@given(policies | st.sampled_from(list(POLICIES.values())), st.sampled_from(CLASSES), st.floats(0, 1e6))
def test_every_policy_ends_after_the_attempts_it_says(policy: FailurePolicy, kind: FailureClass, retry_after: float):
    decide, attempts = policy.build(), policy.attempts()

    verdicts = [decide(Failure(kind, "x", attempt, retry_after)) for attempt in range(1, attempts + 3)]

    ended = [not isinstance(found, RetryAfter) for found in verdicts]
    assert ended == sorted(ended)
    assert all(ended[attempts - 1 :])


@given(policies, st.sampled_from(CLASSES))
def test_the_pauses_of_a_policy_add_up_to_no_more_than_it_says(policy: FailurePolicy, kind: FailureClass):
    decide, total, attempt = policy.build(), 0.0, 1

    while isinstance(found := decide(Failure(kind, "x", attempt)), RetryAfter):
        total, attempt = total + found.seconds, attempt + 1

    assert total <= policy.longest() + 1e-6


@given(policies, st.sampled_from(CLASSES), st.integers(1, 300))
def test_the_same_failure_always_gets_the_same_verdict(policy: FailurePolicy, kind: FailureClass, attempt: int):
    failure = Failure(kind, "x", attempt)

    assert policy.build()(failure) == policy.build()(failure)
