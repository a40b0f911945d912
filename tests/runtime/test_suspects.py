from __future__ import annotations

from pathlib import Path

from esb.runtime.suspects import Suspects


def test_a_message_that_died_alone_three_times_is_guilty(tmp_path: Path):
    for _ in range(3):
        worker = Suspects(tmp_path)
        assert not worker.guilty("culprit")
        worker.begin("culprit")

    assert Suspects(tmp_path).guilty("culprit")
    assert not Suspects(tmp_path).guilty("bystander")


def test_a_message_that_lived_is_no_suspect_any_more(tmp_path: Path):
    suspects = Suspects(tmp_path, most=2)
    suspects.begin("unlucky")
    suspects.clear("unlucky")
    suspects.begin("unlucky")

    assert not suspects.guilty("unlucky")


def test_a_hostile_id_stays_in_the_folder(tmp_path: Path):
    folder = tmp_path / "marks"
    Suspects(folder).begin("../../escape")

    assert [path.parent for path in tmp_path.rglob("*.json")] == [folder]


def test_a_torn_mark_counts_as_none(tmp_path: Path):
    suspects = Suspects(tmp_path)
    suspects.begin("m")
    next(tmp_path.glob("*.json")).write_text('{"cou')

    assert not suspects.guilty("m")


def test_a_process_knows_who_was_under_suspicion_when_it_began(tmp_path: Path):
    first = Suspects(tmp_path)
    first.begin("culprit")

    assert not first.known("culprit")
    assert Suspects(tmp_path).known("culprit")
    assert not Suspects(tmp_path).known("bystander")
