"""Tables of what the code knows by itself: filters, policies, settings, commands, codes, metrics, limits."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from esb.channels.packets import BODY_LIMIT, HEADER_LIMIT
from esb.cli import build
from esb.endpoints.http_in import HttpIn
from esb.endpoints.http_out import HttpOut
from esb.expressions import budget, query_syntax, regexes, templates
from esb.expressions.filters import FILTERS, TESTS
from esb.expressions.operators import MEMBERS, METHODS
from esb.formats import FORMATS
from esb.formats.edi.faults import MEANINGS
from esb.formats.edifact import library as edifact
from esb.formats.x12.library import shipped
from esb.management.metrics import Metrics
from esb.policies import POLICIES
from esb.reading import parse
from esb.routes.codes import codes as all_codes
from esb.routes.definition import SettingsSpec
from esb.routes.project import MOST_BYTES, MOST_FILES
from esb.runtime.bus import Limits
from esb.settings import Settings
from esb.steps.split import MOST_PARTS
from esb.stores.blobs import LIMIT as BLOB_LIMIT


def _table(heads: str, rows: typing.Iterable[str]) -> str:
    return "\n".join([f"| {heads} |", "|" + "---|" * (heads.count("|") + 1), *rows])


def filters(_: str) -> str:
    """Return every filter with its arguments and what it does."""
    rows = [f"| `{_call(name, function)}` | {_first(function)} |" for name, function in sorted(FILTERS.items())]
    return _table("filter | meaning", rows)


def _call(name: str, function: Any) -> str:
    given = list(inspect.signature(inspect.unwrap(function)).parameters.values())[1:]
    inside = ", ".join(_parameter(each) for each in given)
    return f"{name}({inside})" if inside else name


def _parameter(each: inspect.Parameter) -> str:
    star = "*" if each.kind is inspect.Parameter.VAR_POSITIONAL else ""
    default = "" if each.default is inspect.Parameter.empty else f"={each.default!r}"
    return f"{star}{each.name}{default}"


def _first(function: Any) -> str:
    return (function.__doc__ or "Give the members as a list.").strip().splitlines()[0].replace("|", "\\|")


def tests(_: str) -> str:
    """Return the names of all tests."""
    return ", ".join(f"`{name}`" for name in sorted(TESTS))


def names(_: str) -> str:
    """Return what may be read of a message, a key and a date, and which functions may be called."""
    rows = [
        f"| {_WORDS[kind.__name__]} | {_list(members)} | |" for kind, members in MEMBERS.items() if kind not in METHODS
    ]
    for kind, methods in METHODS.items():
        rows.append(f"| {_WORDS[kind.__name__]} | {_list(MEMBERS.get(kind, ()))} | {_list(methods, '()')} |")
    return _table("of | members | functions", rows)


_WORDS = {
    "Message": "`message`",
    "BusinessKey": "a key of `message.keys`",
    "str": "text",
    "dict": "object",
    "list": "list",
    "date": "date",
    "datetime": "time",
}


def _list(found: typing.Iterable[str], end: str = "") -> str:
    return ", ".join(f"`{name}{end}`" for name in sorted(found))


def policies(_: str) -> str:
    """Return the policies that come with the house, with what they do about each class."""
    rows = []
    for name, policy in POLICIES.items():
        what = "<br>".join(policy.sentences())
        rows.append(f"| `{name}` | {policy.description} | {what} |")
    return _table("policy | for | what it does", rows)


def settings(_: str) -> str:
    """Return the settings of a process: in esb.yaml, in the environment, and by flag."""
    run = _commands()["run"]
    flags = {param.name: param.opts[0] for param in run.params}
    flags["roles"] = flags["role"]
    rows = []
    for name, field in SettingsSpec.model_fields.items():
        flag = f"`{flags[name]}`" if name in flags else ""
        rows.append(f"| `{name}` | `ESB_{name.upper()}` | {flag} | {field.description} |")
    assert set(SettingsSpec.model_fields) == set(Settings.__dataclass_fields__) - {"project"}
    return "\n".join(
        ["| esb.yaml `settings` | environment | flag of `esb run` | meaning |", "|---|---|---|---|", *rows]
    )


def _commands() -> dict[str, Any]:
    found: dict[str, Any] = typer.main.get_command(build([])).commands  # type: ignore[attr-defined]
    return found


def every_command() -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that name it."""
    for name, command in _commands().items():
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        else:
            yield from ((f"{name} {verb}", one) for verb, one in inner.items())


def commands(_: str) -> str:
    """Return every command with its first sentence, linked to its section."""
    rows = [
        f"| [`esb {name}`](#esb-{name.replace(' ', '-')}) | {_help(command)} |" for name, command in every_command()
    ]
    return _table("command | what it does", rows)


def _help(command: Any) -> str:
    return " ".join((command.help or "").split())


