"""Segments become documents: for each place a function is written that puts a segment's values where they belong.

The functions are generated, one straight line of tests and assignments each: a generic loop over names and values
takes twice the time, and most of the time of a reader is spent here. Names reach the code only through `repr`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from esb.formats.edi.grammar import Composite, Element, Item, Loop, Use, fields_of
from esb.formats.edi.patterns import RELEASED_CHARACTERS, Marks
from esb.formats.edi.values import reader

NODES = "\0nodes"
"""Key of the document under which the levels of a tree are found by number while the set is read."""

Scopes: TypeAlias = list[dict[str, Any]]
"""The open objects: the document, then one for each open loop."""

Bind: TypeAlias = Callable[[list[str], Scopes, str], None]
"""Takes the values of a segment, the open objects, and the segment's text."""

_Write: TypeAlias = Callable[["_Code"], None]


def binder(use: Use, depth: int, marks: Marks) -> Bind:
    """Return what binds the first of a segment that opens no loop; `depth` is its scope."""
    if not use.key and use.into != "." and use.most > 1:
        return following(use, depth, marks)

    def write(code: _Code) -> None:
        if use.key:
            code.add(f"s = scopes[{depth}]", "f = {}")
            code.fields(use.segment.items, key=use.key)
            code.keyed(repr(use.into), _names(use.segment.items, use.key))
            return
        code.add(f"f = scopes[{depth}]" if use.into == "." else f"f = scopes[{depth}][{use.into!r}] = {{}}")
        code.fields(use.segment.items)

    return _made(write, marks)


def following(use: Use, depth: int, marks: Marks) -> Bind:
    """Return what binds further segments that follow the first at once."""
    if use.key:
        return binder(use, depth, marks)

    def write(code: _Code) -> None:
        code.add(f"s = scopes[{depth}]", "f = {}")
        code.fields(use.segment.items)
        code.listed(repr(more(use) if use.into == "." else use.into))

    return _made(write, marks)


def more(use: Use) -> str:
    """Return the key under which further segments stand, when the first one's fields were merged."""
    return f"{use.tag.lower()}_more"


def opener_binder(loop: Loop, depth: int, marks: Marks) -> Bind:
    """Return what binds the segment that opens a loop: a new object at `depth`, held by the one around it."""
    if loop.tree is not None:
        return _tree_binder(loop, depth, marks)
    items, own = loop.opener.segment.items, loop.opener.into

    def write(code: _Code) -> None:
        code.add(f"s = scopes[{depth - 1}]", "f = {}")
        code.fields(items, key=loop.key)
        if own != ".":
            code.add(f"f = {{{own!r}: f}} if f else {{}}")
        if loop.key:
            code.keyed(repr(loop.into), _names(items, loop.key))
        elif loop.most == 1:
            code.add(f"s[{loop.into!r}] = f")
        else:
            code.listed(repr(loop.into))
        code.add(f"scopes[{depth}] = f")

    return _made(write, marks)


def _tree_binder(loop: Loop, depth: int, marks: Marks) -> Bind:
    """Levels of a tree (HL): an object hangs in its parent, in a list named for its kind; numbers are not kept."""
    tree = loop.tree
    assert tree is not None
    places = {item.name: position for position, item in enumerate(loop.opener.segment.items, 1)}
    id_, parent_, level_ = places[tree.id], places[tree.parent], places[tree.level]

    def bind(values: list[str], scopes: Scopes, _: str) -> None:
        nodes = scopes[0].setdefault(NODES, {})
        holder = nodes.get(values[parent_]) if len(values) > parent_ else None
        if holder is None:
            holder = scopes[depth - 1]
        level = values[level_] if len(values) > level_ else ""
        name = tree.names.get(level, f"level_{level.lower()}")
        found: dict[str, Any] = {}
        holder.setdefault(name, []).append(found)
        scopes[depth] = nodes[values[id_]] = found

    return bind


