"""Explanations: what each kind of validation error means, in the user's words, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from esb.errors import Diagnostic
from esb.reading import Document, Found
from esb.routes.nearest import listed, meant, nearest
from esb.routes.walk import Spot, keys_of
from esb.specs import Entry
from esb.steps import ENTRIES

BESIDE = ("id", "description")
"""Keys that stand beside the verb of a step."""

_KINDS = {
    "string": "text",
    "int": "a whole number",
    "bool": "true or false",
    "decimal": "a number",
    "float": "a number",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "iterable": "a list",
    "dict": "keys with values",
    "mapping": "keys with values",
    "model": "keys with values",
    "dataclass": "keys with values",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
    "multiple_of": ("multiple_of", "a multiple of"),
}
_OWN_CODES = {
    "duration": "E208",
    "size": "E208",
    "rate": "E208",
    "secret": "E601",
    "endless": "E703",
    "unreachable": "E704",
    "path": "E411",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One validation error with all that is needed to explain it."""

    type: str
    context: Mapping[str, Any]
    given: Any
    text: str
    spot: Spot
    above: Spot
    document: Document
    found: Found
    what: str
    of_key: bool = False

    @property
    def name(self) -> str:
        """The key that the error is about, quoted; a list item is known by its list."""
        missing = self.spot.loc[len(self.found.reached) :] if self.type == "missing" else ()
        return _name((*self.found.reached, *missing), self.what)

    @property
    def holder(self) -> str:
        """What the key stands in, quoted."""
        return _name(self.document.find(self.above.loc).reached, self.what)

    def finding(self, code: str, text: str, key: bool = False, **more: Any) -> Diagnostic:
        """Return a finding at the value, or at its key."""
        return Diagnostic(code, text, self.document.place(self.spot.loc, key or self.of_key), **more)


def explain(problem: Problem) -> Iterable[Diagnostic]:
    """Return what is wrong, in the user's words; the table covers every error type there is."""
    stem = problem.type.removesuffix("_type").removesuffix("_parsing")
    if problem.type in _EXPLAINED:
        return _EXPLAINED[problem.type](problem)
    if problem.type in _BOUNDS:
        return _bound(problem)
    if stem.removesuffix("_from_float") in _KINDS:
        return _wrong_kind(problem, _KINDS[stem.removesuffix("_from_float")])
    if problem.type.endswith(("_too_short", "_too_long", "too_short", "too_long")):
        return _wrong_length(problem)
    if "help" in problem.context:
        return _own(problem)
    return [problem.finding("E210", f"{problem.name} is not what belongs here", note=problem.text)]


def _name(loc: tuple[str | int, ...], what: str) -> str:
    texts = [(index, part) for index, part in enumerate(loc) if isinstance(part, str)]
    if not texts:
        return f"this {what}"
    index, part = texts[-1]
    if index < len(loc) - 1 and isinstance(loc[-1], int):
        return f'item {loc[-1] + 1} of "{part}"'
    return f'"{part}"'


def _missing(problem: Problem) -> list[Diagnostic]:
    key = str(problem.spot.loc[-1])
    fields = {name: field for model in problem.above.models() for name, field in keys_of(model).items()}
    description = getattr(fields.get(key), "description", None)
    text = f'{problem.holder} needs the key "{key}"'
    place = problem.document.place(problem.above.loc, key=True)
    note = f"{key}: {description}" if description else ""
    return [Diagnostic("E204", text, place, help=f'add "{key}:"', note=note)]


def _unknown_key(problem: Problem) -> list[Diagnostic]:
    key = str(problem.spot.loc[-1])
    allowed = problem.above.keys()
    entry = next((model for model in problem.above.models() if issubclass(model, Entry)), None)
    if entry is not None:
        return _beside_verb(problem, key, entry)
    holder = problem.holder
    note = f"keys of {holder}: {listed(allowed)}" if allowed else ""
    return [
        problem.finding(
            "E203",
            f'unknown key "{key}" in {holder}',
            key=True,
            label=f"not a key of {holder}",
            help=meant(key, allowed),
            note=note,
        )
    ]


def _beside_verb(problem: Problem, key: str, entry: type[Entry]) -> list[Diagnostic]:
    """Explain a key that stands beside the verb of a step and is neither an id nor a description."""
    spec = keys_of(entry)[entry.verb].annotation
    inner = keys_of(spec) if isinstance(spec, type) and issubclass(spec, BaseModel) else {}
    if key in ENTRIES:
        text = f'a step has one verb; "{entry.verb}" is there already'
        return [problem.finding("E202", text, key=True, help=f'begin a new step: "- {key}: …"')]
    near = nearest(key, [*BESIDE, *inner])
    help_ = ""
    if near in inner:
        scalar = getattr(spec, "scalar", None)
        first = f"{scalar}: …, " if scalar and scalar != near else ""
        help_ = f"write it inside the verb: {entry.verb}: {{ {first}{near}: … }}"
    elif near:
        help_ = f'did you mean "{near}"?'
    note = f'keys of "{entry.verb}": {listed(inner)}; beside it: {listed(BESIDE)}'
    label = f'not a key of a "{entry.verb}" step'
    return [
        problem.finding("E203", f'unknown key "{key}" beside "{entry.verb}"', True, label=label, help=help_, note=note)
    ]


