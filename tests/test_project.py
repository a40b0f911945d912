"""The repository is itself a project: the distributor's first flows, checked with the commands that a user has."""

from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from esb.routes import load, read_files
from esb.routes.schema import KINDS, modeline
from esb.testing.route_test import find, run_cases
from esb.testing.sandbox.documents import Line, Order, crm_csv, of_nobody, too_dear, webhook, x12

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "tests" / "flows" / "samples"
PROJECT = load(read_files(ROOT))


def order(number: str, customer: str, *lines: tuple[str, int, str], ship_from: str = "MAIN") -> Order:
    made = tuple(Line(sku, quantity, Decimal(price)) for sku, quantity, price in lines)
    return Order(number, customer, made, "3pl" if ship_from == "3PL" else "erp", ship_from)


A1 = order("A00001", "C-ACME", ("00024", 3, "12.10"), ("00025", 1, "0.50"))
A2 = order("A00002", "C-ACME", ("00031", 2, "7.00"))
A3 = order("A00003", "C-ACME", ("00024", 10, "11.90"))
A4 = order("A00004", "C-ACME", ("00024", 3, "12.10"), ("00777", 12, "1.05"), ship_from="3PL")
S1 = order("S00001", "C-SHOP", ("00024", 1, "14.90"))
T1 = order("T00001", "C-0024", ("0024", 3, "12.10"), ("0042", 1, "99.00"))
T2 = order("T00002", "C-0031", ("00990", 2, "5.25"), ship_from="3PL")

GENERATED = {
    "acme-bad-between-good.edi": x12([A1, A2, A3], 101, broken=["A00002"]),
    "acme-strangers-and-dear.edi": x12([of_nobody("A90002"), too_dear("A90001", "C-ACME")], 102),
    "acme-3pl.edi": x12([A4], 103),
    "shop-order.json": webhook(S1),
    "crm-export.csv": crm_csv([T1, T2]),
    "crm-bad-quantity.csv": crm_csv([T1, T2]).replace(b";0042;1;", b";0042;one;"),
}


def esb(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "esb", *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_project_has_no_mistake_and_no_warning():
    told = esb("validate", "--strict")

    assert (told.returncode, told.stdout) == (0, ""), told.stdout
    assert "✔ nothing to mend" in told.stderr


def test_its_routes_do_what_their_cases_say():
    told = esb("test", "--coverage")

    assert told.returncode == 0, told.stdout
    assert "every step and branch ran" in told.stdout
    assert "coverage 100 %" in told.stdout


def test_every_route_has_cases_of_its_own():
    report = run_cases(project=ROOT)

    assert {result.case.route for result in report.results} == set(PROJECT.routes)
    assert report.coverage.percent == 100


def test_its_definitions_are_in_canonical_form():
    told = esb("fmt", "--check")

    assert (told.returncode, told.stdout) == (0, ""), told.stderr


def test_it_can_be_drawn():
    told = esb("graph")

    assert told.returncode == 0, told.stderr
    assert set(PROJECT.routes) <= set(re.findall(r"[\w-]+", told.stdout))


@pytest.mark.parametrize("name", [*PROJECT.documents, *(path.relative_to(ROOT).as_posix() for path in find(ROOT))])
def test_every_file_says_what_it_is_and_which_schema_it_keeps(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    first = text.split("\n", 1)[0]

    assert first in {modeline(kind) for kind in (*KINDS, "test")}
    assert "\ndescription: " in text


@pytest.mark.parametrize("name", GENERATED)
def test_a_sample_is_what_its_partner_sends_byte_for_byte(name: str):
    """A checkout that changes line ends, or an editor that drops a byte order mark, is found here."""
    assert (SAMPLES / name).read_bytes() == GENERATED[name]


def test_no_sample_lies_about_unused():
    cases = "".join(path.read_text(encoding="utf-8") for path in find(ROOT))

    assert [path.name for path in SAMPLES.iterdir() if f"samples/{path.name}" not in cases] == []
