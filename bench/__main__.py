"""Runs benchmarks and prints what they found.

    python -m bench [relay] [webhooks] [intake] [files] [validate] [edi] [edifact]
                    [--peers-large] [--json FILE] [--markdown FILE] [--quick]

Without names all are run. Exit code 1 if one of them found something lost, doubled or above its limit.
"""

from __future__ import annotations

import argparse
import importlib
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
_EDI = {"edi": "bench.edi", "edifact": "bench.edifact"}
_NAMES = (*_MODULES, *_EDI)


def main() -> int:
    """Run what was asked for."""
    given = _arguments()
    reports: list[Report] = []
    where = machine.description()  # before we make it busy ourselves
    print(f"{where}\n", flush=True)
    for name in given.names or _NAMES:
        reports.append(_run(name, given.quick, given.peers_large))
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
    parser.add_argument(
        "--peers-large",
        action="store_true",
        help="edi also beside a peer at 100 MB, where its time grows with the square: minutes",
    )
    return parser.parse_args()


def _name(text: str) -> str:
    if text not in _NAMES:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(_NAMES)}")
    return text


def _run(name: str, quick: bool, peers_large: bool) -> Report:
    """Run one; that it cannot be run is a finding, too."""
    try:
        if name in _EDI:
            return _edi(name, quick, peers_large)
        work: Callable[[bool], Report] = importlib.import_module(_MODULES[name]).run
        return work(quick)
    except Exception as error:  # the other benchmarks are worth having all the same
        traceback.print_exc()
        return Report(
            name, "could not be run", ["reason"], [[str(error).splitlines()[0]]], faults=[type(error).__name__]
        )


def _edi(name: str, quick: bool, peers_large: bool) -> Report:
    """Read and write a dialect of EDI side by side with its limit, then look at the memory that a reader takes."""
    rounds = importlib.import_module("bench.edi_rounds")
    bench = importlib.import_module(_EDI[name]).BENCH
    megabytes, times, memory = (0.2, 1, rounds.QUICK) if quick else (10.0, 5, rounds.MEMORY)
    contestants = bench.contestants(megabytes)
    found = rounds.measure(contestants, times)
    title = f"{bench.title}, {megabytes:g} MB, {times} rounds, processor time"
    report = Report(name, title, ["part", "MB/s", "x limit", "goal"], rounds.rows(found, contestants))
    report.notes += rounds.compared(bench, found, bench.beside, f"{megabytes:g} MB")
    report.figures = dict(found)
    if peers_large and bench.large:
        report.figures["large"] = more = rounds.large(bench, rounds.QUICK if quick else rounds.LARGE)
        report.notes += rounds.compared(bench, more, bench.large, f"{rounds.QUICK if quick else rounds.LARGE:g} MB")
    report.figures["memory"] = peaks = rounds.peaks(bench, memory)
    report.notes += [
        f"Peak memory at {memory:g} MB, {kind}: {row['peak_mb']:.1f} MB, {row['added_mb']:.1f} MB of it above the start"
        " (goal: at most 64)"
        for kind, row in peaks.items()
    ]
    return report


def _figures(where: str, reports: list[Report]) -> dict[str, object]:
    found = {report.name: {"figures": report.figures, "faults": report.faults} for report in reports}
    return {"machine": where, **found}


if __name__ == "__main__":
    sys.exit(main())
