"""Checking at the door whether a body can be read, so that its sender hears of a slip at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from esb.edge import Part
from esb.endpoints.http_in.problems import Refusal
from esb.envelope import decode_document
from esb.errors import FormatError, MessageError
from esb.ports import Contract, Reader

OnInvalid: TypeAlias = Literal["refuse", "accept"]
MakeReader: TypeAlias = Callable[[], Reader]

_CHUNK = 64 * 1024
_MOST_FINDINGS = 20
_LONGEST = 300
_BYTE = re.compile(r"\(byte (\d{1,15})\)")


def check(
    body: bytes, reader: MakeReader | None, strict: bool, contract: Contract | None = None
) -> Sequence[Part] | None:
    """Return what the reader cut out of a body that can be read. Without a reader it is taken for one JSON document.

    `strict`: one bad part refuses the whole body; otherwise only a body with nothing good in it is refused. Documents
    that can be read must keep the contract, if there is one.

    Raises:
        Refusal: 400 with what is wrong and where (line, offset); 422 with the places that break the contract.
    """
    parts = None if reader is None else _check_parts(body, reader, strict)
    documents = [_check_json(body)] if parts is None else [part.body for part in parts if not part.error]
    if contract is not None:
        _check_contract(documents, contract)
    return parts


def _check_parts(body: bytes, reader: MakeReader, strict: bool) -> list[Part]:
    try:
        parts = _parts(body, reader())
    except MessageError as error:
        raise _refusal([{"detail": str(error)[:_LONGEST]}]) from error
    bad = [part for part in parts if part.error]
    if bad and (strict or len(bad) == len(parts)):
        raise _refusal([found for part in bad for found in _findings(part)][:_MOST_FINDINGS])
    return parts


def _check_contract(documents: Sequence[Any], contract: Contract) -> None:
    found: list[Mapping[str, Any]] = []
    for number, document in enumerate(documents, 1):
        which = {"document": number} if len(documents) > 1 else {}
        findings = [finding for finding in contract(document) if finding.severity == "error"]
        found += [{**which, "where": each.where, "detail": each.text[:_LONGEST]} for each in findings]
        if len(found) >= _MOST_FINDINGS:
            break
    if found:
        detail = f"The body breaks its contract: {found[0]['detail']}"
        raise Refusal(422, "contract", detail, errors=found[:_MOST_FINDINGS])


def _parts(body: bytes, reader: Reader) -> list[Part]:
    parts: list[Part] = []
    for start in range(0, len(body), _CHUNK):
        parts += reader.feed(body[start : start + _CHUNK])
    parts += reader.end()
    return [part for part in parts if not part.acknowledgment]


def _findings(part: Part) -> Sequence[Mapping[str, Any]]:
    found = [
        {
            "code": finding.code,
            "detail": finding.text[:_LONGEST],
            **({"line": finding.line} if finding.line else {}),
            **({"where": finding.where} if finding.where else {}),
            "offset": finding.offset,
        }
        for finding in part.findings
        if finding.severity == "error"
    ]
    return found or [{"detail": part.error[:_LONGEST]}]


def _check_json(body: bytes) -> Any:
    plain = body.removeprefix(b"\xef\xbb\xbf")
    try:
        return decode_document(plain)
    except FormatError as error:
        found: dict[str, Any] = {"detail": str(error)[:_LONGEST]}
        if at := _BYTE.search(str(error)):
            before = plain[: int(at.group(1))]
            found["line"] = before.count(b"\n") + 1
            found["column"] = len(before) - before.rfind(b"\n")
        raise _refusal([found]) from error


def _refusal(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    first = errors[0]
    at = f" (line {first['line']})" if "line" in first else ""
    at = f" (line {first['line']}, column {first['column']})" if "column" in first else at
    return Refusal(400, "not-parseable", f"The body cannot be read: {first['detail']}{at}", errors=errors)
