"""A guide as a page that partners read: its structure, every segment with its elements, and what is otherwise here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from msgspec import Struct

from esb.formats.edi.delimiters import Agreed
from esb.formats.edi.difference import kind_of, narrowing, said
from esb.formats.edi.grammar import Child, Composite, Element, Guide, Item, Loop, Segment
from esb.formats.edi.lint import times, uses

_CODES = 12
"""Codes that are listed for an element; of longer lists the page says how many there are."""


_CONTROLS = {chr(code): f"character {code:02X}" for code in range(32)} | {"\n": "line feed (0A)", "\r": "CR (0D)"}
"""What control characters are called on a page."""


class Table(Struct, frozen=True):
    """A heading, a paragraph of notes, and rows under column names; `level` of the heading from 1."""

    level: int
    title: str
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def doc(guide: Guide, html: bool = False, delimiters: Sequence[Agreed] = ()) -> str:
    """Return the implementation guide as Markdown, or as an HTML page of its own; `delimiters` as agreed."""
    tables = list(_tables(guide, delimiters))
    return _html(guide, tables) if html else "\n".join(_markdown(table) for table in tables)


def _tables(guide: Guide, delimiters: Sequence[Agreed]) -> Iterator[Table]:
    group = f", group {guide.group}" if guide.group else ""
    checks = tuple(f"Check {check.id}: {_check(check)}." for check in guide.checks)
    yield Table(1, f"{guide.set} {guide.title}, version {guide.version}{group}", checks)
    if delimiters:
        agreed = tuple((each.word, _CONTROLS.get(each.char, each.char or "none")) for each in delimiters)
        yield Table(2, "Delimiters", (), ("Delimiter", "Agreed"), agreed)
    rows = tuple(_structure(guide.body, 0))
    yield Table(2, "Structure", (), ("Segment", "Use", "Max", "What it is", "In documents", "Agreed"), rows)
    told: dict[str, Segment] = {}
    for use in uses(guide.body):
        if told.get(use.tag) != use.segment:
            again = " (as used here)" if use.tag in told else ""
            told[use.tag] = use.segment
            yield _segment(use.segment, again)


def _check(check: object) -> str:
    names = ("count", "sum", "equals", "severity")
    given = [(name, str(getattr(check, name, ""))) for name in names]
    return ", ".join(f"{name} {value}" for name, value in given if value)


def _structure(body: Sequence[Child], depth: int) -> Iterator[tuple[str, ...]]:
    for child in body:
        indent = "· " * depth
        agreed = "; ".join(said(rule) for rule in child.rules)
        into = f"{child.into} by {child.key}" if child.key else child.into
        use = "M" if child.must else "O"
        if not isinstance(child, Loop):
            shown = "the object around it" if into == "." else into
            yield f"{indent}{child.tag}", use, times(child.most), child.segment.title, shown, agreed
            continue
        title = f"loop of {child.opener.segment.title}"
        yield f"{indent}loop {child.name}", use, times(child.most), title, into, agreed
        yield from _structure(child.body, depth + 1)
        for code, kind in child.tree.kinds.items() if child.tree is not None else ():
            name = child.tree.names.get(code, "any other") if child.tree is not None else ""
            yield f"{indent}· level {code}", "O", ">1", f"level {code}", name, ""
            yield from _structure(kind.body[1:], depth + 2)


def _segment(segment: Segment, again: str) -> Table:
    notes = tuple(f"Condition {note}." for note in segment.notes)
    columns = ("Position", "Element", "Use", "Type", "What it is", "In documents", "Codes", "Agreed")
    return Table(2, f"{segment.tag} {segment.title}{again}", notes, columns, tuple(_rows(segment)))


def _rows(segment: Segment) -> Iterator[tuple[str, ...]]:
    position = 1
    for item in segment.items:
        name = f"{segment.tag}{position:02d}"
        yield _row(name, item)
        if isinstance(item.of, Composite):
            for number, part in enumerate(item.of.items, 1):
                yield _row(f"{name}-{number}", part)
        position += 2 * item.pairs or 1


def _row(name: str, item: Item) -> tuple[str, ...]:
    of = item.of
    kind, codes = (kind_of(of), _listed(of)) if isinstance(of, Element) else ("composite", "")
    many = f" ×{item.times}" if item.times > 1 else f", {item.pairs} pairs" if item.pairs else ""
    agreed = "; ".join(filter(None, map(narrowing, item.narrows)))
    use = "M" if item.must else "O"
    return name, of.id, use, f"{kind}{many}", of.title, item.name.lstrip("."), codes, agreed


def _listed(element: Element) -> str:
    codes = [f"{code} {name}" if name != code else code for code, name in element.codes.items()]
    more = f" … ({len(codes)} codes)" if len(codes) > _CODES else ""
    return ", ".join(codes[:_CODES]) + more


def _markdown(table: Table) -> str:
    lines = [f"{'#' * table.level} {table.title}", ""]
    for note in table.notes:
        lines += [note, ""]
    if table.columns:
        lines.append(f"| {' | '.join(table.columns)} |")
        lines.append("|" + "---|" * len(table.columns))
        lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in table.rows]
        lines.append("")
    return "\n".join(lines)


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{border-bottom:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}"
)


def _html(guide: Guide, tables: Sequence[Table]) -> str:
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(guide.set)} {escape(guide.title)}</title>',
        f"<style>{_STYLE}</style></head><body>",
    ]
    for table in tables:
        parts.append(f"<h{table.level}>{escape(table.title)}</h{table.level}>")
        parts += [f"<p>{escape(note)}</p>" for note in table.notes]
        if table.columns:
            head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
            rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    return "\n".join([*parts, "</body></html>", ""])
