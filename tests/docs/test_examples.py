"""The documentation is true: every example runs, every link leads somewhere, every flag exists, no table is stale."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from docs import code_tables
from docs.blocks import blocks, commands, matches
from docs.examples import ROOT, run_page
from docs.generate import fresh, pages
from esb.cli import build
from esb.routes.parts import ENDPOINTS, FORMATS, TRANSFORMS
from esb.steps import STEPS

PAGES = list(pages())
ELSEWHERE = {"testing.md", "performance.md"}
"""Pages whose examples are run by tests of their own."""
OTHERS = {"--no-install-recommends", "--env-file", "--build", "--data-binary", "--seed"}
"""Flags of other programs that the pages show."""

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def names(page: Path) -> str:
    return page.name


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in ELSEWHERE], ids=names)
def test_every_example_does_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    faults = run_page(page, tmp_path.resolve())

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_generated_table_is_what_the_code_says(page: Path) -> None:
    text = page.read_text("utf-8")

    assert fresh(text) == text, "run: python -m docs.generate"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in _LINK.findall(page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            wrong.append(link)

    assert not wrong


def flags() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"": {"--help", "--version", "--install-completion", "--show-completion"}}
    for name, command in typer.main.get_command(build([])).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {"": command})
        found[name] = {opt for one in inner.values() for param in one.params for opt in param.opts} | {"--help"}
    return found


def written(text: str) -> Iterator[tuple[str, str]]:
    """Yield each flag in code with the verb of the `esb` command that it stands in, or an empty text."""
    for code in re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL):
        for line in code.splitlines():
            verb = re.search(r"\besb(?:\.cli)? (\w+)", line)
            yield from ((verb[1] if verb else "", flag) for flag in _FLAG.findall(line))


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_flag_that_is_named_exists(page: Path) -> None:
    known = flags()
    everywhere = set().union(*known.values()) | OTHERS | {"--check"}
    wrong = {
        (verb, flag)
        for verb, flag in written(page.read_text("utf-8"))
        if flag not in everywhere or (verb in known and verb and flag not in known[verb] | OTHERS)
    }

    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_no_page_names_a_folder_of_the_machine_it_was_written_on(page: Path) -> None:
    found = re.findall(r"(?:/work|/home|/root|/tmp)/\S*", page.read_text("utf-8"))

    assert not found


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    missing = [page.name for page in PAGES if page.name not in ("README.md", "index.md") and page.name not in index]

    assert not missing


def test_an_ellipsis_alone_stands_for_any_lines_and_within_a_line_for_any_text() -> None:
    printed = "a 1\nb\nc\nd 22 e\n"

    assert matches("a 1\n…\nd … e\n", printed)
    assert not matches("a 1\nd … e\n", printed)


def test_a_console_block_is_commands_with_what_they_print(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console exit=1\n$ one \\\n    two\nout\n$ three\n```\n")
    (block,) = blocks(page)

    assert list(commands(block)) == [("one  two", "out\n"), ("three", "")]
    assert block.options == {"exit": "1"}


def test_every_test_that_is_named_as_evidence_exists() -> None:
    text = (ROOT / "docs/reliability.md").read_text("utf-8")
    named = re.findall(r"\[(test_\w+)\]\(\.\./([\w/.]+)\)", text)
    missing = [name for name, path in named if f"def {name}(" not in (ROOT / path).read_text("utf-8")]

    assert named
    assert not missing


def test_the_notice_names_every_package_that_is_installed_with_us() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.split(r"[\[<>=]", each)[0] for each in project["dependencies"]}
    listed = set(re.findall(r"^  (\S+) ", (ROOT / "NOTICE").read_text("utf-8"), re.MULTILINE))

    assert needed <= listed


def test_every_part_has_its_table() -> None:
    pages_ = "".join(page.read_text("utf-8") for page in PAGES)
    parts = [f"step.{spec.verb}" for spec in STEPS]
    parts += [f"endpoint.{name}" for name in ENDPOINTS]
    parts += [f"format.{name}" for name in FORMATS] + [f"transform.{name}" for name in TRANSFORMS]
    missing = [part for part in parts if f"<!-- generated: spec {part} -->" not in pages_]
    verbs = [name for name, _ in code_tables.every_command()]
    missing += [verb for verb in verbs if f"<!-- generated: command {verb.replace(' ', '.')} -->" not in pages_]

    assert not missing