def _no_verb(problem: Problem) -> list[Diagnostic]:
    verbs = problem.spot.tags()
    note = f"steps: {listed(verbs, 40)}"
    if not isinstance(problem.given, dict):
        text = "a step is a verb with its keys"
        word = str(problem.given)
        help_ = f'write "- {word}: …"' if word in verbs else "write for example: - transform: my-transform"
        return [problem.finding("E202", text, help=help_, note=note)]
    unknown = [key for key in problem.given if key not in BESIDE]
    if not unknown:
        return [problem.finding("E202", "this step has no verb", help="say what it does: to: …", note=note)]
    key = max(unknown, key=lambda word: bool(nearest(word, verbs)))
    place = problem.document.place((*problem.spot.loc, key), key=True)
    return [Diagnostic("E202", f'unknown step "{key}"', place, label="not a step", help=meant(key, verbs), note=note)]


def _unknown_type(problem: Problem) -> list[Diagnostic]:
    """Explain a `type` that nobody knows, or none at all."""
    known = problem.spot.tags() or problem.context.get("expected_tags", "").replace("'", "").split(", ")
    note = f"types of {problem.name}: {listed(known, 40)}"
    given = problem.given.get("type") if isinstance(problem.given, dict) else problem.given
    if given is None:
        return [
            problem.finding("E204", f'{problem.name} needs the key "type"', key=True, help='add "type:"', note=note)
        ]
    place = problem.document.place((*problem.spot.loc, "type"))
    text, advice = f'unknown type "{_shown(given)}"', meant(str(given), known)
    return [Diagnostic("E201", text, place, label="not a type", help=advice, note=note)]


def _wrong_kind(problem: Problem, kind: str) -> list[Diagnostic]:
    given = problem.given
    if given is None:
        return [problem.finding("E205", f"{problem.name} is empty; it must be {kind}", key=True)]
    help_ = ""
    if kind == "true or false":
        help_ = "write true or false; yes, no, on and off are text (YAML 1.2)"
    elif kind == "text" and isinstance(given, bool):
        help_ = f'quote it: "{str(given).lower()}"'
    elif kind == "a list" and isinstance(given, dict):
        help_ = "begin each item with a dash: - …"
    elif kind == "keys with values":
        help_ = _keys_help(problem)
    return [problem.finding("E205", f"{problem.name} must be {kind}, not {_kind_of(given)}", help=help_)]


def _keys_help(problem: Problem) -> str:
    """Return what may be written where keys are needed, if it is known which."""
    known = problem.spot.keys()
    others = f"; its keys are {listed(known)}" if len(known) > 1 else ""
    return f"write for example: {{ {known[0]}: … }}{others}" if known else ""


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return "keys with values"
    return "a list" if isinstance(value, list | tuple) else "a number"


def _choice(problem: Problem) -> list[Diagnostic]:
    expected = str(problem.context.get("expected", ""))
    known = [word.strip("' ") for word in expected.replace(" or ", ", ").split(", ")]
    given = _shown(problem.given)
    note = f"{problem.name} is one of: {listed(known, 40)}"
    return [problem.finding("E206", f'{problem.name} cannot be "{given}"', help=meant(given, known), note=note)]


def _no_value(problem: Problem) -> list[Diagnostic]:
    advice = f"write it alone, {problem.name.strip(chr(34))}: and nothing behind it"
    return [problem.finding("E205", f"{problem.name} takes no value", help=advice)]


def _bound(problem: Problem) -> list[Diagnostic]:
    key, words = _BOUNDS[problem.type]
    text = f"{problem.name} must be {words} {problem.context.get(key)}, not {_shown(problem.given)}"
    return [problem.finding("E207", text)]


def _wrong_length(problem: Problem) -> list[Diagnostic]:
    context = problem.context
    least, most = context.get("min_length"), context.get("max_length")
    unit = "characters" if problem.type.startswith("string") else "items"
    if least is not None and not problem.given:
        return [problem.finding("E207", f"{problem.name} is empty")]
    bound = f"at least {least}" if least is not None else f"at most {most}"
    return [problem.finding("E207", f"{problem.name} must have {bound} {unit}")]


def _pattern(problem: Problem) -> list[Diagnostic]:
    given, pattern = _shown(problem.given), str(problem.context.get("pattern", ""))
    mended = "".join(char if char.isalnum() or char in "-_." else "-" for char in given).strip("-").lower()
    help_ = f'write for example "{mended}"' if mended and mended != given else ""
    return [problem.finding("E209", f'{problem.name} cannot be "{given}"', help=help_, note=f"it must match {pattern}")]


def _expression(problem: Problem) -> list[Diagnostic]:
    context = problem.context
    offset, length = int(context.get("offset", 0)), max(1, int(context.get("length", 1)))
    node = problem.found.node
    node = problem.found.key if problem.of_key and problem.found.key is not None else node
    inside = isinstance(node.value, str)
    place = problem.document.inside(node, offset, length) if inside else problem.document.at(node)
    code = str(context.get("code", "E411"))
    return [Diagnostic(code, problem.text, place, help=str(context.get("help", "")))]


def _own(problem: Problem) -> list[Diagnostic]:
    """Explain an error that a spec raised itself: its text is for people already, and it says what to write."""
    code = str(problem.context.get("code") or _OWN_CODES.get(problem.type, "E210"))
    said = problem.of_key or code == "E601" or not problem.found.reached
    prefix = "" if said else f"{problem.name}: "
    return [problem.finding(code, prefix + problem.text, help=str(problem.context.get("help", "")))]


def _raised(problem: Problem) -> list[Diagnostic]:
    text = str(problem.context.get("error", problem.text))
    return [problem.finding("E210", f"{problem.name}: {text}")]


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


_EXPLAINED: Mapping[str, Callable[[Problem], list[Diagnostic]]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "verb": _no_verb,
    "union_tag_invalid": _unknown_type,
    "union_tag_not_found": _unknown_type,
    "literal_error": _choice,
    "enum": _choice,
    "none_required": _no_value,
    "string_pattern_mismatch": _pattern,
    "expression": _expression,
    "value_error": _raised,
    "assertion_error": _raised,
}
