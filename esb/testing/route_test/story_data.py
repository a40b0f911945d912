"""Story data: what happened to each document, as plain data (`--json`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esb.envelope import encode_document
from esb.errors import EsbError
from esb.message import BusinessKey, Message
from esb.testing.route_test.answering import question
from esb.testing.route_test.bench import Happened
from esb.testing.route_test.running import Failed, Ran, kind_of
from esb.testing.route_test.watching import Passage


def as_data(happened: Happened) -> dict[str, Any]:
    """Return everything that happened as data that JSON can hold; bytes are shown as text."""
    return {
        "documents": [_ran_data(ran) for ran in happened.ran],
        "bad": happened.bad,
        "acknowledgments": [{"to": to, "body": raw.decode(errors="replace")} for to, raw in happened.acknowledgments],
    }


def _ran_data(ran: Ran) -> dict[str, Any]:
    result = ran.result
    return {
        "id": ran.message.id,
        "format": ran.message.format,
        "body": _plain(ran.message.body),
        "keys": _key_data(ran.business_keys()),
        "steps": [_passage_data(passage) for passage in ran.passages],
        "sends": [
            {
                "to": send.to,
                "step": send.step,
                "format": send.message.format,
                "headers": dict(send.message.headers),
                "keys": _key_data(send.message.keys),
                "body": _plain(send.message.body),
            }
            for send in result.sends
        ],
        "parked": [{"place": each.place, "reason": each.reason, "step": each.step} for each in result.parks],
        "ended": [{"outcome": each.outcome, "reason": each.reason, "step": each.step} for each in result.ends],
        "notes": [{"step": each.step, "text": each.text, "level": each.level} for each in result.notes],
        "failure": _failed_data(ran.failed),
        "missing_answer": ran.missing or None,
    }


def _failed_data(failed: Failed | None) -> dict[str, Any] | None:
    if failed is None:
        return None
    return {
        "step": failed.step,
        "class": failed.failure_class,
        "text": failed.text,
        "verdict": kind_of(failed.verdict),
        "sentence": failed.sentence,
    }


def _passage_data(passage: Passage) -> dict[str, Any]:
    messages = [item for item in passage.outputs or () if isinstance(item, Message)]
    return {
        "path": passage.path,
        "passed": passage.outputs is not None,
        "asks": [
            {
                "question": question(asked.ask),
                "answered": not asked.open,
                "answer": _plain(asked.answer),
                "failure": None if asked.failure is None else str(asked.failure),
            }
            for asked in passage.asked
        ],
        "after": [_plain(message.body) for message in messages],
    }


def _key_data(keys: Sequence[BusinessKey]) -> Mapping[str, str]:
    return {key.kind: key.value for key in keys}


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: bytes as text, what it cannot hold as its description."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    try:
        encode_document(value)
    except (EsbError, TypeError, ValueError, RecursionError):
        return repr(value)
    return value
