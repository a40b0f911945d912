"""Bad files among good ones: each is read rightly, put aside with a reason, or an exception; nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from esb.testing.private_server import free_port
from esb.testing.sandbox.documents import crm_csv, make, x12
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.plant import TOKEN, Plant, serving

PROJECT = Path(__file__).parents[2]
LOOSE = {
    "endpoints/loose-drop.yaml": """
type: file
directory: var/exchange/loose/in
match: "*.json"
poll: 100ms
ready: { unchanged_for: 100ms }
format: json
""",
    "endpoints/loose-out.yaml": """
type: file
directory: var/exchange/loose/out
name: "{{ body.name }}"
""",
    "routes/loose.yaml": "from: { endpoint: loose-drop }\nkey: { order: $.name }\nsteps:\n  - to: loose-out\n",
}
HEADER = b"order_no;customer;warehouse;ship_name;ship_zip;ship_country;sku;qty;price\r\n"
JUNK = bytes(range(256)) * 8


def edi(number: str, control: int) -> bytes:
    return x12([order(number, "C-ACME")], control)


def order(number: str, customer: str) -> Any:
    (made,) = make(number[:1], 1, customer, 0)
    return type(made)(number, customer, made.lines)


def row(number: str, **changed: str) -> bytes:
    values = {"number": number, "customer": "C-0024", "sku": "00123", "qty": "2", "price": "5.00", **changed}
    text = "{number};{customer};MAIN;Baker;02134;US;{sku};{qty};{price}\r\n".format(**values)
    return text.encode("utf-8", "surrogateescape")


@dataclass
class Case:
    """A file and what must come of it: orders in the ERP, files at its receiver, exceptions by their reasons."""

    partner: str
    name: str
    content: bytes
    orders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


ACME = [
    Case("acme", "good.edi", edi("G1", 1), orders=("G1",)),
    Case("acme", "crlf.edi", edi("G2", 2).replace(b"\n", b"\r\n"), orders=("G2",)),
    Case("acme", "one-line.edi", edi("G3", 3).replace(b"\n", b""), orders=("G3",)),
    Case("acme", "bom.edi", b"\xef\xbb\xbf" + edi("G4", 4), orders=("G4",)),
    Case("acme", "other-marks.edi", edi("G5", 5).replace(b"*", b"|").replace(b"~\n", b"\r\n"), orders=("G5",)),
    Case("acme", "two.edi", edi("G6", 6) + edi("G7", 7), orders=("G6", "G7")),
    Case("acme", "truncated.edi", edi("B1", 8)[:-60],
         reasons=("PID04 (", "group 8 ends without GE", "(interchange 000000008)")),
    Case("acme", "cut-in-isa.edi", edi("B2", 9)[:50], reasons=("the ISA has fewer than 16 elements",)),
    Case("acme", "no-end.edi", edi("G8", 10).rpartition(b"GE*")[0], orders=("G8",),
         reasons=("group 10 ends without GE", "the interchange ends without IEA; it was cut (interchange 000000010)")),
    Case("acme", "junk.edi", JUNK, reasons=("this is not X12: there is no ISA; it begins with '\\x01",)),
    Case("acme", "nul.edi", edi("B3", 11).replace(b"ACME STORE", b"ACME\0STORE"), reasons=("a control character",)),
    Case("acme", "csv-inside.edi", HEADER + row("B4"), reasons=("there is no ISA; it begins with 'order_no",)),
    Case("acme", "wrong-count.edi", x12([order("G9", "C-ACME"), order("B5", "C-ACME")], 12, ["B5"]),
         orders=("G9",), reasons=("SE01 says 16 segments, found 15 (ST 0002, segment 15)",)),
]  # fmt: skip
CRM = [
    Case("crm", "good.csv", crm_csv([order("H1", "C-0024")]), orders=("H1",)),
    Case("crm", "no-bom-lf.csv", (HEADER + row("H2")).replace(b"\r\n", b"\n"), orders=("H2",)),
    Case("crm", "utf16.csv", (HEADER + row("H3")).decode().encode("utf-16"), orders=("H3",)),
    Case("crm", "no-last-line-end.csv", (HEADER + row("H4")).rstrip(), orders=("H4",)),
    Case("crm", "nul.csv", HEADER + row("H13", sku="0\x000"), orders=("H13",)),
    Case("crm", "header-only.csv", HEADER),
    Case("crm", "latin-1.csv", HEADER + row("H5") + row("B6").replace(b"Baker", b"B\xe4cker") + row("H6"),
         orders=("H5", "H6"), reasons=("csv: line 3: it is not utf-8",)),
    Case("crm", "ragged.csv", HEADER + row("H7") + b"B7;C-0024;MAIN\r\n" + row("H8"),
         orders=("H7", "H8"), reasons=("csv: line 3: it has 3 values for 9 columns",)),
    # The unreadable row may belong to the order before it, so that order waits for a person, too.
    Case("crm", "quote.csv", HEADER + row("B8") + b'B8;"never closed;MAIN\r\n' + row("H9"),
         orders=("H9",), reasons=("csv: line 3: a quote opens in it and is never closed",)),
    Case("crm", "long-line.csv", HEADER + row("B10", sku="x" * 10_000_000) + row("H10"),
         orders=("H10",), reasons=("csv: line 2: it is longer than 1000000 characters",)),
    Case("crm", "junk.csv", JUNK, reasons=("unknown ['\\x00\\x01",)),
    Case("crm", "other-columns.csv", b"a;b\r\n1;2\r\n", reasons=("unknown ['a', 'b']",)),
    Case("crm", "no-number.csv", HEADER + row("H12") + row("B12", qty="two"),
         orders=("H12",), reasons=("lines[0].quantity: 'two' is not an integer",)),
]  # fmt: skip
JSON = [
    Case("loose", "good.json", b'{"name": "j1.json"}', files=("j1.json",)),
    Case("loose", "bom.json", b'\xef\xbb\xbf{"name": "j2.json"}', files=("j2.json",)),
    Case("loose", "crlf.json", b'{\r\n"name": "j3.json"\r\n}\r\n', files=("j3.json",)),
    Case("loose", "utf-16.json", '{"name": "j4.json"}'.encode("utf-16"), files=("j4.json",)),
    Case("loose", "ten-megabytes.json", b'{"name": "j5.json", "x": "' + b"x" * 10_000_000 + b'"}', files=("j5.json",)),
    Case("loose", "malformed.json", b'{"name": "b1.json",}', reasons=("json: line 1, column 20: expecting property",)),
    Case("loose", "deep.json", b"[" * 200_000, reasons=("json: line 1: it is nested deeper than 100",)),
    Case("loose", "deep-and-closed.json", b"[" * 5000 + b"]" * 5000, reasons=("json: line 1: it is nested deeper",)),
    Case("loose", "latin-1.json", b'{"name": "b\xe4.json"}', reasons=("json: it is not utf-8",)),
    Case("loose", "nul.json", b'{"name": "b2\x00.json"}', reasons=("json: line 1, column 13: invalid control char",)),
    Case("loose", "huge-number.json", b'{"name": "b3.json", "n": 1e999999999}', reasons=("1e999999999 is out of",)),
    Case("loose", "twice.json", b'{"name": "b4.json", "name": "b5.json"}', reasons=("key 'name' stands twice",)),
    Case("loose", "junk.json", JUNK.replace(b"\0", b""), reasons=("json: it is not utf-8",)),
    Case("loose", "up.json", b'{"name": "../../../b6.json"}', reasons=("the file name '../../../b6.json' cannot",)),
    Case("loose", "absolute.json", b'{"name": "/tmp/b7.json"}', reasons=("the file name '/tmp/b7.json' cannot",)),
    Case("loose", "hidden.json", b'{"name": ".bashrc"}', reasons=("the file name '.bashrc' cannot be used",)),
    Case("loose", "escaped-nul.json", b'{"name": "b8\\u0000.json"}', reasons=("the name holds control characters",)),
    Case("loose", "surrogate.json", b'{"name": "b9\\ud800.json"}', reasons=("half of a surrogate pair",)),
    Case("loose", "no-name.json", b"{}", reasons=("there is no 'name'",)),
]  # fmt: skip
CASES = [*ACME, *CRM, *JSON]
UNFIT = {"b\\ack.edi": b"x", "line\nend.edi": b"x", "no-utf-8-\udcff.edi": b"x", "esc\x1b[2J.edi": b"x"}
LEFT = {"half.edi.part": edi("X1", 90), ".hidden.edi": edi("X2", 91), "other.txt": edi("X3", 92)}


@dataclass
class Evidence:
    """What was seen after everything had come to rest."""

    folders: dict[str, dict[str, bytes]] = field(default_factory=dict)
    effects: Counter[str] = field(default_factory=Counter)
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    log: str = ""
    outside: set[str] = field(default_factory=set)


async def idle(plant: Plant, session: aiohttp.ClientSession) -> bool:
    async with session.get(f"{plant.url}/metrics") as answer:
        text = await answer.text()
    return not re.findall(r"^esb_channel_(?:ready|lent|delayed)_messages\{.*\} [1-9]", text, re.M)


async def until(condition: Any, seconds: float = 40.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


def below(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}


async def play(folder: Path) -> Evidence:
    erp, port = Erp(TOKEN), free_port()
    plant = Plant(folder / "plant", port)
    plant.lay_out(PROJECT)
    for name, text in LOOSE.items():
        (plant.folder / name).write_text(text)
    for name in ("acme-inbox", "crm-drop"):
        path = plant.folder / f"endpoints/{name}.yaml"
        path.write_text(path.read_text().replace("poll: 1s", "poll: 100ms").replace("for: 1s", "for: 100ms"))
    exchange = plant.folder / "var/exchange"
    (exchange / "loose/in").mkdir(parents=True)
    async with serving(erp, port), aiohttp.ClientSession() as session:
        await plant.start()
        try:
            for name, content in {**UNFIT, **LEFT}.items():
                (exchange / "acme/in" / os.fsdecode(name.encode("utf-8", "surrogateescape"))).write_bytes(content)
            (exchange / "crm/in/empty.csv").touch()
            for case in CASES:
                plant.drop(case.partner, case.name, case.content)

            async def settled() -> bool:
                waiting = [case for case in CASES if (exchange / case.partner / "in" / case.name).exists()]
                return not waiting and await idle(plant, session)

            await until(settled)
            plant.drop("acme", "good.edi", edi("G10", 13))
            with (exchange / "crm/in/empty.csv").open("wb") as slow:
                for piece in (HEADER, row("H20"), row("H21")):
                    slow.write(piece)
                    slow.flush()
                    await asyncio.sleep(0.05)

            async def taken() -> bool:
                there = (exchange / "acme/in/good.edi").exists() or (exchange / "crm/in/empty.csv").exists()
                return not there and {"G10", "H20", "H21"} <= set(erp.effects) and await idle(plant, session)

            await until(taken)
            _, listed = await plant.command("dead", "list", "--json", "--limit", "1000")
        finally:
            code = await plant.stop()
    seen = Evidence(effects=erp.effects, log=plant.log())
    seen.exceptions = [json.loads(line) for line in listed.splitlines()]
    for partner in ("acme", "crm", "loose"):
        for place in ("in", "in/done", "in/failed", "out"):
            seen.folders[f"{partner}/{place}"] = below(exchange / partner / place)
    seen.outside = {path.name for path in (*folder.iterdir(), *plant.folder.iterdir(), *exchange.iterdir())}
    assert code == 0, plant.log()[-2000:]
    return seen


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    yield asyncio.run(play(tmp_path_factory.mktemp("bad-files")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_ends_where_it_must(seen: Evidence, case: Case):
    assert case.name in seen.folders[f"{case.partner}/in/done"]
    assert [number for number in case.orders if seen.effects[number] != 1] == []
    assert set(case.files) <= set(seen.folders["loose/out"])
    for reason in case.reasons:
        assert [row for row in seen.exceptions if reason in row["reason"]], reason


def test_nothing_came_that_nobody_sent_and_nothing_stopped_without_a_reason(seen: Evidence):
    sent = {number for case in CASES for number in case.orders} | {"G10", "H20", "H21"}

    assert set(seen.effects) == sent
    assert set(seen.folders["loose/out"]) == {name for case in CASES for name in case.files}
    assert len(seen.exceptions) == sum(len(case.reasons) for case in CASES)
    assert [row for row in seen.exceptions if not row["owner"] or row["class"] == "bug"] == []


def test_a_name_that_is_no_path_is_left_where_it_is_and_told_once(seen: Evidence):
    told = [json.loads(line)["file"] for line in seen.log.splitlines() if '"file.left"' in line]

    assert set(UNFIT) | set(LEFT) == set(seen.folders["acme/in"])
    assert len(told) == len(UNFIT)


def test_a_file_that_grows_is_taken_when_it_is_whole(seen: Evidence):
    assert seen.folders["crm/in"] == {}
    assert seen.folders["crm/in/done"]["empty.csv"] == HEADER + row("H20") + row("H21")


def test_a_second_file_of_a_name_is_another_delivery_and_replaces_nothing(seen: Evidence):
    stood = [content for name, content in seen.folders["acme/in/done"].items() if name.startswith("good")]

    assert sorted(stood) == sorted([edi("G1", 1), edi("G10", 13)])


def test_no_name_leaves_its_folder(seen: Evidence):
    assert not {"b6.json", "b7.json"} & seen.outside
    assert not Path("/tmp/b7.json").exists()


def test_every_line_of_the_log_is_one_value_and_none_a_traceback(seen: Evidence):
    events = [json.loads(line)["event"] for line in seen.log.splitlines()]

    assert "Traceback" not in seen.log
    assert "esb.started" in events
    assert not {"batch.failed", "intake.bug", "role.failed"} & set(events)
