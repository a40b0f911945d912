"""The examples of docs/testing.md: its files make a project, and its commands print what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from esb.cli import run
from esb.testing.route_test import run_cases

PAGE = Path(__file__).parents[2].joinpath("docs/testing.md").read_text()
FILES = dict(re.findall(r"^```(?:yaml|json)\n# (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^```console\n\$ esb (.*?)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_of_the_page_prints_what_the_page_says(command, shown, capsys):
    run(shlex.split(command))

    assert capsys.readouterr().out == shown


def test_the_way_from_pytest_works(project):
    report = run_cases(project=project)

    assert report.passed, report.text()
