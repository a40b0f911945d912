"""Small promises of the command line: units in the environment, errors first, a log of its own for every worker."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from esb.cli import run
from esb.cli.options import settings_of, typed
from esb.errors import UsageError
from esb.settings import Settings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("drain", "30s", 30.0),
        ("drain", "2m", 120.0),
        ("drain", "20", 20.0),
        ("history", "30d", 30 * 86400.0),
        ("log_size", "10MB", 10**7),
    ],
)
def test_settings_of_the_environment_carry_units(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str, value: float
) -> None:
    monkeypatch.setenv(f"ESB_{name.upper()}", text)

    assert getattr(settings_of(tmp_path), name) == value


def test_a_setting_without_a_sense_names_its_variable_and_what_to_write() -> None:
    with pytest.raises(UsageError, match=r"ESB_DRAIN: 'soon' is not a duration; write a number with a unit: 30s"):
        typed({"ESB_DRAIN": "soon"})


def test_errors_are_told_before_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "endpoints").mkdir()
    (tmp_path / "routes").mkdir()
    (tmp_path / "esb.yaml").write_text("name: x\n")
    (tmp_path / "endpoints/a.yaml").write_text("type: file\ndirectory: var/a\n")
    (tmp_path / "endpoints/unused.yaml").write_text("type: file\ndirectory: var/unused\n")
    (tmp_path / "routes/z.yaml").write_text("description: z\nfrom: { endpoint: nowhere }\nsteps:\n  - to: a\n")

    run(["validate", "-C", str(tmp_path)])

    kinds = re.findall(r"^(error|warning)\[", capsys.readouterr().out, re.MULTILINE)
    assert kinds == sorted(kinds)
    assert set(kinds) == {"error", "warning"}


def test_every_worker_logs_into_a_file_of_its_own() -> None:
    line_of = import_module("esb.cli.run")._line
    settings = Settings(log_file="var/log/esb.log")

    files = [line[line.index("--log-file") + 1] for line in (line_of(settings, ("router",), n) for n in (1, 2))]

    assert files == ["var/log/esb-1.log", "var/log/esb-2.log"]
    assert "--log-file" not in line_of(Settings(), ("router",), 1)


def test_one_of_something_is_not_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "endpoints").mkdir()
    (tmp_path / "routes").mkdir()
    (tmp_path / "esb.yaml").write_text("defaults: { owner: desk }\n")
    (tmp_path / "endpoints/a.yaml").write_text("type: file\ndirectory: var/a\n")
    (tmp_path / "routes/z.yaml").write_text("description: z\nfrom: { endpoint: a }\nsteps:\n  - log: { text: hello }\n")

    run(["doctor", "-C", str(tmp_path)])

    assert "1 route, 1 way in, 0 ways out" in capsys.readouterr().out
