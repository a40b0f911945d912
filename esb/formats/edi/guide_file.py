"""Reads one guide: the structure of a transaction set or message, from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Protocol

from esb.errors import DefinitionError
from esb.formats.edi.checks import read_check
from esb.formats.edi.dictionary import refuse
from esb.formats.edi.grammar import MANY, Check, Child, Guide, Loop, Segment, Tree, Use, fields_of
from esb.reading import Document

_USE = ("use", "max", "into", "key")
_LOOP = (*_USE, "body", "stream", "tree")
_TREE = ("id", "parent", "level", "child", "kinds", "names")
_TOP = ("set", "is", "group", "versions", "written_from", "body", "checks")


class Words(Protocol):
    """What a guide's segments mean: a dictionary of a standard in its version, or a project's own records."""

    @property
    def version(self) -> str: ...
    @property
    def tags(self) -> frozenset[str]: ...
    def segment(self, tag: str) -> Segment: ...


def read_guide(document: Document, dictionary: Words, more: tuple[str, ...] = ()) -> Guide:
    """Return the guide of a file, in the dictionary's version; `more` = keys that somebody else reads.

    Raises:
        DefinitionError: Something in the file is wrong; says where.
    """
    data = document.data
    if not isinstance(data, dict):
        raise refuse(document, [], "a guide is a mapping", "write set:, is:, group: and body:")
    _known(document, [], data, (*_TOP, *more))
    for name in ("set", "is", "body"):
        if name not in data:
            raise refuse(document, [], f"the guide has no {name}:")
    file = _File(document, dictionary)
    body = file.body(["body"], data["body"])
    known = frozenset(_tags(body))
    checks = tuple(_check(document, index, given) for index, given in enumerate(data.get("checks", ())))
    group = str(data.get("group", ""))
    return Guide(str(data["set"]), data["is"], dictionary.version, group, body, known, checks, document.file)


def _check(document: Document, index: int, given: Any) -> Check:
    try:
        return read_check(given)
    except (ValueError, DefinitionError) as error:
        raise refuse(document, ["checks", index], str(error)) from None


def _known(document: Document, loc: list[str | int], given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, 1)
            raise refuse(document, [*loc, name], f"unknown key {name!r}", f"did you mean {near[0]!r}?" if near else "")


def _tags(body: tuple[Child, ...]) -> list[str]:
    tags: list[str] = []
    for child in body:
        if isinstance(child, Use):
            tags.append(child.tag)
        else:
            tags += _tags(child.body)
            for kind in child.tree.kinds.values() if child.tree is not None else ():
                tags += _tags(kind.body)
    return tags


class _File:
    def __init__(self, document: Document, dictionary: Words) -> None:
        self._document, self._dictionary = document, dictionary

    def body(self, loc: list[str | int], given: Any, opener: bool = False) -> tuple[Child, ...]:
        if not isinstance(given, list) or not given:
            raise refuse(self._document, loc, "body: is a list of segments and loops")
        children: list[Child] = []
        for index, entry in enumerate(given):
            if isinstance(entry, str):
                entry = {entry: {}}
            if not isinstance(entry, dict) or len(entry) != 1:
                raise refuse(self._document, [*loc, index], "an entry is one segment or loop", "write - BEG: {use: M}")
            ((name, options),) = entry.items()
            children.append(self._child([*loc, index, name], name, options or {}, opener and index == 0))
        return tuple(children)

    def _child(self, loc: list[str | int], name: str, options: Any, opener: bool) -> Child:
        if not isinstance(options, dict):
            raise refuse(self._document, loc, f"{name} needs its options as a mapping", "write {max: 5, into: name}")
        line = self._document.place(loc).line
        must, most = options.get("use", "O") == "M" or opener, self._most(loc, options)
        into, key = str(options.get("into", "." if opener else "")), str(options.get("key", ""))
        if name.startswith("loop "):
            _known(self._document, loc, options, _LOOP)
            body = self.body([*loc, "body"], options.get("body"), opener=True)
            if not isinstance(body[0], Use):
                raise refuse(
                    self._document, loc, f"{name}: the first entry of its body must be the segment that opens it"
                )
            tree = self._tree([*loc, "tree"], name[5:], body[0], options["tree"]) if "tree" in options else None
            stream = options.get("stream", False) is True
            if stream and (key or tree is not None or len(loc) != 3):
                text = f"{name} cannot be streamed: a streamed loop stands at the top, has no key: and no tree:"
                raise refuse(self._document, [*loc, "stream"], text)
            loop = Loop(name[5:], body, must, most, into or name[5:].lower(), key, line, tree, stream)
            self._key(loc, key, body[0].segment)
            return loop
        _known(self._document, loc, options, _USE)
        segment = self._segment(loc, name)
        self._key(loc, key, segment)
        return Use(segment, must, most, into or name.lower(), key, line)

    def _tree(self, loc: list[str | int], name: str, opener: Use, given: Any) -> Tree:
        """Return the levels of a tree; the opener stands before what each kind of level holds."""
        _known(self._document, loc, given, _TREE)
        for part in ("id", "parent", "level", "child"):
            self._key(loc, str(given.get(part, "?")), opener.segment)
        kinds: dict[str, Loop] = {}
        for code, body in given.get("kinds", {}).items():
            inner = self.body([*loc, "kinds", code], body) if body else ()
            kinds[str(code)] = Loop(name, (opener, *inner), False, MANY, "")
        names = {str(code): str(into) for code, into in given.get("names", {}).items()}
        return Tree(given["id"], given["parent"], given["level"], given["child"], kinds, names)

    def _segment(self, loc: list[str | int], tag: str) -> Segment:
        try:
            return self._dictionary.segment(tag)
        except KeyError:
            near = get_close_matches(tag, self._dictionary.tags, 1)
            hint = f"did you mean {near[0]}?" if near else ""
            version = self._dictionary.version
            text = f"version {version} has no segment {tag}" if version else f"records: has no {tag}"
            raise refuse(self._document, loc, text, hint) from None

    def _key(self, loc: list[str | int], key: str, segment: Segment) -> None:
        names = [item.name for item in fields_of(segment.items)]
        if key and key not in names:
            raise refuse(self._document, [*loc, "key"], f"{segment.tag} has no element {key!r}; it has {names}")

    def _most(self, loc: list[str | int], options: Mapping[str, Any]) -> int:
        given = options.get("max", 1)
        if given == "many":
            return MANY
        if not isinstance(given, int) or given < 1:
            raise refuse(self._document, [*loc, "max"], f"max: {given!r} is no count", "write a number, or many")
        return given