def free(held: Mapping[str, Any], key: str) -> str:
    """Return the key, or the key with `_2`, `_3` … if it is taken: nothing is lost and the first keeps its name."""
    if key not in held:
        return key
    taken, open_ = 1, 2
    while f"{key}_{open_}" in held:  # numbers are dense: doubling and halving finds the end of a long row
        taken, open_ = open_, 2 * open_
    while open_ - taken > 1:
        middle = (taken + open_) // 2
        if f"{key}_{middle}" in held:
            taken = middle
        else:
            open_ = middle
    return f"{key}_{open_}"


def _unreleased(text: str) -> str:
    return text.translate(RELEASED_CHARACTERS)


def _names(items: tuple[Item, ...], key: str) -> Mapping[str, str]:
    of = next(item.of for item in fields_of(items) if item.name == key)
    return of.codes if isinstance(of, Element) else {}


def _made(write: _Write, marks: Marks) -> Bind:
    """Return the function that `write` writes; released characters are only looked for in a text that has some."""
    code = _Code(marks)
    if not marks.release:
        write(code)
        return code.made()
    careful: list[Bind] = []

    def released(values: list[str], scopes: Scopes, text: str) -> None:
        if not careful:  # most segments never have one
            slow = _Code(marks, released=True)
            write(slow)
            careful.append(slow.made())
        careful[0](values, scopes, text)

    code.add(f"if not t.isascii(): return {code.constant(released)}(v, scopes, t)")
    write(code)
    return code.made()


