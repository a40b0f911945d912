"""What is different between two guides: two versions of a set, or the standard and what a partner makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from esb.formats.edi.delimiters import Agreed
from esb.formats.edi.grammar import Child, Composite, Element, Guide, Item, Loop, Narrow, Rule, Segment, Use
from esb.formats.edi.lint import times


class Difference(Struct, frozen=True):
    """One difference: where (a path as overlays write it), what kind (`added`, `removed`, `changed`), in words."""

    path: str
    kind: str
    text: str

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-"}.get(self.kind, "~")
        return f"{sign} {self.path}: {self.text}"


def diff(old: Guide, new: Guide) -> list[Difference]:
    """Return what is different, in the order of the guides."""
    return list(_bodies(old.body, new.body, ""))


def separated(agreed: Sequence[Agreed]) -> list[Difference]:
    """Return what is agreed of delimiters: a standard leaves them to those who write."""
    return [Difference(f"delimiters.{each.name}", "changed", f"{each} ({each.schema})") for each in agreed]


def _bodies(old: Sequence[Child], new: Sequence[Child], path: str) -> Iterator[Difference]:
    before, after = _named(old, path), _named(new, path)
    for name, child in before.items():
        if name not in after:
            yield Difference(name, "removed", f"{_kind(child)} {child.tag} ({_title(child)})")
    for name, child in after.items():
        other = before.get(name)
        if other is None:
            yield Difference(name, "added", f"{_kind(child)} {child.tag} ({_title(child)}), {_use(child)}")
        elif type(other) is not type(child):
            yield Difference(name, "changed", f"{_kind(other)} {other.tag} is now a {_kind(child)}")
        else:
            yield from _children(other, child, name)


def _named(body: Sequence[Child], path: str) -> dict[str, Child]:
    """Return the children by path; one that comes again gets a number."""
    found: dict[str, Child] = {}
    for child in body:
        own = child.tag if child.into == "." else child.into
        name = whole = f"{path}.{own}" if path else own
        number = 1
        while name in found:
            number += 1
            name = f"{whole}#{number}"
        found[name] = child
    return found


def _children(old: Child, new: Child, path: str) -> Iterator[Difference]:
    if old.must != new.must:
        yield Difference(path, "changed", f"was {_presence(old.must)}, is {_presence(new.must)}")
    if old.most != new.most:
        yield Difference(path, "changed", f"came at most {times(old.most)} times, now {times(new.most)}")
    if old.key != new.key:
        yield Difference(path, "changed", f"was keyed by {old.key or 'nothing'}, now by {new.key or 'nothing'}")
    yield from _rules(old.rules, new.rules, path)
    if isinstance(old, Use) and isinstance(new, Use):
        yield from _segments(old.segment, new.segment, path)
    elif isinstance(old, Loop) and isinstance(new, Loop):
        yield from _bodies(old.body, new.body, path)
        before, after = _kinds(old), _kinds(new)
        for code in sorted({*before, *after}):
            inner = f"{path}[{code}]"
            if code not in before:
                yield Difference(inner, "added", "a level with a definition of its own")
            yield from _bodies(before.get(code, before.get("*", ())), after.get(code, after.get("*", ())), inner)


def _kinds(loop: Loop) -> Mapping[str, tuple[Child, ...]]:
    return {code: kind.body[1:] for code, kind in loop.tree.kinds.items()} if loop.tree is not None else {}


def _rules(old: tuple[Rule, ...], new: tuple[Rule, ...], path: str) -> Iterator[Difference]:
    for rule in new:
        if rule not in old:
            yield Difference(path, "changed", f"{said(rule)} ({rule.schema})")
    for rule in old:
        if rule not in new:
            yield Difference(path, "changed", f"no longer: {said(rule)} ({rule.schema})")


def said(rule: Rule) -> str:
    """Return what a partner's rule asks, in words."""
    which = f"{rule.at}: " if rule.code or rule.within else ""
    if rule.amend is not None:
        names = ".".join(rule.amend.names)
        return f"{which}{names} {narrowing(rule.amend.narrow)}" if names else f"{which}without {rule.amend.drop}"
    if rule.most == 0:
        return f"{which}not used"
    parts = [f"at least {rule.least}"] if rule.least else []
    parts += [f"at most {times(rule.most)}"] if times(rule.most) != ">1" else []
    return which + " and ".join(parts)


