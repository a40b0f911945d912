"""Addresses: who writes and who gets a mail. What comes from a message brings no headers or recipients of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.headerregistry import Address
from fnmatch import fnmatchcase
from typing import Any

from esb.errors import RejectedError

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MOST = 100
_LONGEST_LOCAL, _LONGEST_NAME, _LONGEST_DOMAIN = 64, 200, 253


def address_of(text: str) -> Address:
    """Return the address that a text is: `user@domain` or `Name <user@domain>`.

    A domain may be written in any script; the part before the @ is ASCII, as servers without SMTPUTF8 need it.

    Raises:
        ValueError: It is none, or holds control characters; says why.
    """
    if not text.isprintable():
        raise ValueError("it holds control characters")
    name, mark, rest = text.rpartition("<")
    spec = rest.removesuffix(">") if mark else text
    if mark and not rest.endswith(">"):
        raise ValueError("it reads neither user@domain nor Name <user@domain>")
    local, at, domain = spec.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local) > _LONGEST_LOCAL:
        raise ValueError("it reads neither user@domain nor Name <user@domain>")
    shown = name.strip().removeprefix('"').removesuffix('"')
    if len(shown) > _LONGEST_NAME or any(character in shown for character in '<>"\\'):
        raise ValueError('its name is too long, or holds one of <>"\\')
    return Address(shown, local, _domain(domain))


def addresses_of(given: Any, what: str, allowed: Sequence[str]) -> tuple[Address, ...]:
    """Return the addresses that a value gives: a text, or a list of texts; `allowed` are globs, empty = all.

    Raises:
        RejectedError: One is no address or may not be written to; `what` names the field.
    """
    listed = given if isinstance(given, list | tuple) else [] if given in (None, "") else [given]
    if len(listed) > _MOST:
        raise RejectedError(f"{what} has {len(listed)} addresses, more than {_MOST}")
    found: dict[str, Address] = {}
    for each in listed:
        try:
            address = address_of(each) if isinstance(each, str) else address_of("")
        except ValueError as error:
            raise RejectedError(f"{what}: {str(each)[:100]!r} is no address: {error}") from error
        plain = address.addr_spec.lower()
        if allowed and not any(fnmatchcase(plain, glob.lower()) for glob in allowed):
            raise RejectedError(f"{what}: {plain!r} is not among the addresses that are allowed")
        found.setdefault(plain, address)
    return tuple(found.values())


def _domain(text: str) -> str:
    try:
        plain = text.encode("idna").decode() if not text.isascii() else text
    except UnicodeError as error:
        raise ValueError("its domain is none") from error
    if not 0 < len(plain) <= _LONGEST_DOMAIN or not all(_LABEL.fullmatch(label) for label in plain.split(".")):
        raise ValueError("its domain is none")
    return plain
