"""One segment's text from an object, by the same definition that reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeAlias

from esb.errors import FormatError
from esb.formats.edi.grammar import Composite, Element, Item, Segment, fields_of
from esb.formats.edi.patterns import Marks
from esb.formats.edi.values import write

_NUMBERED = re.compile(r"(.+)_\d+")

_Make: TypeAlias = Callable[[Any], "str | list[str]"]
_Parts: TypeAlias = tuple[tuple[str, _Make], ...]


class SegmentWriter:
    """Writes a segment; `names` are the keys it takes. `escape` makes a value safe between separators, or raises."""

    def __init__(self, segment: Segment, marks: Marks, escape: Callable[[str], str]) -> None:
        self.tag, self._mark, self._component = segment.tag, marks.element, marks.component
        self.names = frozenset(item.name for item in fields_of(segment.items))
        self._items = tuple(
            (item.name, _item_writer(item, marks, escape), _components(item, marks, escape), 2 * item.pairs or 1)
            for item in segment.items
        )

    def text(self, fields: Any, path: str, extra: Mapping[str, Any]) -> str:
        """Return the segment. `extra` = fields from elsewhere (the key of a keyed object).

        Raises:
            FormatError: A field that the segment does not have, or a value that it cannot take.
        """
        if not isinstance(fields, dict):
            raise FormatError(f"{path} must be an object with the fields of {self.tag}, not a {type(fields).__name__}")
        if not fields.keys() <= self.names:
            unknown = next(name for name in fields if name not in self.names)
            raise FormatError(f"{path}.{unknown} is no field of {self.tag}; it has {', '.join(sorted(self.names))}")
        return self.some(fields, path, extra)

    def some(self, fields: Mapping[str, Any], path: str, extra: Mapping[str, Any]) -> str:
        """Return the segment from those fields of an object that are its own. Raises FormatError with the path."""
        try:
            return self._written({**fields, **extra} if extra else fields)
        except FormatError:
            return self._told(fields, path, extra)

    @cached_property
    def _written(self) -> Callable[[Mapping[str, Any]], str]:
        """The function that writes; generated, one expression a field, and without a path for its errors."""
        held: dict[str, Any] = {"tag": self.tag}
        lines = ["def written(f):", " g = f.get", " v = [tag]"]
        for at, (name, make, parts, width) in enumerate(self._items):
            held |= {f"m{at}_{number}": part for number, (_, part) in enumerate(parts)} | {f"m{at}": make}
            if parts:
                cells = (_cell(part, f"m{at}_{number}") for number, (part, _) in enumerate(parts))
                lines += [f" w = [{', '.join(cells)}]", " while w and not w[-1]: w.pop()"]
                lines.append(f" v.append({self._component!r}.join(w))")
            elif width > 1:
                lines.append(f" v += {[''] * width!r} if (x := g({name!r})) is None else m{at}(x)")
            else:
                lines.append(f" v.append({_cell(name, f'm{at}')})")
        lines += [" while not v[-1]: v.pop()", f" return {self._mark!r}.join(v)"]
        exec(compile("\n".join(lines), "<segment writer>", "exec"), held)  # noqa: S102
        written: Callable[[Mapping[str, Any]], str] = held["written"]
        return written

    def _told(self, fields: Mapping[str, Any], path: str, extra: Mapping[str, Any]) -> str:
        """Do the same field by field, to say where it fails."""
        values = [self.tag]
        for name, make, parts, width in self._items:
            if parts:
                values.append(self._merged(parts, fields, path, extra))
                continue
            value = extra[name] if name in extra else fields.get(name)
            if value is None:
                values += [""] * width
                continue
            try:
                made = make(value)
            except FormatError as error:
                raise FormatError(f"{path}.{name}: {error}") from None
            if type(made) is str:
                values.append(made)
            else:
                values += made
        while not values[-1]:
            values.pop()
        return self._mark.join(values)

    def _merged(self, parts: _Parts, fields: Mapping[str, Any], path: str, extra: Mapping[str, Any]) -> str:
        """Return a composite whose components are fields of the segment."""
        values: list[str] = []
        last = 0
        for name, make in parts:
            value = extra[name] if name in extra else fields.get(name)
            if value is None:
                values.append("")
                continue
            try:
                made = make(value)
            except FormatError as error:
                raise FormatError(f"{path}.{name}: {error}") from None
            assert type(made) is str
            values.append(made)
            if made:
                last = len(values)
        return self._component.join(values[:last])


def _cell(name: str, make: str) -> str:
    return f"'' if (x := g({name!r})) is None else {make}(x)"


def code_of(key: str, codes: Mapping[str, str]) -> str:
    """Return the code that a key of a document stands for: `ship_to`, `ship_to_2` and `ST` are all ST.

    `codes` maps names to codes.
    """
    found = codes.get(key)
    if found is not None:
        return found
    match = _NUMBERED.fullmatch(key)
    return codes.get(match[1], match[1]) if match else key


def names_of(element: Element) -> dict[str, str]:
    """Return the names of a code list, each with its code."""
    return {name: code for code, name in element.codes.items()}


def _components(item: Item, marks: Marks, escape: Callable[[str], str]) -> _Parts:
    """Return what writes the components of a merged composite; nothing for other items."""
    if not item.merged:
        return ()
    assert isinstance(item.of, Composite)
    return tuple((part.name, _item_writer(part, marks, escape)) for part in item.of.items)


def _item_writer(item: Item, marks: Marks, escape: Callable[[str], str]) -> _Make:
    if item.pairs:
        return _pairs_writer(item, escape)
    of = item.of
    one = _composite_writer(of, marks, escape) if isinstance(of, Composite) else _simple_writer(of, marks, escape)
    if item.times == 1 or not marks.repetition:
        return one

    def repeated(value: Any) -> str:
        return marks.repetition.join(map(one, value)) if isinstance(value, list) else one(value)

    return repeated


def _simple_writer(element: Element, marks: Marks, escape: Callable[[str], str]) -> Callable[[Any], str]:
    text = element.type in ("AN", "ID", "an", "a")
    if element.type == "n" and marks.decimal[0] != ".":
        return lambda value: "" if value is None else write(element, value).replace(".", marks.decimal[0])

    def simple(value: Any) -> str:
        if value is None:
            return ""
        return escape(value) if text and type(value) is str else escape(write(element, value))

    return simple


def _composite_writer(of: Composite, marks: Marks, escape: Callable[[str], str]) -> Callable[[Any], str]:
    parts = [(item.name, _item_writer(item, marks, escape)) for item in of.items]
    names = {name for name, _ in parts}

    def composite(value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, dict) or not value.keys() <= names:
            raise FormatError(f"{of.title} is an object of {', '.join(sorted(names))}")
        made = [make(value.get(name)) for name, make in parts]
        while made and not made[-1]:
            made.pop()
        return marks.component.join(made)  # type: ignore[arg-type]

    return composite


def _pairs_writer(item: Item, escape: Callable[[str], str]) -> Callable[[Any], list[str]]:
    assert isinstance(item.of, Element) and item.value is not None
    codes, value_of, most = names_of(item.of), item.value, item.pairs

    def pairs(value: Any) -> list[str]:
        if value is None:
            return [""] * (2 * most)
        if not isinstance(value, dict) or len(value) > most:
            raise FormatError(f"it is an object of at most {most} values by qualifier")
        made: list[str] = []
        for key, one in value.items():
            made += (escape(code_of(key, codes)), escape(write(value_of, one)))
        return made + [""] * (2 * most - len(made))

    return pairs
