"""Values: between documents and columns. A document has texts and decimals, a column dates, keys and bytes. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, LargeBinary, Numeric, String, null
from sqlalchemy.types import JSON, TypeEngine

from esb.envelope import decode_document, encode_document
from esb.errors import RejectedError

_TRUE: Final = {"true": True, "false": False}


def document_of(value: Any) -> Any:
    """Return what a column's value is in a document: times as ISO 8601, numbers exact, bytes as base64."""
    if value is None or isinstance(value, str | bool | int | Decimal):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return Decimal(str(value.total_seconds()))
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(bytes(value)).decode()
    if isinstance(value, Mapping):
        return {str(key): document_of(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [document_of(inner) for inner in value]
    return str(value)


def column_of(value: Any, kind: TypeEngine[Any], name: str) -> Any:
    """Return what a document's value is for a column of this type.

    Raises:
        RejectedError: It is not one; says which column and what it needs.
    """
    if value is None:
        return null()  # for JSON columns, too: there a plain None would become the JSON null
    if isinstance(kind, JSON):
        return decode_document(value) if isinstance(value, bytes) else value
    try:
        wanted = kind.python_type
    except RuntimeError:  # a type for which the client knows no kind of value: the driver decides
        wanted = type(value)
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return value
    read = _READERS.get(wanted)
    try:
        if read is not None:
            return read(value)
    except (ValueError, TypeError, AttributeError, InvalidOperation):
        pass
    raise RejectedError(f"column {name} needs {_NAMES.get(wanted, wanted.__name__)}, not {str(value)[:80]!r}")


def parameter_type(value: Any) -> TypeEngine[Any]:
    """Return the type that a value is bound with where no column says it."""
    if isinstance(value, bool):
        return Boolean()
    if isinstance(value, int):
        return BigInteger()
    if isinstance(value, Decimal):
        return Numeric()
    if isinstance(value, bytes):
        return LargeBinary()
    if isinstance(value, datetime):
        return DateTime(timezone=value.tzinfo is not None)
    return String()


def parameter_of(value: Any) -> Any:
    """Return a value as it is bound where no column says how: documents as JSON text."""
    return encode_document(value).decode() if isinstance(value, dict | list) else value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict | list):
        return encode_document(value).decode()
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    raise TypeError


def _whole(value: Any) -> int:
    number = Decimal(value) if isinstance(value, str | Decimal) else None
    if number is None or number != number.to_integral_value():
        raise ValueError
    return int(number)


def _number(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise TypeError
    found = Decimal(value)
    if not found.is_finite():
        raise ValueError
    return found


def _truth(value: Any) -> bool:
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    found = _TRUE.get(value.lower())
    if found is None:
        raise ValueError
    return found


_READERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    str: _text,
    bytes: _bytes,
    int: _whole,
    Decimal: _number,
    float: lambda value: float(_number(value)),
    bool: _truth,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    UUID: UUID,
}
_NAMES: Final = {
    str: "a text",
    bytes: "bytes",
    int: "a whole number",
    Decimal: "a number",
    float: "a number",
    bool: "true or false",
    datetime: "a time (2026-01-31T09:30:00+01:00)",
    date: "a date (2026-01-31)",
    time: "a time of day (09:30:00)",
    UUID: "a UUID",
}
