"""The checker: when all is quiet, says what was lost, doubled, unexpected, changed, or left without an owner."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeAlias

from esb.envelope import decode_document, unpack
from esb.errors import FormatError
from esb.message import Claim, derive
from esb.records import Parked
from esb.testing.simulation.memory import Memory
from esb.testing.simulation.outside import Effect, Receiver
from esb.testing.simulation.people import Input
from esb.testing.simulation.project import Project
from esb.testing.simulation.shapes import PARKED, Condition, Need

Identity: TypeAlias = tuple[str, str, int, str, str]
"""What an effect is: destination, document, part, route, step."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parked row as the checker sees it: which document and part it stands for, and where it would go."""

    row: Parked
    ref: str
    part: int
    identity: Identity | None
    """Of the one effect it stands for, if it waits before a destination."""


@dataclass(slots=True)
class Verdict:
    """What the checker found, and how much it looked at."""

    violations: list[str] = field(default_factory=list)
    needs: int = 0
    seen: int = 0
    """Needs met by an effect; the others were met by an exception, or fell to a twin or another arm."""


@dataclass(frozen=True, slots=True)
class Promises:
    """What holds in some worlds only.

    `stamped`: each sent document names its release, and all of one document must name the same. `orderly`: what was
    accepted together arrives in its order. `decided`: what a person has decided about; `again`: exceptions among them
    that were to be tried again, and for whose documents a second effect is no surprise. `clocks`: they agree well
    enough for leases, which keep a second call away while the first may be under way.
    """

    stamped: bool = True
    orderly: bool = False
    clocks: bool = True
    decided: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()


