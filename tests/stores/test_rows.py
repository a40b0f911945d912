from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import aiosqlite

from esb.stores import answers, held_keys, intake_keys, journal, ledger, retention, upgrade
from esb.stores.rows import clean, fold, name_of
from esb.stores.sqlite import connect

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANY_TEXT)
def test_clean_text_can_be_stored_and_good_text_is_left_as_it_is(text: str):
    cleaned = clean(text)

    assert "\0" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert clean(cleaned) == cleaned
    if "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert cleaned == text


@given(st.lists(ANY_TEXT, max_size=3), st.lists(ANY_TEXT, max_size=3))
def test_different_parts_have_different_names(left: list[str], right: list[str]):
    assert (name_of(*left) == name_of(*right)) == (left == right)


@given(ANY_TEXT)
def test_folding_fits_an_index_entry(text: str):
    assert len(fold(text * 50).encode()) <= 800


STATEMENTS = {
    "answers": answers._select,
    "claim": held_keys._select,
    "confirm": held_keys._confirm,
    "free": held_keys._free,
    "reserve": intake_keys._select,
    "ledger": ledger._select,
    "messages": journal._of_messages,
    "family": journal._of_family,
    "taken": journal._taken,
    "carriers": journal._carriers.limit(5),
    "intakes": journal._intakes.limit(5),
    **{f"expired {number}": query for number, query in enumerate(retention.expired(1.0)[:-1])},
    **{f"historical {number}": query for number, query in enumerate(retention.historical(1.0))},
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_statement_reads_a_table_of_sqlite_from_end_to_end(tmp_path: Path, name: str):
    await upgrade(f"sqlite:{tmp_path / 'store.db'}")
    options = {"render_postcompile": True}
    text = str(STATEMENTS[name].compile(dialect=aiosqlite.dialect(), compile_kwargs=options))
    connection = connect(tmp_path / "store.db")

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", ("[]",) * text.count("?"))]

    connection.close()
    assert plan
    assert [step for step in plan if step.startswith("SCAN esb_")] == []