def narrowing(narrow: Narrow) -> str:
    """Return what an overlay asks of an element, in words."""
    parts = ["needed"] if narrow.need else []
    parts += ["not used"] if narrow.unused else []
    parts += [f"only {', '.join(sorted(narrow.codes))}"] if narrow.codes is not None else []
    parts += [f"like {narrow.pattern}"] if narrow.pattern else []
    parts += [f"at least {narrow.least} times"] if narrow.least else []
    parts += [f"with {', '.join(narrow.pairs)}"] if narrow.pairs else []
    return ", ".join(parts) + (" (warning)" if narrow.severity == "warning" else "")


def _segments(old: Segment, new: Segment, path: str) -> Iterator[Difference]:
    yield from _items(old.items, new.items, path)
    before, after = set(map(str, old.notes)), set(map(str, new.notes))
    for note in sorted(before - after):
        yield Difference(path, "changed", f"without condition {note}")
    for note in sorted(after - before):
        yield Difference(path, "changed", f"with condition {note}")


def _items(old: Sequence[Item], new: Sequence[Item], path: str) -> Iterator[Difference]:
    before, after = {item.name: item for item in old}, {item.name: item for item in new}
    for name, item in before.items():
        if name not in after:
            yield Difference(f"{path}.{name}", "removed", f"element {item.of.id} ({item.of.title})")
    for name, item in after.items():
        where = f"{path}.{name.lstrip('.')}"
        if name not in before:
            yield Difference(where, "added", f"element {item.of.id} ({item.of.title})")
        elif item != before[name]:
            yield from _item(before[name], item, where)


def _item(old: Item, new: Item, path: str) -> Iterator[Difference]:
    asked = [narrow for narrow in new.narrows if narrow not in old.narrows]
    for narrow in asked:
        if words := narrowing(narrow):
            yield Difference(path, "changed", f"{words} ({narrow.schema})")
    if old.must != new.must and not asked:
        yield Difference(path, "changed", f"was {_presence(old.must)}, is {_presence(new.must)}")
    if old.times != new.times:
        yield Difference(path, "changed", f"repeated {old.times} times at most, now {new.times}")
    one, other = old.of, new.of
    if isinstance(one, Composite) and isinstance(other, Composite):
        yield from _items(one.items, other.items, path)
    elif isinstance(one, Element) and isinstance(other, Element) and one != other:
        yield from _elements(one, other, path)


def _elements(old: Element, new: Element, path: str) -> Iterator[Difference]:
    if (old.type, old.least, old.most) != (new.type, new.least, new.most):
        yield Difference(path, "changed", f"was {kind_of(old)}, is {kind_of(new)}")
    gone, more = sorted(set(old.codes) - set(new.codes)), sorted(set(new.codes) - set(old.codes))
    if gone:
        yield Difference(path, "changed", f"without the codes {', '.join(gone)}")
    if more:
        yield Difference(path, "changed", f"with the codes {', '.join(more)}")


def kind_of(element: Element) -> str:
    """Return type and length: `AN 1..22`."""
    length = f"{element.least}..{element.most}" if element.least != element.most else str(element.most)
    return f"{element.type} {length}"


def _kind(child: Child) -> str:
    return "loop" if isinstance(child, Loop) else "segment"


def _title(child: Child) -> str:
    return child.opener.segment.title if isinstance(child, Loop) else child.segment.title


def _use(child: Child) -> str:
    return f"{_presence(child.must)}, at most {times(child.most)} times"


def _presence(must: bool) -> str:
    return "mandatory" if must else "optional"
