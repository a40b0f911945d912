"""Tables: for people on a terminal of any width, and for programs behind a pipe."""

from __future__ import annotations

import re

import pytest

from esb.cli.output import table

COLUMNS = ("id", "since", "class", "place", "owner", "keys", "reason")
REASON = "csv: line 3: it has 2 values for 5 columns; is there a ';' too many, or a quote missing?"
ROW = ("6af99068bb5a", "2026-11-21 10:32:21 UTC", "invalid", "intake/acme-csv", "order-desk", "", REASON)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return what a terminal of this width shows of the row."""

    def on(width: int, row: tuple[str, ...] = ROW) -> str:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(width))
        table(COLUMNS, [row], "reason")
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)

    return on


def test_a_narrow_terminal_gets_the_sentence_below_its_row(printed):
    shown = printed(80).splitlines()

    assert shown[0].split() == ["id", "since", "class", "place", "owner"]
    assert shown[1] == "6af99068bb5a  2026-11-21 10:32:21 UTC  invalid  intake/acme-csv  order-desk"
    assert " ".join(line.strip() for line in shown[2:]) == REASON
    assert max(map(len, shown)) <= 80


def test_a_wide_terminal_gets_a_table(printed):
    header, row = printed(200).splitlines()

    assert header.split() == list(COLUMNS)
    assert row.rstrip().endswith(REASON)


@pytest.mark.parametrize("width", [40, 80, 120, 160])
def test_an_id_is_never_cut(printed, width):
    assert "6af99068bb5a" in printed(width)


def test_what_looks_like_markup_is_shown_as_it_is(printed):
    assert "[bold]x[/]" in printed(60, (*ROW[:-1], "[bold]x[/]"))


def test_a_pipe_gets_tabs(capsys):
    table(COLUMNS, [ROW], "reason")

    assert capsys.readouterr().out == "\t".join(ROW) + "\n"
