"""Looks for what a guide says but cannot mean: segments that nothing reaches, and places that nobody can tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esb.errors import Diagnostic, Place
from esb.formats.edi.grammar import MANY, Child, Composite, Element, Guide, Loop, Segment, Use
from esb.formats.edi.machine import Machine, Ring, follow
from esb.formats.edi.machine import Place as Position
from esb.formats.edi.patterns import Marks

CODE = "W424"

_MARKS = Marks("*", ":", "^", "~")
_SERVICE = Segment("\0", "service segment", ())


def lint_guide(guide: Guide) -> list[Diagnostic]:
    """Return what is doubtful about a guide: unreachable segments, ambiguous openings, closed lists without codes."""
    found = [*_unreachable(guide), *_ambiguous(guide, guide.body), *_codes(guide)]
    return sorted(found, key=lambda diagnostic: diagnostic.place.line)


def _unreachable(guide: Guide) -> Iterator[Diagnostic]:
    """Give the segments that no order of segments leads to, because another one takes them first."""
    machine = Machine(guide, _MARKS, _SERVICE, Segment("\1", "service segment", ()))
    root = machine.header.ring
    reached, waiting = {id(machine.header)}, [machine.header]
    while waiting:
        place = waiting.pop()
        for tag in machine.tags:
            step = follow(place, tag)
            if step is None:
                continue
            for target in _targets(step.place):
                if id(target) not in reached:
                    reached.add(id(target))
                    waiting.append(target)
    for position in _positions(root):
        if id(position) not in reached and position is not machine.trailer and position.use.line:
            text = f"{position.tag} can never be reached here: an earlier {position.tag} takes every one that comes"
            yield _doubt(guide, position.use.line, text, "remove it, or put a mandatory segment between the two")


def _targets(place: Position) -> list[Position]:
    """Return where a step leads: for a tree, to the openers of all its kinds."""
    kinds = [kind.children[0] for kind in place.ring.kinds.values()] if place.order == 0 else []
    return [place, *(kind for kind in kinds if isinstance(kind, Position))]


def _positions(ring: Ring) -> Iterator[Position]:
    for child in ring.children:
        if isinstance(child, Ring):
            yield from _positions(child)
        else:
            yield child
    for kind in ring.kinds.values():
        yield from list(_positions(kind))[1:]


def _ambiguous(guide: Guide, body: Sequence[Child]) -> Iterator[Diagnostic]:
    """Give the segments and loops of one body that begin alike with nothing mandatory between them."""
    for index, child in enumerate(body):
        for other in body[index + 1 :]:
            if other.tag == child.tag:
                text = f"{child.tag} may also begin what stands in line {other.line}: the first one is taken"
                yield _doubt(guide, child.line, text, "a mandatory segment between them would tell them apart")
            if other.must:
                break
        if isinstance(child, Loop):
            yield from _ambiguous(guide, child.body)
            for kind in child.tree.kinds.values() if child.tree is not None else ():
                yield from _ambiguous(guide, kind.body)


def _codes(guide: Guide) -> Iterator[Diagnostic]:
    """Give the elements whose code list should be complete and is empty, and narrowed lists that allow nothing."""
    told: set[tuple[str, str]] = set()
    for use in uses(guide.body):
        for name, element, allowed in _coded(use.segment):
            if (use.tag, name) in told:
                continue
            told.add((use.tag, name))
            if element.closed and not element.codes:
                text = f"{use.tag}.{name} (element {element.id}) has a closed code list without codes: nothing is valid"
                yield _doubt(guide, use.line, text, "add its codes to codes.yaml")
            strange = sorted(allowed - set(element.codes)) if element.closed else []
            if strange:
                text = f"{use.tag}.{name} allows {', '.join(strange)}, which the standard's list does not have"
                yield _doubt(guide, use.line, text, "the standard refuses them first")


def _coded(segment: Segment) -> Iterator[tuple[str, Element, frozenset[str]]]:
    for item in segment.items:
        inner = item.of.items if isinstance(item.of, Composite) else (item,)
        for part in inner:
            if isinstance(part.of, Element):
                codes = [narrow.codes for narrow in part.narrows if narrow.codes is not None]
                yield part.name, part.of, frozenset().union(*codes)


def uses(body: Sequence[Child]) -> Iterator[Use]:
    """Give every segment of a guide in its place, in order."""
    for child in body:
        if isinstance(child, Use):
            yield child
            continue
        yield from uses(child.body)
        for kind in child.tree.kinds.values() if child.tree is not None else ():
            yield from uses(kind.body[1:])


def times(most: int) -> str:
    """Return a maximum as people read it."""
    return ">1" if most >= MANY else str(most)


def _doubt(guide: Guide, line: int, text: str, help_: str) -> Diagnostic:
    return Diagnostic(CODE, text, Place(guide.file, line, 1), "warning", help=help_)
