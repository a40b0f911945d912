"""Flat files by a guide: kinds of records, values, places of faults, heads and tails, writing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from esb.edge import Part
from esb.errors import FormatError
from esb.formats import Csv, FixedWidth
from esb.formats.digits import punched, shifted, unpunched
from esb.ports import Format

FOLDER = Path(__file__).parents[1] / "fixtures" / "flat"
FILES = {f"schemas/flat/{path.name}": path.read_bytes() for path in FOLDER.glob("*.yaml")}
HEAD = "FHD;B7;\n"
ORDER = "HDR;A1;21.11.2026;\nLIN;0042;3;1210\nTRL;1;3\n"


def orders() -> Format:
    return Csv(guide="flat/orders", delimiter=";", line_end="lf").build(FILES)


def invoices() -> Format:
    return FixedWidth(guide="flat/invoices").build(FILES)


def read(made: Format, text: str | bytes) -> Sequence[Part]:
    reader = made.reader("document")
    return [*reader.feed(text.encode() if isinstance(text, str) else text), *reader.end()]


def told(parts: Sequence[Part]) -> list[tuple[str, int]]:
    return [(finding.code, finding.line) for part in parts for finding in part.findings]


def own(guide: str, **spec: Any) -> Format:
    return Csv(guide="flat/own", line_end="lf", **spec).build({"schemas/flat/own.yaml": guide.encode()})


def test_one_bad_document_does_not_stop_its_siblings() -> None:
    parts = read(orders(), f"{HEAD}{ORDER}{ORDER.replace('3;1210', 'three;1210')}{ORDER}FTR;3;11\n")

    assert [part.body is None for part in parts] == [False, True, False]
    assert told(parts) == [("csv.field.value", 6)]
    assert parts[1].raw.decode().startswith("HDR;A1") and parts[1].raw.count(b"\n") == 3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ORDER.replace("TRL;1;3\n", ""), [("csv.record.missing", 3)]),
        (ORDER.replace("LIN;0042;3;1210\n", ""), [("csv.record.missing", 3)]),
        (
            ORDER.replace("LIN", "TRL;1;3\nLIN"),
            [("csv.record.missing", 3), ("csv.record.order", 4), ("csv.record.too-many", 5)],
        ),
        (ORDER.replace("TRL", "TXT;a\nTXT;b\nTXT;c\nTXT;d\nTRL"), [("csv.record.too-many", 7)]),
        (ORDER.replace("TRL", "LNI;1\nTRL"), [("csv.record.unknown", 4)]),
        (ORDER.replace("LIN;0042", "ADR;XX;Shop\nLIN;0042"), [("csv.field.code", 3)]),
        (ORDER.replace("LIN;0042", "ADR;BY\nLIN;0042"), [("csv.field.needed", 3)]),
        (ORDER.replace("LIN;0042", "LIN;"), [("csv.field.missing", 3)]),
        (ORDER.replace("A1", "A1234567890"), [("csv.field.long", 2)]),
        (ORDER.replace("21.11.2026", "31.11.2026"), [("csv.field.value", 2)]),
        (ORDER.replace("1210", "1210;x"), [("csv.record.shape", 3)]),
        (ORDER.replace("0042", "00\x0142"), [("csv.field.value", 3)]),
        (ORDER.replace("TRL;1", "TRL;2"), [("csv.document.check", 2)]),
        (ORDER.replace("LIN;0042", 'LIN;"0042'), [("csv.record.unknown", 3), ("csv.record.missing", 4)]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_with_its_line(text: str, found: list[tuple[str, int]]) -> None:
    parts = read(orders(), f"{HEAD}{text}FTR\n")

    assert told(parts) == found
    assert parts[0].error


def test_a_check_that_warns_refuses_nothing() -> None:
    (part,) = read(orders(), f"{HEAD}{ORDER.replace('TRL;1;3', 'TRL;1;4')}FTR\n")

    assert not part.error and [finding.severity for finding in part.findings] == ["warning"]


def test_findings_name_the_field() -> None:
    (part,) = read(orders(), f"{HEAD}{ORDER.replace('A1', 'A1234567890')}FTR\n")

    assert part.findings[0].where == "HDR, field number"
    assert part.findings[0].text == "line 2: number 'A1234567890' has 11 characters, at most 10 are allowed"


def test_a_document_that_is_not_in_the_encoding_is_bad_alone() -> None:
    raw = (HEAD + ORDER.replace("0042", "M\xfcller") + ORDER + "FTR;2\n").encode("latin-1")

    parts = read(orders(), raw)

    assert [bool(part.error) for part in parts] == [True, False]
    assert "it is not utf-8" in parts[0].error and parts[0].raw.count(b"\xfc") == 1


def test_the_tail_is_held_against_the_file() -> None:
    (_, tail) = read(orders(), f"{HEAD}{ORDER}FTR;2;6;4;2\n")

    assert told([tail]) == [("csv.file.check", 5)] * 4
    assert tail.error == (
        "csv: line 5: orders: documents are counted as 1, tail.orders says 2 (and 3 more faults)"
    )  # fmt: skip


def test_totals_inside_documents_are_not_held_against_a_file_with_a_bad_one() -> None:
    parts = read(orders(), f"{HEAD}{ORDER}{ORDER.replace('LIN;0042', 'LIN;')}FTR;2;8;6;2\n")

    assert told(parts) == [("csv.field.missing", 6)]


def test_a_file_that_was_cut_off_says_so() -> None:
    parts = read(orders(), HEAD + ORDER)

    assert [bool(part.error) for part in parts] == [False, True]
    assert parts[1].error == "csv: the file ends without FTR; was it cut off?"


def test_two_files_in_one_are_two_files() -> None:
    parts = read(orders(), f"{HEAD}{ORDER}FTR;1\n{HEAD.replace('B7', 'B8')}{ORDER}{ORDER}FTR;2\n")

    assert [part.body["file"] for part in parts] == [{"sender": "B7"}, {"sender": "B8"}, {"sender": "B8"}]


def test_documents_of_a_file_without_its_head_are_not_taken() -> None:
    without = read(orders(), f"{ORDER}FTR;1\n")
    spoiled = read(orders(), f"FHD;;\n{ORDER}FTR;1\n")
    behind = read(orders(), f"{HEAD}{ORDER}FTR;1\n{ORDER}")

    assert told(without) == [("csv.file.head", 1)]
    assert told(spoiled) == [("csv.field.missing", 1), ("csv.file.head", 2)]
    assert told(behind) == [("csv.file.order", 6)]


def test_nothing_is_no_file() -> None:
    assert read(orders(), "") == []


def test_a_document_over_its_limit_is_bad_alone() -> None:
    made = Csv(guide="flat/orders", delimiter=";", limit="200B").build(FILES)

    parts = read(made, HEAD + ORDER.replace("TRL", "LIN;1;1;1\n" * 30 + "TRL") + ORDER + "FTR;2\n")

    assert [part.error.partition(" at ")[0] for part in parts] == ["csv: the document", ""]
    assert len(parts[0].raw) <= 200


def test_counts_and_totals_are_filled_in_when_writing() -> None:
    document = {"file": {"sender": "B7"}, "number": "A1", "lines": [{"sku": "1", "qty": 2}], "totals": {"quantity": 2}}

    raw = orders().render([document, document])

    assert raw.decode() == (
        "FHD;B7;\nHDR;A1;;\nLIN;1;2;\nTRL;1;2\nHDR;A1;;\nLIN;1;2;\nTRL;1;2\nFTR;2;8;4;2\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lines": []}, "csv: LIN is missing before TRL"),
        ({"number": "A1234567890"}, "csv: HDR: number 'A1234567890' has 11 characters"),
        ({"number": None}, "csv: HDR: number is missing"),
        ({"date": "2026-02-30"}, "csv: '2026-02-30' is not a date such as 2026-11-21 that DD.MM.YYYY can say"),
        ({"surprise": 1}, "csv: $.surprise has no place in orders"),
        ({"file": {}}, "csv: FHD: sender is missing"),
        ({"file": {"receiver": "x"}}, "csv: $.file.receiver is no field of FHD"),
        ({"customer": "a\x01"}, "csv: $.customer: holds the control character U+0001"),
        ({"totals": {"lines": 7}}, "csv: line-count: lines are counted as 1, totals.lines says 7"),
        ({"lines": [{"sku": "1", "qty": 1, "price": Decimal("0.005")}]}, "csv: 0.005 has more than 2 decimals"),
    ],
)
def test_what_would_not_be_read_is_not_written(change: dict[str, Any], says: str) -> None:
    document = {"file": {"sender": "B7"}, "number": "A1", "lines": [{"sku": "1", "qty": 1}], "totals": {}}

    with pytest.raises(FormatError) as error:
        orders().render({**document, **change})

    assert str(error.value).startswith(says)


def test_documents_of_one_file_have_one_head() -> None:
    one = {"file": {"sender": "A"}, "number": "1", "lines": [{"sku": "1", "qty": 1}], "totals": {}}

    with pytest.raises(FormatError, match="the same file"):
        orders().render([one, {**one, "file": {"sender": "B"}}])


def test_a_sign_over_the_last_digit_is_read_in_ebcdic_too() -> None:
    made = FixedWidth(guide="flat/invoices", encoding="cp037").build(FILES)
    lines = [{"amount": Decimal("-12.50")}, {"amount": Decimal("2.50")}]

    raw = made.render({"number": "1", "date": "2026-11-21", "total": Decimal("-10.00"), "lines": lines})
    (part,) = read(made, raw)

    assert b"\xf0\xf0\xf0\xf0\xf0\xf1\xf2\xf5\xd0" in raw  # a D over the last zero: minus
    assert part.body["lines"] == lines and part.body["total"] == -10


def test_a_date_of_zeros_is_absent_and_a_wrong_gtin_is_a_warning() -> None:
    guide = FILES["schemas/flat/invoices.yaml"].replace(b"format: YYMMDD, use: M", b"format: YYMMDD")
    made = FixedWidth(guide="flat/invoices").build({"schemas/flat/invoices.yaml": guide})
    text = "4711      01000000                00000010{\n4711      0204006381333932       00000010{\n"

    (part,) = read(made, text)

    assert not part.error and "date" not in part.body and "time" not in part.body
    assert [(finding.code, finding.severity) for finding in part.findings] == [
        ("fixed_width.document.check", "warning")
    ]


def test_an_error_is_told_behind_any_number_of_warnings() -> None:
    guide = FILES["schemas/flat/invoices.yaml"].replace(b"- { id: gtin, gtin: lines.gtin }", b"")
    checks = b"checks:\n" + b"".join(b"  - { id: g%d, gtin: lines.gtin }\n" % number for number in range(5))
    made = FixedWidth(guide="flat/invoices").build({"schemas/flat/invoices.yaml": guide.replace(b"checks:\n", checks)})

    lines = "".join(f"4711      02{f'x{number}':<14}       00000000{{\n" for number in range(30))

    (part,) = read(made, f"4711      01261121                00000010{{\n{lines}")

    assert part.body is None and part.error.startswith("fixed_width: line 1: total: lines.amount + lines.taxes.amount")
    assert len(part.findings) == 20 and "(and 55 more faults)" in part.error


def test_what_does_not_fit_its_width_is_not_written() -> None:
    document = {"number": "1", "date": "2026-11-21", "total": 0, "lines": [{"gtin": "1" * 15}]}

    with pytest.raises(FormatError, match="does not fit into the 14 characters of 'gtin'"):
        invoices().render(document)


NAMED = """
set: stock
is: stock of warehouses
header: true
tell: kind
records:
  W: {fields: [{name: warehouse, column: Lager}]}
  S: {fields: [{name: sku, column: Artikel, use: M}, {name: qty, type: number, column: Menge}]}
