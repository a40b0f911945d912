"""The page about reliability names a test for every fault, and every test that it names exists where it says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
_NAMED = re.compile(r"\[([a-z0-9_]+)\]\((\.\./(?:tests|esb/testing)/[a-z0-9_/]+\.py)\)")
_SECTIONS = ("Webhooks and calls come in", "Files are taken", "Messages are delivered", "Other systems")


def section(title: str) -> str:
    return PAGE.read_text("utf-8").partition(f"### {title}\n")[2].partition("\n#")[0]


def rows(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


NAMED = sorted(set(_NAMED.findall(PAGE.read_text("utf-8"))))


@pytest.mark.parametrize(("name", "path"), NAMED, ids=[f"{path}:{name}" for name, path in NAMED])
def test_a_test_that_the_page_names_exists(name: str, path: str) -> None:
    source = (PAGE.parent / path).read_text("utf-8")

    assert re.search(rf"^ *(async )?def {name}\(", source, re.MULTILINE), f"{path} has no {name}"


@pytest.mark.parametrize("title", _SECTIONS)
def test_every_fault_has_a_test_or_does_not_apply(title: str) -> None:
    found = rows(title)

    bare = [row[0] for row in found if not _NAMED.search(row[-1]) and "does not apply" not in row[1]]
    assert len(found) > 10
    assert bare == []
