"""Every format keeps the promises of the format suite."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from esb.formats import FORMATS, Csv, FixedWidth, Json, Text, Xml
from esb.message import Document
from esb.ports import Format
from esb.testing.format_suite import FormatSuite

RECORDS = [
    {"name": "head", "prefix": "H", "fields": [{"name": "kind", "length": 1}, {"name": "no", "length": 5}]},
    {
        "name": "line",
        "prefix": "L",
        "fields": [
            {"name": "kind", "length": 1},
            {"name": "sku", "length": 6},
            {"name": "qty", "length": 7, "type": "number", "decimals": 2},
        ],
    },
]


class TestJson(FormatSuite):
    def format(self) -> Format:
        return Json().build({})

    def samples(self) -> Sequence[bytes]:
        return [
            b'{"no": "1", "total": 12.10, "big": 123456789012345678901234567890, "lines": [1, null, true]}',
            b'\xef\xbb\xbf{"a": 1,\n "b": tru}',
            '{"name": "Müller"}'.encode("utf-16"),
            b'{"a": 1, "a": 2}',
            b"[" * 400,
            b'"\xff"',
            b"",
        ]

    def documents(self) -> Sequence[Document]:
        return [{"a": Decimal("12.10"), "b": [1, 2**70, None, True, "ü\n"]}, [], "text", Decimal("-0.5"), None]


class TestJsonItems(FormatSuite):
    each = "$.orders[*]"

    def format(self) -> Format:
        return Json(limit="200B", depth=8).build({})

    def samples(self) -> Sequence[bytes]:
        return [
            b'{"meta": {"orders": [9]}, "orders": [{"a": "x]}\\""}, 3.50, "s", [1, [2]], null], "z": {"k": "v"}}',
            b'{"orders": [{"a": 1}, {"a": tru}, {"a": 2}]}',
            b'{"orders": [{"a": 1}, {"a": "' + b"x" * 900 + b'"}, {"a": 2}]}',
            b'{"orders": [{"a": [[[[[[[[[[1]]]]]]]]]]}, {"a": 2}]}',
            b'{"orders": [{"a": 1},\n {"a": 2}, , 5}',
            b'{"orders": [{"a": 1}',
            b'{"orders": "none"}',
            b'{"orders": [1, 2]} extra',
            b'{"orders" [1]}',
        ]


class TestJsonLines(FormatSuite):
    def format(self) -> Format:
        return Json(lines=True, limit="100B").build({})

    def samples(self) -> Sequence[bytes]:
        return [b'{"a": 1}\r\n\n{"b": 2.5}', b'{"a": 1}\n{"b":\n"\xff"\n' + b"x" * 300 + b"\n3"]


class TestXml(FormatSuite):
    def format(self) -> Format:
        return Xml(list=["line"]).build({})

    def samples(self) -> Sequence[bytes]:
        return [
            b'<?xml version="1.0"?><o xmlns="urn:x" a="1"><line>1</line><t/><m>a<b>c</b>d</m></o>',
            b"<o><line>1</line></p>",
            b'<!DOCTYPE o [<!ENTITY x "y">]><o>&x;</o>',
            b"<a>" * 300,
            b"",
        ]

    def documents(self) -> Sequence[Document]:
        return [{"o": {"@a": '1 "<', "line": ["1"], "b": ["x", "y & z"], "c": {"d": ""}}}, {"o": "text"}]


class TestXmlElements(FormatSuite):
    each = "/orders/order"

    def format(self) -> Format:
        return Xml().build({})

    def samples(self) -> Sequence[bytes]:
        return [
            b"<orders><head/>\n<order><i>1</i></order> <order i='2'/><order>3</order></orders>",
            b"<orders><order><i>1</i></order><order><i>2</order></orders>",
            b"<orders><order>1</order>",
            b"<other/>",
        ]


class TestCsvRows(FormatSuite):
    each = "row"

    def format(self) -> Format:
        return Csv(row_limit="100B", numbers=["qty"]).build({})

    def samples(self) -> Sequence[bytes]:
        return [
            b'no,sku,qty\r\n1,A,"2"\r\n1,"B ""x"" \r\n y",3.5\r\n2,5" pipe,\r\n\r\n',
            b'no,sku,qty\n1,"open\n2,b,1\n3,c,x\n\xff,y,1\n4,d\n' + b"z" * 300 + b"\n5,e,1",
            "no,sku,qty\rä,2,3\r".encode("utf-16"),
            b"no,sku,sku\n1,2,3\n",
            b"a,b\n",
            b"",
        ]

    def documents(self) -> Sequence[Document]:
        return [{"no": "1", "sku": 'a "b",\n c', "qty": Decimal("2.50")}, {"no": "", "sku": " x ", "qty": None}]


class TestCsvGroups(FormatSuite):
    each = "no"

    def format(self) -> Format:
        return Csv(limit="60B").build({})

    def samples(self) -> Sequence[bytes]:
        return [
            b"no,sku\n1,A\n1,B\n2,C\n1,D\n",
            b"no,sku\n1,A\n1\n2,C,D\n3,D\n",
            b"no,sku\n" + b"7,abcdef\n" * 20 + b"8,x\n",
            b"order,sku\n1,A\n",
        ]

    def documents(self) -> Sequence[Document]:
        return [{"no": "1", "rows": [{"no": "1", "sku": "A"}, {"no": "1", "sku": "B"}]}]


class TestFixedWidthGroups(FormatSuite):
    each = "head"

    def format(self) -> Format:
        return FixedWidth(records=RECORDS).build({})

    def samples(self) -> Sequence[bytes]:
        return [
            b"H12345\nLABC   0000150\nLX     0000007\r\nH00002\n",
            b"LABC   0000150\nH12345\nLABC   00x0150\nH2\nZjunk\nH3     too long\n",
            b"H1\n" + b"L" * 5000 + b"\nH2\n",
        ]

    def documents(self) -> Sequence[Document]:
        line = {"record": "line", "kind": "L", "sku": "ABC", "qty": Decimal("-1.50")}
        return [{"head": {"record": "head", "kind": "H", "no": "00001"}, "rows": [line, line]}]


class TestText(FormatSuite):
    def format(self) -> Format:
        return Text().build({})

    def samples(self) -> Sequence[bytes]:
        return ["grüße\n".encode(), b"\xff\xfeA\x00", b"\xfc"]

    def documents(self) -> Sequence[Document]:
        return ["", "a\r\nb\n ü"]


class TestTextLines(FormatSuite):
    each = "line"

    def format(self) -> Format:
        return Text(limit="50B").build({})

    def samples(self) -> Sequence[bytes]:
        return [b"a\r\nb\n\nc", b"a\n" + b"x" * 200 + b"\n\xff\n"]


def test_every_format_is_told_apart_by_its_type():
    types = [spec.model_fields["type"].default for spec in FORMATS]

    assert len(set(types)) == len(FORMATS)
    assert all(spec.__doc__ for spec in FORMATS)
