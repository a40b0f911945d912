from __future__ import annotations

import asyncio
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from esb.records import KeyClaim
from esb.stores import open_store
from esb.stores.held_keys import plan_claim

KEYS, OWNERS = st.sampled_from(["a", "b", "c"]), st.sampled_from(["m1.0.r", "m2.0.r", "m2.1.r", "m3.0.r"])
CLAIMS = st.lists(st.tuples(OWNERS, KEYS, st.integers(0, 1)), min_size=1, max_size=6)


class DeduplicateModel:
    """What a person would say about keys, one claim after another."""

    def __init__(self) -> None:
        self.told: dict[str, bytes] = {}
        self.holder: dict[str, tuple[str, str, float]] = {}

    def claim(self, one: KeyClaim) -> bytes:
        owner, state, until = self.holder.get(one.key, ("", "free", 0.0))
        told = self.told.get(one.name)
        if told == b"duplicate" or (told == b"first" and owner == one.owner):
            return told
        answer = self.judge(owner, state, until, one)
        if answer == b"first" and owner != one.owner:
            self.holder[one.key] = (one.owner, "reserved", one.at + one.keep)
        if answer != b"wait":
            self.told.setdefault(one.name, answer)
        return answer

    def judge(self, owner: str, state: str, until: float, one: KeyClaim) -> bytes:
        if owner == one.owner or state == "free":
            return b"first"
        if state == "done":
            return b"duplicate" if one.at < until else b"first"
        if {owner, one.owner} == {"m2.0.r", "m2.1.r"}:  # one message, started anew by a person
            return b"first" if one.owner == "m2.1.r" else b"duplicate"
        return b"wait"

    def confirm(self, owner: str) -> None:
        for key, (holder, _, until) in self.holder.items():
            if holder == owner:
                self.holder[key] = (holder, "done", until)

    def free(self, owner: str) -> None:
        self.holder = {key: held for key, held in self.holder.items() if held[:2] != (owner, "reserved")}


class DeduplicateKeys(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model, self.now, self.asks = DeduplicateModel(), 1000.0, 0
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.store = open_store(f"sqlite:{self.folder.name}/store.db")
        self.loop.run_until_complete(self.store.open())

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    @rule(asked=CLAIMS)
    def claim(self, asked: list[tuple[str, str, int]]) -> None:
        claims = [KeyClaim(f"{owner}/{key}/{step}", "s", key, owner, 50.0, self.now) for owner, key, step in asked]

        told = self.loop.run_until_complete(self.store.claim(claims))

        assert told == [self.model.claim(one) for one in claims]

    @rule(owners=st.lists(OWNERS, min_size=1, max_size=3))
    def confirm(self, owners: list[str]) -> None:
        self.loop.run_until_complete(self.store.confirm(owners))
        for owner in owners:
            self.model.confirm(owner)

    @rule(owners=st.lists(OWNERS, min_size=1, max_size=2))
    def free(self, owners: list[str]) -> None:
        self.loop.run_until_complete(self.store.free(owners))
        for owner in owners:
            self.model.free(owner)

    @rule(seconds=st.sampled_from([1.0, 25.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def kept_answers_are_those_that_were_given(self) -> None:
        owners = ("m1.0.r", "m2.0.r", "m2.1.r", "m3.0.r")
        names = [f"{owner}/{key}/{step}" for owner in owners for key in "abc" for step in (0, 1)]

        assert self.loop.run_until_complete(self.store.recorded(names)) == self.model.told


DeduplicateKeys.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestDeduplicateKeys = DeduplicateKeys.TestCase


@given(CLAIMS)
def test_a_plan_for_many_claims_is_the_plan_for_each_in_turn(asked: list[tuple[str, str, int]]):
    claims = [KeyClaim(f"{owner}/{key}/{step}", "s", key, owner, 50.0, 1000.0) for owner, key, step in asked]

    together, changed, kept = plan_claim({}, {}, claims)

    told, held, single = dict[str, bytes](), {}, []
    for one in claims:
        (answer,), moved, keep = plan_claim(told, held, [one])
        single.append(answer)
        held.update(moved)
        told.update((claim.name, text) for claim, text in keep)
    assert together == single
    assert changed == held
    assert {one.name: text for one, text in kept} == told