def command(name: str) -> str:
    """Return how one command is written: arguments, flags and what they mean. `_` or `.` stands for a blank."""
    found = dict(every_command())[name.replace(".", " ")]
    usage = [f"esb {name.replace('.', ' ')}"]
    rows = []
    for param in found.params:
        if param.name == "help":
            continue
        if param.param_type_name == "argument":
            label = (param.metavar or param.name).strip("[]. ").upper()
            usage.append(f"{label}{'…' if param.nargs == -1 else ''}" if param.required else f"[{label}]")
            rows.append(f"| `{label}` | {param.help or ''} |")
        else:
            rows.append(f"| `{', '.join(param.opts)}` | {param.help or ''} |")
    usage.append("[OPTIONS]")
    lines = [
        _help(found),
        "",
        "```sh",
        " ".join(usage),
        "```",
        "",
        "| argument or flag | meaning |",
        "|---|---|",
        *rows,
    ]
    return "\n".join(lines)


def codes(_: str) -> str:
    """Return every code of a finding, as `esb explain` tells it."""
    out = []
    for code, entry in sorted(all_codes().items(), key=lambda pair: (pair[0][1:], pair[0])):
        out += [
            f"## {code}",
            "",
            f"**{entry.title[:1].upper()}{entry.title[1:]}.** {' '.join(entry.meaning.split())}",
            "",
        ]
        for label, text in (("Wrong", entry.wrong), ("Right", entry.right)):
            if text:
                out += [f"{label}:", "", "```text", text.rstrip(), "```", ""]
    return "\n".join(out)


def metrics(_: str) -> str:
    """Return every metric with its labels."""
    rows = []
    for family in sorted(Metrics().registry.collect(), key=lambda each: each.name):
        rows.append(f"| `{family.name}{'_total' if family.type == 'counter' else ''}` | {family.type} | "
                    f"{family.documentation} |")  # fmt: skip
    return _table("metric | type | meaning", rows)


def faults(_: str) -> str:
    """Return the codes of EDI faults that `tolerate` may name."""
    return ", ".join(f"`{code}`" for code in sorted(MEANINGS))


def guides(standard: str) -> str:
    """Return the guides of X12 (or of `edifact`) that come with the package."""
    if standard == "edifact":
        return ", ".join(f"`edifact/{name}`" for name in sorted(edifact.shipped()))
    return ", ".join(f"`x12/{name}`" for name in sorted(shipped()))


def limits(_: str) -> str:
    """Return what is bounded, by what, and which key changes it."""
    rows: list[Sequence[str]] = [
        ("a webhook body", _bytes(HttpIn.model_fields["max_size"].default), "`max_size` of `http_in`"),
        (
            "time for a webhook body to arrive",
            f"{HttpIn.model_fields['timeout'].default:g} s",
            "`timeout` of `http_in`",
        ),
        ("requests under way at one `http_in`", f"{HttpIn.model_fields['concurrency'].default}", "`concurrency`"),
        ("an answer to an `enrich`", _bytes(HttpOut.model_fields["max_answer"].default), "`max_answer` of `http_out`"),
        *(_format_limit(spec) for spec in FORMATS if "limit" in spec.model_fields),
        ("nesting of JSON and XML documents", "100", "`depth` of the format"),
        ("a body in a channel; larger ones wait in the store", _bytes(Limits().claim_bytes), ""),
        ("a packet's body at the channel", _bytes(BODY_LIMIT), ""),
        ("headers of a message", _bytes(HEADER_LIMIT), ""),
        ("a body in the store", _bytes(BLOB_LIMIT), ""),
        ("parts of one `split`", f"{MOST_PARTS:,}", "cut at intake with `each`: no limit there"),
        ("a definition file", _bytes(parse.MAX_BYTES), ""),
        ("nesting of a definition file", f"{parse.MAX_DEPTH}", ""),
        ("files of a project, and their bytes", f"{MOST_FILES:,}; {_bytes(MOST_BYTES)}", ""),
        ("an expression", f"{templates.LONGEST:,} characters", ""),
        ("a path", f"{query_syntax.LIMIT:,} characters", ""),
        ("a regular expression in a path", f"{regexes.LIMIT:,} characters", ""),
        ("work of one expression or template", f"{budget.STEPS:,} steps (counted, not timed)", ""),
        ("what one template makes", f"{budget.OUTPUT:,} characters", ""),
        ("a step that does not return", "30 s, then its worker ends and the message is lent again", ""),
    ]
    return _table("what | limit | changed by", (f"| {' | '.join(row)} |" for row in rows))


def _format_limit(spec: Any) -> Sequence[str]:
    kind = spec.model_fields["type"].default
    return f"a `{kind}` document", _bytes(spec.model_fields["limit"].default), "`limit` of the format"


def _bytes(size: int) -> str:
    for unit, one in (("MB", 10**6), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size % one == 0:
            return f"{size // one} {unit}"
    return f"{size:,} bytes"