class Checker:
    """Compares what senders were promised with what receivers saw. It knows no part of the runtime."""

    def __init__(
        self,
        project: Project,
        inputs: Sequence[Input],
        receivers: Iterable[Receiver],
        memory: Memory,
        promises: Promises,
    ) -> None:
        self._project, self._inputs, self._memory, self._promises = project, inputs, memory, promises
        self._receivers = tuple(receivers)
        self._verdict = Verdict()
        self._effects: dict[Identity, list[Effect]] = defaultdict(list)
        for receiver in self._receivers:
            for effect in receiver.effects:
                self._effects[_identity(effect.to, effect.body)].append(effect)
        self._waiting = [_waiting(row, memory) for row in memory.parking.values()]
        self._open = [each for each in self._waiting if each.row.state in ("open", "discarded")]
        self._retried = {each.ref for each in self._waiting if each.row.id in promises.again}
        self._needs = {id(given): self._needs_of(given) for given in inputs}

    def check(self) -> Verdict:
        """Return the verdict."""
        accepted = [need for given in self._inputs if given.accepted is not None for need in self._needs[id(given)]]
        self._verdict.needs = sum(need.to != PARKED for need in accepted)
        self._check_lost(accepted)
        self._check_keys(accepted)
        self._check_arms()
        self._check_unexpected()
        self._check_doubled()
        self._check_content()
        self._check_parked()
        self._check_journal()
        if self._promises.orderly:
            self._check_order()
        return self._verdict

    def _say(self, kind: str, text: str) -> None:
        self._verdict.violations.append(f"{kind}: {text}")

    def _needs_of(self, given: Input) -> list[Need]:
        needs: list[Need] = []
        if self._project.whole and None in given.documents:
            return needs
        for line, document in enumerate(given.documents, 1):
            if document is not None:
                needs += self._project.needs(given.endpoint, document)
            else:
                needs.append(Need(PARKED, derive(given.base, line), 0, "", ""))
        if self._project.acknowledge and given.documents[0] is not None:
            needs.append(Need(self._project.acknowledge, given.documents[0]["ref"].partition(".")[0], 0, "", "ack"))
        return needs

    # --- lost

    def _check_lost(self, needs: Sequence[Need]) -> None:
        winners = self._winners(needs)
        for need in needs:
            if need.to != PARKED and self._effects[_of(need)]:
                self._verdict.seen += 1
            elif not (self._covered(need) or self._excused(need, needs, winners)):
                where = "no exception" if need.to == PARKED else f"not at {need.to}"
                self._say(
                    "lost", f"{need.ref} part {need.part} of {need.route}/{need.step}: {where}, and nobody knows why"
                )

    def _covered(self, need: Need) -> bool:
        """Return whether it was diverted, or a person has it or gave it up: at its destination or on its way there."""
        elsewhere = self._project.diverts.get(need.to)
        if elsewhere and (self._effects[_of(need, elsewhere)] or self._covered(replace(need, to=elsewhere))):
            return True
        routes = self._project.upstream(need.route) if need.route else frozenset()
        for each in self._open:
            if each.identity is not None:
                if each.identity == _of(need):
                    return True
            elif each.ref == need.ref and str(need.part).startswith(str(each.part or "")):
                origin = each.row.origin.partition("/")[2]
                if origin in routes or not need.route:
                    return True
        return False

    def _winners(self, needs: Sequence[Need]) -> dict[Condition, set[str]]:
        """Return for each business key the documents that had an effect behind its deduplicate step."""
        winners: dict[Condition, set[str]] = defaultdict(set)
        for need in needs:
            if need.to != PARKED and self._effects[_of(need)]:
                for condition in need.conditions:
                    winners[condition].add(need.ref)
        return winners

    def _excused(self, need: Need, needs: Sequence[Need], winners: dict[Condition, set[str]]) -> bool:
        """Return whether another document had the key, or the guard took its other arm."""
        return any(
            self._key_taken(condition, need, needs, winners)
            if condition.kind == "key"
            else self._other_arm(condition, need, needs)
            for condition in need.conditions
        )

    def _key_taken(
        self, condition: Condition, need: Need, needs: Sequence[Need], winners: dict[Condition, set[str]]
    ) -> bool:
        """A twin took it: it had an effect, or a person has it as an exception or gave it up."""
        if winners[condition] - {need.ref}:
            return True
        if need.ref in winners[condition]:
            return False
        twins = (other for other in needs if condition in other.conditions and other.ref != need.ref)
        return any(self._covered(other) for other in twins)

    def _other_arm(self, condition: Condition, need: Need, needs: Sequence[Need]) -> bool:
        """The guard went the other way: what that arm sends was seen, or waits for a person."""
        for other in needs:
            for arm in other.conditions:
                same = (arm.kind, arm.place, arm.value) == (condition.kind, condition.place, condition.value)
                if same and arm.arm != condition.arm and (self._effects[_of(other)] or self._covered(other)):
                    return True
        return False

    # --- doubled

    def _check_keys(self, needs: Sequence[Need]) -> None:
        for condition, refs in sorted(self._winners(needs).items(), key=str):
            if condition.kind == "key" and len(refs) > 1:
                self._say("duplicated", f"key {condition.value} of {condition.place} had effects of {sorted(refs)}")

    def _check_arms(self) -> None:
        arms: dict[tuple[str, str], set[str]] = defaultdict(set)
        for given in self._inputs:
            for need in self._needs[id(given)]:
                if self._effects[_of(need)]:
                    for condition in need.conditions:
                        if condition.kind == "arm" and need.ref not in self._retried:
                            arms[condition.place, condition.value].add(condition.arm)
        for (place, value), taken in sorted(arms.items()):
            if len(taken) > 1:
                self._say("unexpected", f"both arms of {place} had effects for {value}")

    def _check_doubled(self) -> None:
        """One effect for each need: under one key, and where keys mean nothing, once."""
        diverts = self._project.diverts
        needs = [need for given in self._inputs for need in self._needs[id(given)]]
        allowed = Counter(_of(need) for need in needs)
        allowed.update(_of(need, diverts[need.to]) for need in needs if need.to in diverts)
        for identity, effects in self._effects.items():
            if identity[1] in self._retried:
                continue
            by_key: dict[str, list[Effect]] = defaultdict(list)
            for effect in effects:
                by_key[effect.key].append(effect)
            if len(by_key) > max(1, allowed[identity]):
                self._say("duplicated", f"{_name(identity)} took effect under {len(by_key)} keys")
            for key, same in by_key.items():
                self._check_repeated(identity, key, same)

    def _check_repeated(self, identity: Identity, key: str, effects: Sequence[Effect]) -> None:
        mode = self._project.receivers[identity[0]]
        overlapping = all(later.since <= before.at for before, later in _pairs(effects))
        if mode == "probe" and (overlapping or not self._promises.clocks):
            return  # both calls were under way at once: no probe can see what has not happened yet
        if len(effects) > 1:
            self._say("duplicated", f"{_name(identity)} took effect {len(effects)} times with {mode} (key {key})")

    def _check_order(self) -> None:
        """What was accepted together arrives in its order, key by key; nothing passes what waits for a person.

        Left out is what a person has decided about: people may decide in any order.
        """
        decided = {each.ref for each in self._waiting if each.row.id in self._promises.decided}
        for given in self._inputs:
            ways: dict[tuple[Any, ...], list[Need]] = defaultdict(list)
            keys = {document["ref"]: document["key"] for document in given.documents if document is not None}
            for need in self._needs[id(given)]:
                if need.to != PARKED and need.ref in keys and need.ref not in decided:
                    ways[need.to, need.route, need.step, keys[need.ref]].append(need)
            for way in ways.values():
                self._check_way(way)

    def _check_way(self, way: Sequence[Need]) -> None:
        """Compare the first effects of documents that went the same way under the same key."""
        last, before, stopped = -1, "", ""
        for need in way:
            effects = self._effects[_of(need)]
            at = min((effect.at for effect in effects), default=None)
            if at is None:
                stopped = stopped or (need.ref if self._stopped(need) else "")
                continue
            if stopped not in ("", need.ref):
                self._say("disorder", f"{_name(_of(need))} passed {stopped}, which waits for a person")
            if at < last:
                self._say("disorder", f"{_name(_of(need))} overtook {before}")
            last, before = at, f"{need.ref} part {need.part}"

    def _stopped(self, need: Need) -> bool:
        return any(each.row.failure_class and each.identity == _of(need) for each in self._open)

    # --- unexpected

    def _check_unexpected(self) -> None:
        needs = [need for given in self._inputs if not given.refused for need in self._needs[id(given)]]
        diverted = {_of(need, self._project.diverts[need.to]) for need in needs if need.to in self._project.diverts}
        possible = {_of(need) for need in needs} | diverted
        for identity, effects in self._effects.items():
            if effects and identity not in possible:
                self._say("unexpected", f"{_name(identity)} should not have happened")

    def _check_content(self) -> None:
        """All that left for one document must tell the same facts, and each key must always carry the same bytes."""
        for receiver in self._receivers:
            again = {effect.key for effect in receiver.effects if effect.body["ref"] in self._retried}
            for key in (key for key in receiver.changed if key not in again):
                self._say("corrupt", f"{receiver.name} got other bytes under key {key}")
        told: dict[tuple[Any, ...], Any] = {}
        for identity, effects in self._effects.items():
            for effect in effects:
                self._check_facts(identity, effect, told)

    def _check_facts(self, identity: Identity, effect: Effect, told: dict[tuple[Any, ...], Any]) -> None:
        _, ref, part, _, _ = identity
        if ref in self._retried:
            return
        targets = self._targets()
        for name, answer in effect.body.get("facts", {}).items():
            asked = (targets[name], f"/{name.partition('/')[0]}", ref)
            if (answer["target"], answer["path"], answer["about"]) != asked:
                self._say("corrupt", f"{_name(identity)}: {name} has the answer to another question, {answer}")
            if told.setdefault((ref, part, name), answer) != answer:
                self._say(
                    "corrupt", f"{_name(identity)}: {name} tells {answer}, another delivery {told[ref, part, name]}"
                )
        if self._promises.stamped and "release" in effect.body:
            release = effect.body["release"]
            if told.setdefault((ref, "release"), release) != release:
                self._say("corrupt", f"{_name(identity)}: made by release {release}, its siblings by another")

    def _targets(self) -> dict[str, str]:
        return {
            f"{flow.name}/{shape.id}": shape.target for flow in self._project.flows for shape in _asking(flow.shapes)
        }

    # --- parked and journal

    def _check_parked(self) -> None:
        for each in self._waiting:
            if not (each.row.reason and each.row.owner):
                self._say("hidden", f"{each.row.id} of {each.ref} in {each.row.place} has no reason or no owner")

    def _check_journal(self) -> None:
        """What history says must agree with what senders and receivers know."""
        lines = self._memory.journal.values()
        received = {line.child or line.message_id for line in lines if line.kind in ("received", "dead")}
        for given in self._inputs:
            for number in range(1, len(given.documents) + 1 if given.accepted is not None else 0):
                if derive(given.base, number) not in received:
                    self._say("journal", f"{given.key} was accepted, but its document {number} was never received")
        arrived = {(effect.to, effect.message_id) for effects in self._effects.values() for effect in effects}
        parked = {(row.origin.removeprefix("delivery/"), row.message_id) for row in self._memory.parking.values()}
        ended = {(line.place, line.message_id) for line in lines if line.kind in ("delivered", "duplicate")}
        sent, waiting = self._sent(), {row.message_id for row in self._memory.parking.values()}
        diverts = self._project.diverts.items()
        # A twin may succeed while a window with a diversion is confirmed in part: its word or its send is missing then.
        untold = {(to, name) for source, to in diverts for at, name in sent if at == source}
        unsent = {(to, name) for source, to in diverts for at, name in arrived if at == source}
        passed_on = {(source, name) for source, to in diverts for at, name in sent if at == to}
        # A window confirmed in part, a kill, and then the message is parked behind another of its key: history lacks
        # that it has left, but who decides about it is told that it may have.
        for to, name in sorted(arrived - sent.keys() - untold - self._perhaps_left()):
            self._say("journal", f"{name} arrived at {to}, but nothing was sent there")
        # The same window, and then the message is parked before it could be sent again: history told too early.
        early = {way for way, message_id in sent.items() if message_id in waiting}
        for to, name in sorted(sent.keys() - arrived - parked - passed_on - unsent - early):
            self._say("journal", f"{name} was sent to {to}, never arrived and is no exception")
        for to, name in sorted(arrived - ended - parked - passed_on):
            self._say("journal", f"{name} arrived at {to}, but was never delivered")

    def _perhaps_left(self) -> set[tuple[str, str]]:
        refs = {each.ref for each in self._waiting if "some of it may have left already" in each.row.reason}
        effects = (effect for effects in self._effects.values() for effect in effects)
        return {(effect.to, effect.message_id) for effect in effects if effect.body["ref"] in refs}

    def _sent(self) -> dict[tuple[str, str], str]:
        """Return (destination, message) of all that history says was sent, each with the message it came from."""
        sent: dict[tuple[str, str], str] = {}
        for line in self._memory.journal.values():
            if line.kind in ("sent", "acknowledged"):
                to = line.text.partition(":")[0].removeprefix("delivery/") if line.kind == "sent" else line.place
                sent[to, line.child] = line.message_id
        return sent


