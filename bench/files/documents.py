"""Generators of large files: X12 850 and CSV with as many orders as fit, all numbers different."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

X12_LINES, CSV_LINES = 45, 55
"""Lines of an order: with these, an order takes about 4 KB and 200 MB hold a little over 50,000."""

_ISA = b"ISA*00*          *00*          *ZZ*ACME           *ZZ*HOUSE          *260302*0930*U*00401*000000101*0*P*>~\n"


def x12(path: Path, size: int) -> list[str]:
    """Write one interchange of 850s of at least `size` bytes and return the order numbers."""
    numbers: list[str] = []
    with path.open("wb") as file:
        file.write(_ISA + b"GS*PO*ACME*HOUSE*20260302*0930*7*X*004010~\n")
        while file.tell() < size:
            numbers.append(f"PO{len(numbers) + 1:07d}")
            file.write(_transaction(len(numbers), numbers[-1]))
        file.write(b"GE*%d*7~\nIEA*1*000000101~\n" % len(numbers))
    return numbers


def _transaction(number: int, order: str) -> bytes:
    control = f"{number:09d}"
    segments = [
        f"ST*850*{control}",
        f"BEG*00*SA*{order}**20260302",
        "CUR*BY*USD",
        "REF*WH*MAIN",
        "DTM*002*20260309",
        f"N1*BT*ACME RETAIL*92*C-{number % 500:04d}",
        f"N1*ST*ACME STORE {number % 90}*92*{number % 10000:04d}",
        "N3*1 MAIN STREET",
        "N4*SPRINGFIELD*IL*62701*US",
    ]
    for at, (sku, quantity, price) in enumerate(_lines(number, X12_LINES), 1):
        segments.append(f"PO1*{at}*{quantity}*EA*{price}**VN*{sku}")
        segments.append(f"PID*F****HEX BOLT M{at} ZINC PLATED, BOX OF 100, {sku}")
    segments += [f"CTT*{X12_LINES}", f"SE*{len(segments) + 2}*{control}"]
    return ("~\n".join(segments) + "~\n").encode("ascii")


def csv(path: Path, size: int) -> list[str]:
    """Write a CSV of at least `size` bytes, the rows of an order together, and return the order numbers."""
    numbers: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("order_no,customer,name,street,city,zip,country,sku,qty,price\r\n")
        written = 0
        while written < size:
            numbers.append(f"PO{len(numbers) + 1:07d}")
            written += file.write("".join(_rows(len(numbers), numbers[-1])))
    return numbers


def _rows(number: int, order: str) -> Iterator[str]:
    place = f'C-{number % 500:04d},"Baker, Sons",2 Elm Street,Oslo,0024,NO'
    for sku, quantity, price in _lines(number, CSV_LINES):
        yield f"{order},{place},{sku},{quantity},{price}\r\n"


def _lines(number: int, count: int) -> Iterator[tuple[str, int, str]]:
    for line in range(1, count + 1):
        yield f"{(number * 7 + line) % 90000:05d}", 1 + (number + line) % 9, f"{5 + (number * line) % 90}.{line % 10}5"
