from hypothesis import given
from hypothesis import strategies as st

from esb.endpoints.polling.files import Entry
from esb.endpoints.polling.names import name_fault, path_fault, shown, with_suffix
from esb.endpoints.polling.readiness import Readiness, ReadyRule


def test_names_get_their_suffix_before_the_extension():
    table = {"a.edi": "a-1f.edi", "a": "a-1f", "in/a.b.csv": "in/a.b-1f.csv", "in.d/a": "in.d/a-1f", ".a": ".a-1f"}

    assert {name: with_suffix(name, "1f") for name in table} == table


@given(st.text(max_size=300))
def test_a_name_without_fault_is_one_path_component_and_nothing_else(name):
    if not name_fault(name):
        assert "/" not in name
        assert "\0" not in name
        assert name not in {"", ".", ".."}
        assert len(name.encode()) <= 200
    assert shown(name).isascii()
    assert shown(name).isprintable()


def test_paths_are_judged_by_each_of_their_parts():
    assert path_fault("a/b.csv") == ""
    for path in ("", "/a", "a//b", "../a", "a/../b", "a/.", "a\\b", "a\nb"):
        assert path_fault(path), path


def test_a_copy_with_an_old_time_must_hold_still_as_long_as_any_other_file():
    readiness = Readiness(ReadyRule(unchanged_for=2.0))
    old = [Entry("a.edi", 5, 1)]

    looks = [readiness.look(old, now) for now in (100.0, 101.0, 102.0)]

    assert looks == [[], [], old]


def test_a_change_starts_the_wait_anew():
    readiness = Readiness(ReadyRule(unchanged_for=2.0))
    readiness.look([Entry("a.edi", 5, 1)], 100.0)
    grown = [Entry("a.edi", 9, 1)]

    assert readiness.look(grown, 102.0) == []
    assert readiness.look(grown, 103.9) == []
    assert readiness.look(grown, 104.0) == grown


def test_a_clock_that_was_set_back_does_not_keep_a_file_waiting():
    readiness = Readiness(ReadyRule(unchanged_for=2.0))
    files = [Entry("a.edi", 5, 1)]
    readiness.look(files, 10_000.0)

    assert readiness.look(files, 100.0) == []
    assert readiness.look(files, 102.0) == files


def test_a_name_that_was_gone_in_between_is_seen_for_the_first_time_again():
    readiness = Readiness(ReadyRule(unchanged_for=2.0))
    files = [Entry("a.edi", 5, 1)]
    readiness.look(files, 100.0)
    readiness.look([], 101.0)

    assert readiness.look(files, 102.0) == []


def test_markers_are_no_files_of_their_own_and_an_orphan_marks_nothing():
    readiness = Readiness(ReadyRule(marker="{name}.done"))
    listing = [Entry("a.edi", 5, 1), Entry("a.edi.done", 0, 1), Entry("b.edi.done", 0, 1), Entry("c.edi", 5, 1)]

    ready = readiness.look(listing, 100.0)

    assert [entry.path for entry in ready] == ["a.edi"]