body:
  - W: {use: M, into: .}
  - S: {max: many, into: stock}
"""


def test_columns_are_found_by_the_names_of_the_header() -> None:
    made = own(NAMED, delimiter=";")

    parts = read(made, "Menge;kind;Rest;Artikel;Lager\n;W;;;Nord\n3;S;x;0042;\n")

    assert [part.body for part in parts] == [{"warehouse": "Nord", "stock": [{"sku": "0042", "qty": 3}]}]
    assert made.render(parts[0].body) == b"kind;Lager;Artikel;Menge\nW;Nord;;\nS;;0042;3\n"


def test_a_header_without_a_column_ends_the_reading() -> None:
    (part,) = read(own(NAMED), "kind,Artikel,Lager\nW,,Nord\n")

    assert (
        part.error
        == "csv: header at line 1: there is no column 'Menge', it has ['kind', 'Artikel', 'Lager']; no row was read"
    )


def test_a_record_without_a_code_takes_every_other_row() -> None:
    guide = "set: s\nis: s\nrecords: {H: {fields: [no]}, any: {code: '', fields: [a, b]}}\n"
    made = own(guide + "body: [H: {use: M, into: .}, any: {max: many, into: rows}]\n")

    (part,) = read(made, "H,1\nx,y\n,z\n")

    assert part.body == {"no": "1", "rows": [{"a": "x", "b": "y"}, {"b": "z"}]}
    assert made.render(part.body) == b"H,1\nx,y\n,z\n"


def test_fields_may_be_called_as_the_envelope_of_edi_is() -> None:
    made = own("set: s\nis: s\nrecords: {H: {fields: [transaction, envelope]}}\nbody: [H: {use: M, into: .}]\n")

    (part,) = read(made, "H,4711,blue\n")

    assert part.body == {"transaction": "4711", "envelope": "blue"}
    assert made.render(part.body) == b"H,4711,blue\n"


def test_signs_are_punched_into_the_last_digit_and_taken_out_of_it() -> None:
    for digits, negative, text in (("125", False, "12E"), ("120", True, "12}"), ("0", False, "{"), ("9", True, "R")):
        assert punched(digits, negative) == text
        assert unpunched(text) == ("-" if negative else "") + digits
    assert unpunched("125") == "125" and unpunched("") == ""


def test_shifting_keeps_every_digit() -> None:
    assert shifted(Decimal("1" * 60), -2) == Decimal("1" * 58 + ".11")