class _Code:
    """The source of one function: `v` = the segment's values (tag first), `f` = the object they go into.

    With `released`, separators that were released are plain again in what it makes.
    """

    def __init__(self, marks: Marks, first: int = 1, released: bool = False) -> None:
        self._marks, self._first, self._released = marks, first, released
        self._lines = ["def bind(v, scopes, t):", " n = len(v)"]
        self._constants: dict[str, Any] = {"D": Decimal, "free": free, "released": RELEASED_CHARACTERS}

    def add(self, *lines: str) -> None:
        self._lines += [f" {line}" for line in lines]

    def constant(self, value: Any) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = value
        return name

    def fields(self, items: tuple[Item, ...], key: str = "") -> None:
        """Write what puts values into `f`; that of `key` becomes `k`. Each position is tested inside the one before."""
        if key:
            self.add("k = ''")
        position, indent = self._first, ""
        for item in items:
            indent += " "
            self.add(f"{indent[1:]}if n > {position}:")
            if item.pairs:
                self._pairs(item, position, indent)
            elif item.merged:
                self._components(item.of, position, indent, "f", key)
            elif isinstance(item.of, Composite) and not (item.times > 1 and self._marks.repetition):
                self._components(item.of, position, indent, "g")
                self.add(f"{indent} f[{item.name!r}] = g")
            elif item.name == key:
                self.add(f"{indent}k = {self._text(f'v[{position}]')}")
            else:
                self.add(f"{indent}if x := v[{position}]:", f"{indent} f[{item.name!r}] = {self._read(item)}")
            position += 2 * item.pairs or 1

    def keyed(self, into: str, names: Mapping[str, str]) -> None:
        """Write what puts `f` under its key into an object of the scope `s`."""
        codes = self.constant(dict(names))
        self.add(f"k = {codes}.get(k, k)", f"h = s.get({into})", f"if h is None: s[{into}] = {{k: f}}")
        self.add("elif k in h: h[free(h, k)] = f", "else: h[k] = f")

    def listed(self, into: str) -> None:
        """Write what appends `f` to a list of the scope `s`."""
        self.add(f"h = s.get({into})", f"if h is None: s[{into}] = [f]", "else: h.append(f)")

    def made(self) -> Bind:
        """Return the function."""
        exec(compile("\n".join(self._lines), "<binder>", "exec"), self._constants)  # noqa: S102
        made: Bind = self._constants["bind"]
        return made

    def _pairs(self, item: Item, first: int, indent: str) -> None:
        assert isinstance(item.of, Element) and item.value is not None
        value, codes = Item(item.name, item.value), self.constant(dict(item.of.codes))
        # most have one pair or two: the loop is for those that have more
        lines = ["h = {}", f"if n > {first + 1}:", *self._pair(codes, value, str(first), str(first + 1), again=False)]
        if item.pairs > 1:
            lines.append(f" if n > {first + 3}:")
            lines += self._pair(codes, value, str(first + 2), str(first + 3), lead=" ")
        if item.pairs > 2:
            lines += [
                f"  if n > {first + 5}:",
                f"   for i in range({first + 4}, min(n, {first + 2 * item.pairs}) - 1, 2):",
            ]
            lines += self._pair(codes, value, "i", "i + 1", lead="   ")
        self.add(*(indent + line for line in lines), f"{indent}if h: f[{item.name!r}] = h")

    def _pair(
        self, codes: str, value: Item, code_at: str, value_at: str, lead: str = "", again: bool = True
    ) -> Iterator[str]:
        """Give the lines that put one pair into `h`; `again` = there may be one of its name."""
        yield f"{lead} if x := {self._text(f'v[{code_at}]')}:"
        yield f"{lead}  k2 = {codes}.get(x, x)"
        if again:
            yield f"{lead}  if k2 in h: k2 = free(h, k2)"
        yield f"{lead}  x = v[{value_at}]"
        yield f"{lead}  h[k2] = {self._read(value)}"

    def _components(self, of: Element | Composite, position: int, indent: str, into: str, key: str = "") -> None:
        """Write what puts the components of a composite into the segment's object `f`, or into one of their own `g`."""
        assert isinstance(of, Composite)
        self.add(f"{indent}if x := v[{position}]:")
        self.add(f"{indent} w = x.split({self._marks.component!r})", f"{indent} m = len(w)")
        if into == "g":
            self.add(f"{indent} g = {{}}")
        for at, part in enumerate(of.items):
            if at:
                indent += " "
                self.add(f"{indent}if m > {at}:")
            if part.name == key:
                self.add(f"{indent} k = {self._text(f'w[{at}]')}")
            else:
                self.add(f"{indent} if x := w[{at}]: {into}[{part.name!r}] = {self._read(part)}")

    def _text(self, source: str) -> str:
        """Return the expression that makes a text of the text of an expression: released separators are plain again."""
        return f"{source}.translate(released)" if self._released else source

    def _read(self, item: Item) -> str:
        """Return the expression that makes the value of the text `x`."""
        of, marks = item.of, self._marks
        if item.times == 1 or not marks.repetition:
            return self._composed(of) if isinstance(of, Composite) else self._simple(of)
        if isinstance(of, Composite):
            one = self.constant(self._composite(of))
        else:
            one = self.constant(reader(of) or (_unreleased if self._released else str))
        return f"[{one}(y) for y in x.split({marks.repetition!r})]"

    def _composed(self, of: Composite) -> str:
        return f"{self.constant(self._composite(of))}(x)"

    def _simple(self, of: Element) -> str:
        """Return the expression for a simple element; what is frequent is written out and costs no call."""
        if of.type == "R":
            return "D(x)"
        if of.type == "N0":
            return "int(x)"
        if of.type == "n":
            return "D(x.replace(',', '.'))"
        if of.type == "DT" and of.least == 8:
            return "f'{x[:4]}-{x[4:6]}-{x[6:]}'"
        convert = reader(of)
        return self._text("x") if convert is None else f"{self.constant(convert)}(x)"

    def _composite(self, of: Composite) -> Callable[[str], dict[str, Any]]:
        code = _Code(self._marks, first=0, released=self._released)
        code.add("f = scopes[0]")
        code.fields(of.items)
        bind, component = code.made(), self._marks.component

        def composite(value: str) -> dict[str, Any]:
            found: dict[str, Any] = {}
            bind(value.split(component), [found], value)
            return found

        return composite
