from __future__ import annotations

import asyncio
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from esb.records import LedgerEntry, LedgerKey
from esb.stores import open_store

KEYS = [LedgerKey(endpoint, message, generation) for endpoint in "ab" for message in "xy" for generation in (0, 1)]
SOME = st.lists(st.sampled_from(KEYS), min_size=1, max_size=5)


class DeliveryLedger(RuleBasedStateMachine):
    """The store against a dictionary that never lets go of `done`."""

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[LedgerKey, LedgerEntry] = {}
        self.attempt = 0
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.store = open_store(f"sqlite:{self.folder.name}/store.db")
        self.loop.run_until_complete(self.store.open())

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    @rule(keys=SOME, lease=st.sampled_from([0.0, 4.0]))
    def intend(self, keys: list[LedgerKey], lease: float) -> None:
        entries = [self._entry(key, "intent", lease) for key in keys]

        before = self.loop.run_until_complete(self.store.intend(entries))

        assert before == [self._put(entry) for entry in entries]

    @rule(keys=SOME, state=st.sampled_from(["done", "unknown"]))
    def conclude(self, keys: list[LedgerKey], state: str) -> None:
        entries = [self._entry(key, state) for key in keys]

        self.loop.run_until_complete(self.store.conclude(entries))

        for entry in entries:
            self._put(entry)

    @rule()
    def reopen(self) -> None:
        url = self.store._database.url
        self.loop.run_until_complete(self.store.close())
        self.store = open_store(url)
        self.loop.run_until_complete(self.store.open())

    @invariant()
    def entries_are_what_was_written(self) -> None:
        assert self.loop.run_until_complete(self.store.entries(KEYS)) == self.model

    def _entry(self, key: LedgerKey, state: str, lease: float = 0.0) -> LedgerEntry:
        self.attempt += 1
        detail = "" if state == "intent" else f"try {self.attempt}"
        return LedgerEntry(key, state, self.attempt, self.attempt / 3, detail, lease)

    def _put(self, entry: LedgerEntry) -> LedgerEntry | None:
        before = self.model.get(entry.key)
        busy = before is not None and before.state == "intent" and entry.at - before.at < entry.lease
        if before is None or not (before.state == "done" or busy):
            self.model[entry.key] = replace(entry, lease=0.0)
        return before


DeliveryLedger.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestDeliveryLedger = DeliveryLedger.TestCase
