"""Kinds of rows from a guide: the column of each field, and what makes values of its texts."""

from __future__ import annotations

from esb.formats.csv_rows import Numbers
from esb.formats.edi.dictionary import refuse
from esb.formats.flat.cells import Convert, Moment, Number
from esb.formats.flat.delimited import Cell, Kind
from esb.formats.flat.spec import FlatField, FlatRecord, FlatRecords
from esb.reading import Document


def delimited_kind(
    name: str, record: FlatRecord, all_: FlatRecords, marks: tuple[str, str], document: Document
) -> Kind:
    """Return a kind of row. Raises DefinitionError if its columns cannot be; `marks`: decimal and thousands."""
    code, tell = name if record.code is None else record.code, all_.tell if record.tell is None else record.tell
    if all_.header == isinstance(tell, int) and code:
        wanted = "names the column" if all_.header else "is the number of the column"
        raise refuse(document, ["records", name], f"{name}: tell: {wanted} that holds the code, it is {tell!r}")
    column = int(tell) - 1 if code and not all_.header else -1
    cells: list[Cell] = []
    following = 0
    for field in record.fields:
        at = (following + (following == column)) if field.at is None else field.at - 1
        following = at + 1
        if at == column or any(cell.column == at for cell in cells):
            text = f"{name}.{field.name} stands in column {at + 1}, where something else stands"
            raise refuse(document, ["records", name], text)
        read, write = _converters(field, marks)
        cells.append(Cell(field.name, at, field.column or field.name, read, write, _dummy(field)))
    width = max([cell.column for cell in cells] + [column]) + 1
    return Kind(name, code, max(column, 0), str(tell), tuple(cells), width)


def _dummy(field: FlatField) -> str:
    return "0" if field.type == "number" else "?"


def _converters(field: FlatField, marks: tuple[str, str]) -> tuple[Convert | None, Convert | None]:
    if field.type == "number":
        number = Number(Numbers((), *marks), field.decimals, field.sign, field.length or 0)
        return number.read, number.write
    if field.type == "text":
        return None, None
    moment = Moment(field.type, field.format)
    return moment.read, moment.write
