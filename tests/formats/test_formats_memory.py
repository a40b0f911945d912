"""Memory does not grow with the input: what streams is measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from esb.formats import Csv, Json, X12, Xml
from esb.testing.edi_kit import ISA, order

MEGABYTES = int(sys.argv[2])

def csv_rows():
    yield b"no,sku,qty\\n"
    row = b"".join(b"%d,SKU-%d,%d\\n" % (i // 5, i, i) for i in range(4000))
    for _ in range(MEGABYTES * 1000000 // len(row)):
        yield row

def json_items():
    yield b'{"orders": ['
    item = b",".join(b'{"no": "%d", "lines": [{"sku": "A", "price": 1.50}]}' % i for i in range(1000))
    for n in range(MEGABYTES * 1000000 // len(item)):
        yield (b"," if n else b"") + item
    yield b"]}"

def xml_elements():
    yield b"<orders>"
    item = b"".join(b"<order no='%d'><sku>A</sku></order>" % i for i in range(1000))
    for _ in range(MEGABYTES * 1000000 // len(item)):
        yield item
    yield b"</orders>"

def x12_sets():
    yield (ISA + "~GS*PO*ACME*HOUSE*20261121*0930*7*X*004010~").encode()
    size = count = 0
    while size < MEGABYTES * 1000000:
        count += 1
        made = order("%09d" % count).encode()
        size += len(made)
        yield made
    yield b"GE*%d*7~IEA*1*000000101~" % count

GUIDE = b'''
set: orders
is: orders
records: {H: {fields: [no]}, L: {fields: [sku, {name: qty, type: number}]}, T: {fields: [{name: lines, type: number}]}}
file: {tail: T, checks: [{id: lines, count: documents.lines, equals: tail.lines}]}
body: [H: {use: M, into: .}, L: {max: many, into: lines}]
'''

def flat_orders():
    order = b"H,1\\n" + b"L,SKU,2\\n" * 5
    count = MEGABYTES * 1000000 // len(order)
    for _ in range(count // 1000):
        yield order * 1000
    yield b"T,%d\\n" % (count // 1000 * 5000)

def flat():
    return Csv(guide="flat/orders").build({"schemas/flat/orders.yaml": GUIDE}).reader()

KINDS = {
    "flat": (flat, flat_orders),
    "csv": (lambda: Csv().build({}).reader("row"), csv_rows),
    "csv groups": (lambda: Csv().build({}).reader("no"), csv_rows),
    "json": (lambda: Json().build({}).reader("$.orders[*]"), json_items),
    "xml": (lambda: Xml().build({}).reader("/orders/order"), xml_elements),
    "x12": (lambda: X12(guide="x12/850").build({}).reader("transaction"), x12_sets),
}
make, pieces = KINDS[sys.argv[1]]
reader = make()
warm = None
parts = 0
for number, piece in enumerate(pieces()):
    for part in reader.feed(piece):
        parts += 1
        assert not part.error, part.error
    if warm is None and parts > 2000:
        warm = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for part in reader.end():
    parts += 1
    assert not part.error, part.error
print(parts, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - warm) // 1024)
"""


@pytest.mark.parametrize(("kind", "least", "megabytes"), [
    ("csv", 500_000, 20), ("csv groups", 100_000, 20), ("json", 100_000, 10), ("xml", 100_000, 10), ("x12", 60_000, 20),
    ("flat", 90_000, 5),
])  # fmt: skip
def test_twenty_megabytes_are_read_in_constant_memory(kind: str, least: int, megabytes: int):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, str(megabytes)], capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stderr
    parts, grown = map(int, done.stdout.split())
    assert parts > least
    assert grown < 24, f"{grown} MB more at the end than after the first documents"


def test_one_line_of_ten_megabytes_is_not_kept():
    script = """
import resource
from esb.formats import Csv
reader = Csv().build({}).reader("row")
reader.feed(b"a,b\\n")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
parts = [part for _ in range(160) for part in reader.feed(b"x" * 65536)]
parts += reader.feed(b"\\n1,2\\n")
print(len(parts), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    parts, grown = map(int, done.stdout.split())
    assert parts == 2 and grown < 8
