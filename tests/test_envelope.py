from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.envelope import decode_document, encode_document, pack, restart, unpack
from esb.errors import FormatError
from esb.message import BusinessKey, Message, derive

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=20) | decimals,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def same(left: object, right: object) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right and not isinstance(right, float)


@given(documents)
def test_a_message_comes_out_of_a_packet_as_it_went_in(body: object):
    key = BusinessKey("order", "0010045", "acme")
    message = Message(id=derive("m"), body=body, received=NOW, keys=(key,), headers={"a": "ø"}, generation=2)

    back, at = unpack(pack(message, at="hold"))

    assert at == "hold"
    assert same(body, back.body)
    assert (back.id, back.keys, back.headers, back.received, back.generation) == (
        message.id, message.keys, message.headers, NOW, 2,
    )  # fmt: skip


def test_money_keeps_its_digits():
    raw = b'{"price":12.10,"big":123456789012345678901234567890}'

    assert encode_document(decode_document(raw)) == raw
    assert decode_document(raw)["price"] == Decimal("12.10")


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":1,}', b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_a_format_error(raw: bytes):
    with pytest.raises(FormatError, match="json"):
        decode_document(raw)


def test_a_restart_is_a_first_attempt_and_is_counted():
    packet = pack(Message(id=derive("m"), body={}, received=NOW, release="old"))

    again = restart(restart(packet, generation=1, release="new"))
    message, _ = unpack(again)

    assert (again.attempt, again.headers["restarts"]) == (1, "2")
    assert (message.generation, message.release) == (1, "new")


def test_what_cannot_travel_is_refused_when_it_is_packed():
    with pytest.raises(FormatError, match="cannot travel"):
        pack(Message(id="m", body={"a": object()}, received=NOW))
