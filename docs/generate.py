"""Write the reference tables of the documentation from the code: `python -m docs.generate` (`--check` changes nothing).

A page holds `<!-- generated: WHAT NAME -->` … `<!-- end -->`; what stands between is made here and never by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from docs import code_tables
from docs.spec_tables import spec_table

PAGES = Path(__file__).parent
_BLOCK = re.compile(r"(<!-- generated: ([\w-]+)(?: ([\w.-]+))? -->\n).*?(<!-- end -->)", re.DOTALL)

MAKERS: dict[str, Callable[[str], str]] = {
    "spec": spec_table,
    "filters": code_tables.filters,
    "tests": code_tables.tests,
    "names": code_tables.names,
    "policies": code_tables.policies,
    "settings": code_tables.settings,
    "command": code_tables.command,
    "commands": code_tables.commands,
    "codes": code_tables.codes,
    "metrics": code_tables.metrics,
    "limits": code_tables.limits,
    "guides": code_tables.guides,
    "faults": code_tables.faults,
}
"""What can be generated, by the first word of the marker."""


def pages() -> Iterator[Path]:
    """Yield every page, the README first."""
    yield PAGES.parent / "README.md"
    yield from sorted(PAGES.glob("*.md"))


def fresh(text: str) -> str:
    """Return a page with its generated parts made anew.

    Raises:
        KeyError: A marker asks for what nobody can make.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}{MAKERS[found[2]](found[3] or '').strip()}\n{found[4]}", text)


def stale() -> list[Path]:
    """Return the pages whose generated parts are not what the code says."""
    return [page for page in pages() if fresh(page.read_text("utf-8")) != page.read_text("utf-8")]


def main(arguments: Sequence[str]) -> int:
    """Write the stale pages, or with `--check` only name them and return 1."""
    found: list[Any] = stale()
    for page in found:
        print(page.relative_to(PAGES.parent))
        if "--check" not in arguments:
            page.write_text(fresh(page.read_text("utf-8")), "utf-8")
    return int(bool(found) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
