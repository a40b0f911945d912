"""Applies one change of an overlay to a guide: what its path names gets a rule, or a narrower definition.

A path goes from the set inwards: loops by their key in documents or their id, segments by tag or key, elements by name
or position; `[code]` behind a loop or segment means those with that qualifier.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from esb.formats.edi.grammar import Amend, Child, Guide, Loop, Rule, Tree, Use
from esb.formats.edi.narrowing import amended

_STEP = re.compile(r"([A-Za-z0-9_]+)(?:\[([^\[\]]+)\])?")


class Applied(Struct, frozen=True):
    """A change as values: where, who says so, how often, and what becomes of an element that the path ends at."""

    at: str
    schema: str
    severity: str
    least: int
    most: int
    amend: Amend


class Step(Struct, frozen=True):
    """One step of a path: a name, and perhaps a qualifier."""

    name: str
    code: str = ""


def apply(guide: Guide, change: Applied) -> Guide:
    """Return the guide with a change.

    Raises:
        LookupError: The path matches nothing, or what it asks makes no sense there.
    """
    steps = _steps(change.at)
    return replace(guide, body=_body(guide.body, steps, change, ()))


def _steps(path: str) -> list[Step]:
    steps: list[Step] = []
    for piece in re.split(r"\.(?![^\[]*\])", path):
        match = _STEP.fullmatch(piece)
        if match is None:
            raise LookupError(f"{piece!r} is no step of a path; write names with points between them: lines.PO1.unit")
        steps.append(Step(match[1], match[2] or ""))
    return steps


def matches(child: Child, name: str) -> bool:
    """Return whether a step of a path names a segment or loop."""
    if isinstance(child, Use):
        return name in (child.tag, child.into)
    tree = child.tree
    return name in (child.name, child.tag, child.into) or (tree is not None and name in tree.names.values())


def _body(body: tuple[Child, ...], steps: Sequence[Step], change: Applied, codes: tuple[str, ...]) -> tuple[Child, ...]:
    """Return a body with the change; `codes` = the qualifiers of the loops around it, outermost first."""
    step, rest = steps[0], steps[1:]
    named = [child for child in body if matches(child, step.name)]
    exact = [child for child in named if step.name == child.into]
    chosen = exact or named
    if not chosen:
        known = ", ".join(dict.fromkeys(child.into if child.into != "." else child.tag for child in body))
        raise LookupError(f"nothing is called {step.name!r} there; there are {known}")
    return tuple(_changed(child, step, rest, change, codes) if child in chosen else child for child in body)


def _changed(child: Child, step: Step, rest: Sequence[Step], change: Applied, codes: tuple[str, ...]) -> Child:
    if isinstance(child, Use):
        return _segment(child, step.code, rest, change, codes)
    if child.tree is not None:
        return _tree(child, child.tree, step, rest, change, codes)
    if not rest and not change.amend.drop:
        return replace(child, rules=(*child.rules, _rule(change, step.code, (*codes, ""))))
    if rest and any(matches(inner, rest[0].name) for inner in child.body):
        return replace(child, body=_body(child.body, rest, change, (*codes, step.code)))
    opener = _segment(child.opener, step.code, rest, change, (*codes, ""))
    return replace(child, body=(opener, *child.body[1:]))


def _tree(loop: Loop, tree: Tree, step: Step, rest: Sequence[Step], change: Applied, codes: tuple[str, ...]) -> Loop:
    """Change one kind of level: HL[P], or its key in documents (packs); without a kind, all of them."""
    code = step.code or next((code for code, name in tree.names.items() if name == step.name), "")
    if not rest:
        return replace(loop, rules=(*loop.rules, _rule(change, code, (*codes, ""))))
    kinds = dict(tree.kinds)
    if code and code not in kinds:
        if "*" not in kinds:
            raise LookupError(f"there is no level {code!r}; there are {', '.join(kinds)}")
        kinds = {code: kinds["*"], **kinds}
    for name in (code,) if code else tuple(kinds):
        inner = kinds[name]
        kinds[name] = replace(inner, body=_body(inner.body, rest, change, (*codes, "")))
    return replace(loop, tree=replace(tree, kinds=kinds))


def _segment(use: Use, code: str, rest: Sequence[Step], change: Applied, codes: tuple[str, ...]) -> Use:
    """Change a segment in its place: how often it comes, or what it is like."""
    amend, conditional = change.amend, bool(code or any(codes))
    if not rest and not amend.drop:
        return replace(use, rules=(*use.rules, _rule(change, code, codes)))
    amend = _amend(amend, rest, conditional)
    changed = amended(use.segment, amend)  # what is wrong with it is said now, also where it is applied later
    if not conditional:
        return replace(use, segment=changed)
    within = tuple((up, code) for up, code in enumerate(reversed(codes)) if code)
    return replace(use, rules=(*use.rules, Rule(change.at, change.schema, change.severity, code, within, amend=amend)))


def _amend(amend: Amend, rest: Sequence[Step], conditional: bool) -> Amend:
    """Return what becomes of the element at the end of a path; `ids[UP]` names a pair."""
    narrow = replace(amend.narrow, only_here=conditional)
    if rest and rest[-1].code:
        if not narrow.need:
            raise LookupError(f"{rest[-1].name}[{rest[-1].code}] can only be asked for: use: M")
        narrow = replace(narrow, need=False, pairs=(rest[-1].code,))
    return replace(amend, names=tuple(step.name for step in rest), narrow=narrow)


def _rule(change: Applied, code: str, codes: Sequence[str]) -> Rule:
    """Return the rule of a place; `codes` = the qualifiers of the loops around it, the nearest last."""
    narrow = change.amend.narrow
    if narrow.codes is not None or narrow.pattern or change.amend.length is not None:
        raise LookupError("codes:, pattern: and length: are for elements; name one behind the segment")
    within = tuple((up, code) for up, code in enumerate(reversed(codes)) if code)
    return Rule(change.at, change.schema, change.severity, code, within, change.least, change.most)
