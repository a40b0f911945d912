"""format_suite: what every format promises, whatever it reads. A test subclasses it and gives samples and documents.

It uses nothing but plain assertions and seeded chance, so that users can hold their own formats to it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from random import Random
from typing import Any

from esb.edge import Part
from esb.errors import MessageError
from esb.message import Document
from esb.ports import Format

ROUNDS = 40
"""Cuts and mutations that are tried for each sample."""


class FormatSuite:
    """What a format owes. `each` = the unit that its readers cut, None = the body is one document."""

    each: str | None = None
    _made: Format | None = None

    @abstractmethod
    def format(self) -> Format:
        """Return the format under test."""

    @abstractmethod
    def samples(self) -> Sequence[bytes]:
        """Return inputs, good and bad; the first is good."""

    def documents(self) -> Sequence[Document]:
        """Return documents that come back as they are when they are written and read; none if it writes nothing."""
        return ()

    def read(self, data: bytes, cuts: Sequence[int] = ()) -> list[Part]:
        """Return the parts of a body that comes in pieces."""
        if self._made is None:
            self._made = self.format()
        reader = self._made.reader(self.each)
        parts: list[Part] = []
        for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            parts += reader.feed(data[begin:end])
        return parts + list(reader.end())

    def test_the_first_sample_is_read_without_a_fault(self) -> None:
        """Good input gives documents."""
        parts = self.read(self.samples()[0])

        assert parts and [part.error for part in parts if part.error] == []

    def test_where_the_bytes_are_cut_changes_nothing(self) -> None:
        """The same bytes give the same parts, in whatever pieces they come: a retry must find the same documents."""
        for number, sample in enumerate(self.samples()):
            whole = [_seen(part) for part in self.read(sample)]
            chance = _seeded(number)
            for _ in range(ROUNDS):
                cuts = sorted(chance.randint(0, len(sample)) for _ in range(chance.randint(1, 12)))
                assert [_seen(part) for part in self.read(sample, cuts)] == whole, (sample, cuts)

    def test_byte_by_byte_is_a_cut_like_any_other(self) -> None:
        """The smallest pieces there are."""
        for sample in self.samples():
            sample = sample[:3000]
            whole = [_seen(part) for part in self.read(sample)]

            assert [_seen(part) for part in self.read(sample, range(1, len(sample)))] == whole, sample

    def test_input_that_ends_anywhere_raises_nothing(self) -> None:
        """A file that is half written, a connection that was lost."""
        for sample in self.samples():
            for end in (*range(min(len(sample), 600)), *range(600, min(len(sample), 5000), 17)):
                _well_formed(self.read(sample[:end]))

    def test_mutated_input_raises_nothing(self) -> None:
        """Bytes changed, lost, doubled and inserted."""
        for number, sample in enumerate(self.samples()):
            chance = _seeded(number)
            for _ in range(ROUNDS):
                _well_formed(self.read(mutated(sample, chance)))

    def test_junk_raises_nothing_and_is_not_taken_for_nothing(self) -> None:
        """Bytes of chance; a reader may find documents in them, but it never fails."""
        chance = _seeded(7)
        for _ in range(ROUNDS):
            _well_formed(self.read(chance.randbytes(chance.randint(0, 400))))

    def test_a_bad_part_says_what_is_wrong_and_keeps_no_document(self) -> None:
        """An error has a text for people and findings with codes."""
        for sample in self.samples()[1:]:
            for part in self.read(sample):
                if part.error:
                    assert part.body is None and part.findings and len(part.error) < 2000, part
                    assert all("." in finding.code and finding.text for finding in part.findings), part

    def test_what_is_written_is_read_back_as_it_was(self) -> None:
        """Writing and reading is the identity, and the same document always gives the same bytes."""
        made = self.format()
        for document in self.documents():
            raw = made.render(document)
            assert made.render(document) == raw
            parts = self.read(raw)
            bodies: list[Any] = [part.body for part in parts if not part.acknowledgment]

            assert [part.error for part in parts if part.error] == [], raw
            assert bodies == [document], raw

    def test_what_cannot_be_written_is_refused_with_a_reason(self) -> None:
        """An object of the language's own is no document."""
        try:
            self.format().render(object())
        except MessageError as error:
            assert str(error)
        else:
            raise AssertionError("an object that is no document was written")


def mutated(sample: bytes, chance: Random) -> bytes:
    """Return a sample with a few bytes changed, lost, doubled or inserted."""
    data = bytearray(sample)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        kind = chance.randint(0, 3)
        if kind == 0 and at < len(data):
            data[at] = chance.randint(0, 255)
        elif kind == 1:
            del data[at : at + chance.randint(1, 20)]
        elif kind == 2:
            data[at:at] = data[at : at + chance.randint(1, 40)]
        else:
            data[at:at] = chance.choice(
                (b"~", b"*", b'"', b"\n", b"\x00", b"<", b"{", b"ISA*", b"\xff\xfe", b"]", b"'")
            )
    return bytes(data)


def _seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - the same cuts and mutations every time, nothing secret


def _seen(part: Part) -> tuple[Any, ...]:
    """Return what must not depend on how the bytes were cut; the raw bytes of what broke the rest may."""
    raw = b"" if part.error else part.raw
    return part.body, part.error, part.findings, dict(part.envelope), part.acknowledgment, raw


def _well_formed(parts: Sequence[Part]) -> None:
    for part in parts:
        assert isinstance(part, Part)
        assert not (part.error and part.body is not None)
