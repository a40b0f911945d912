"""Runs benchmarks and prints what they found.

    python -m bench [relay] [webhooks] [intake] [files] [validate] [edi] [--json FILE] [--markdown FILE] [--quick]

Without names all are run. Exit code 1 if one of them found something lost, doubled or above its limit.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from bench import machine
from bench.report import Report

_MODULES = {
    "relay": "bench.relay.measure",
    "webhooks": "bench.webhooks.runs",
    "intake": "bench.webhooks.beside",
    "files": "bench.files.measure",
    "validate": "bench.validate.measure",
}
_NAMES = (*_MODULES, "edi")


def main() -> int:
    """Run what was asked for."""
    given = _arguments()
    reports: list[Report] = []
    where = machine.description()  # before we make it busy ourselves
    print(f"{where}\n", flush=True)
    for name in given.names or [*_MODULES, *(["edi"] if _has_edi() else [])]:
        reports.append(_run(name, given.quick))
        print(reports[-1].text(), end="\n\n", flush=True)
    if given.json:
        given.json.write_text(json.dumps(_figures(where, reports), indent=2) + "\n")
    if given.markdown:
        texts = [f"Measured on {where}.", *(report.text() for report in reports)]
        given.markdown.write_text("\n\n".join(texts) + "\n")
    return 1 if any(report.faults for report in reports) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", type=_name, metavar="NAME", help=f"what to run: {', '.join(_NAMES)}; or all"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to this file")
    parser.add_argument("--quick", action="store_true", help="small amounts: shows that it works, not how fast it is")
    return parser.parse_args()


def _name(text: str) -> str:
    if text not in _NAMES:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(_NAMES)}")
    return text


def _run(name: str, quick: bool) -> Report:
    """Run one; that it cannot be run is a finding, too."""
    work: Callable[[bool], Report] = _edi if name == "edi" else importlib.import_module(_MODULES[name]).run
    try:
        return work(quick)
    except Exception as error:  # the other benchmarks are worth having all the same
        traceback.print_exc()
        return Report(
            name, "could not be run", ["reason"], [[str(error).splitlines()[0]]], faults=[type(error).__name__]
        )


def _has_edi() -> bool:
    return importlib.util.find_spec("bench.edi") is not None


def _edi(quick: bool) -> Report:
    """Read X12 side by side with its limit."""
    module = importlib.import_module("bench.edi")
    megabytes, rounds = (0.2, 1) if quick else (10.0, 5)
    found = module.measure(megabytes, rounds)
    report = Report("edi", f"X12 850, {megabytes:g} MB, {rounds} rounds, processor time", ["part", "MB/s", "x limit"])
    report.rows = [[name, f"{row['mb_per_s']:.1f}", f"{row['times_limit']:.1f}"] for name, row in found.items()]
    report.figures = found
    return report


def _figures(where: str, reports: list[Report]) -> dict[str, object]:
    found = {report.name: {"figures": report.figures, "faults": report.faults} for report in reports}
    return {"machine": where, **found}


if __name__ == "__main__":
    sys.exit(main())
