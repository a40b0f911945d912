"""esb edi explain: what an acknowledgment says about what we sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from esb.cli.edi_options import called, chooser, known, opened
from esb.cli.options import AsJson
from esb.cli.output import emit, say
from esb.errors import UsageError
from esb.management.edi_files import Resolved, caret, explain, readable

FAULTY, NONE = 1, 65


def command(
    ack: Annotated[str, typer.Argument(help="The file with the 997, 999, TA1 or CONTRL; - reads standard input.")],
    original: Annotated[str, typer.Option("--original", help="What was sent.")],
    json: AsJson = False,
) -> int:
    """Say what an acknowledgment means: each code in words, with the value that was sent.

    Exit 0: all was accepted, 1: something was not, 65: it holds no acknowledgment.
    """
    choose = chooser(Path())
    with opened(ack) as answer, opened(original) as sent:
        theirs, ours = known(answer, called(ack), choose), known(sent, called(original), choose)
        found = explain(answer, theirs, sent, ours)
    if theirs.name != ours.name:
        raise UsageError(f"{called(ack)} is {theirs.title}, but {called(original)} is {ours.title}")
    if not found:
        say(f"{called(ack)} holds no acknowledgment")
        return NONE
    for resolved in found:
        if json:
            emit(_as_data(resolved))
        elif not (resolved.remark.good and resolved.remark.level == "set"):
            sys.stdout.writelines(f"{line}\n" for line in _lines(resolved, original))
    good = sum(resolved.remark.good for resolved in found if resolved.remark.level == "set")
    all_good = all(resolved.remark.good for resolved in found)
    sets = f"{good} set{'' if good == 1 else 's'} accepted"
    say(f"all was accepted, {sets}" if all_good else f"not all was accepted; {sets} without a remark")
    return 0 if all_good else FAULTY


def _lines(resolved: Resolved, original: str) -> Iterator[str]:
    remark = resolved.remark
    yield f"{_place(resolved)}: {readable(remark.text)}{_code(resolved)}"
    if remark.level in ("segment", "element") and resolved.text and resolved.marks is not None:
        text, below = caret(
            resolved.text, resolved.marks, remark.element, remark.component, resolved.sent, resolved.codec
        )
        yield f"    {readable(original)}:{resolved.line}"
        yield f"      {text}"
        yield f"      {below}"
    if resolved.lost:
        yield f"    {readable(resolved.lost)}"


def _place(resolved: Resolved) -> str:
    remark = resolved.remark
    if remark.level == "interchange":
        return readable(f"interchange {remark.interchange}")
    parts = [f"group {remark.kind} {remark.group}".replace("  ", " ")]
    if remark.transaction:
        parts = [f"set {remark.set} {remark.transaction}"]
    if remark.position:
        parts.append(f"segment {remark.position} {remark.tag or resolved.text[:3]}".rstrip())
    if remark.element:
        parts.append(f"element {remark.element}" + (f":{remark.component}" if remark.component else ""))
        sent = resolved.sent or remark.value
        parts[-1] += f" {readable(sent, resolved.codec)!r}" if sent else " (nothing was sent)" if resolved.text else ""
    return readable(", ".join(parts))


def _code(resolved: Resolved) -> str:
    return f" [{readable(resolved.remark.code)}]" if resolved.remark.code else ""


def _as_data(resolved: Resolved) -> dict[str, object]:
    remark = resolved.remark
    found: dict[str, object] = {
        "level": remark.level,
        "code": remark.code or None,
        "message": remark.text,
        "interchange": remark.interchange or None,
        "group": remark.group or None,
        "set": remark.set or None,
        "transaction": remark.transaction or None,
        "segment": remark.position or None,
        "tag": remark.tag or None,
        "element": remark.element or None,
        "component": remark.component or None,
        "quoted": readable(remark.value) or None,
        "sent": readable(resolved.sent, resolved.codec) or None,
        "text": readable(resolved.text, resolved.codec) or None,
        "line": resolved.line or None,
        "lost": resolved.lost or None,
    }
    return {"accepted": remark.good, **found}