def _identity(to: str, body: Any) -> Identity:
    return (to, body["ref"], body.get("part", 0), body.get("route", ""), body.get("step", ""))


def _line(ref: str) -> int:
    return int(ref.partition(".")[2] or 0)


def _of(need: Need, to: str = "") -> Identity:
    return (to or need.to, need.ref, need.part, need.route, need.step)


def _name(identity: Identity) -> str:
    to, ref, part, route, step = identity
    return f"{ref} part {part} from {route}/{step} at {to}"


def _pairs(effects: Sequence[Effect]) -> Iterable[tuple[Effect, Effect]]:
    return pairwise(sorted(effects, key=lambda effect: effect.at))


def _asking(shapes: Iterable[Any]) -> Iterable[Any]:
    for shape in shapes:
        if hasattr(shape, "target"):
            yield shape
        yield from _asking((*getattr(shape, "attempt", ()), *getattr(shape, "recover", ())))


def _waiting(row: Parked, memory: Memory) -> Waiting:
    """Read which document a parked row stands for; a line that was no document stands for its message."""
    try:
        body = unpack(row.packet)[0].body
        if isinstance(body, Claim):
            body = memory.blobs[body.digest]
        if isinstance(body, bytes):
            body = decode_document(body)
    except FormatError:
        body = None
    if not isinstance(body, dict):
        return Waiting(row, row.message_id, 0, None)
    identity = None
    if row.origin.startswith("delivery/"):
        identity = _identity(row.origin.partition("/")[2], body)
    return Waiting(row, body["ref"], body.get("part", 0), identity)
