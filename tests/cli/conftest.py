from __future__ import annotations

from pathlib import Path

import pytest

from esb.testing.command_line import CommandLine


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """`esb edi` in a folder that is no project."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys, before=("edi",))
