from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from esb.records import IntakeKey
from esb.stores.intake_keys import Kept, plan_advance, plan_reserve

KEYS = st.builds(
    lambda key, digest, at: IntakeKey("in", key, digest, f"{key}{digest}", at, 10.0),
    st.sampled_from("ab"),
    st.sampled_from("xy"),
    st.floats(0, 40),
)


@given(st.lists(KEYS, max_size=8))
def test_a_plan_for_many_keys_is_the_plan_for_each_in_turn(keys: list[IntakeKey]):
    together, changed = plan_reserve({}, keys)

    rows: dict[str, Kept] = {}
    single = []
    for key in keys:
        (answer,), moved = plan_reserve(rows, [key])
        rows.update(moved)
        single.append(answer)
    assert together == single
    assert changed == rows


@given(st.lists(KEYS, min_size=1, max_size=4), st.lists(st.tuples(KEYS, st.integers(0, 9), st.booleans()), max_size=6))
def test_positions_only_grow_and_published_is_final(
    keys: list[IntakeKey], positions: list[tuple[IntakeKey, int, bool]]
):
    _, rows = plan_reserve({}, keys)

    for position in positions:
        moved = plan_advance(rows, [position])
        for name, row in moved.items():
            assert row.position >= rows[name].position
            assert row.state == "published" or rows[name].state == "reserved"
            assert row.digest == position[0].digest
        rows.update(moved)
