"""Destination: where a message goes: one address, or one that it names itself among the hosts that are allowed."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import PlainValidator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError
from yarl import URL

from esb.endpoints.http_out.urls import url_fault
from esb.endpoints.outgoing import rendered
from esb.errors import RejectedError
from esb.expressions import Expression
from esb.message import Message


def _network(text: Any) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text if isinstance(text, str) else "")
    except ValueError as error:
        raise PydanticCustomError(
            "network",
            "{value} is not a network",
            {"value": repr(text), "help": "write an address and the bits that count: 10.1.0.0/16, 127.0.0.1/32"},
        ) from error


if TYPE_CHECKING:
    Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]
else:
    Networks = tuple[
        Annotated[Any, PlainValidator(_network), WithJsonSchema({"type": "string", "examples": ["10.1.0.0/16"]})],
        ...,
    ]


class Destination:
    """An address, or what gives one for each message; `fixed` = it was written out."""

    def __init__(self, url: Expression, hosts: tuple[str, ...] = ()) -> None:
        self._url = url
        self._hosts = tuple(host.lower() for host in hosts)
        self.fixed = url.kind == "literal"
        self._written = URL(str(url.source)) if self.fixed else URL()

    @property
    def written(self) -> URL:
        """The address that was written out.

        Raises:
            RejectedError: Each message names its own, and there is no message.
        """
        if not self.fixed:
            raise RejectedError("the address of this endpoint comes from messages; it cannot be asked without one")
        return self._written

    def of(self, message: Message) -> URL:
        """Return the address for a (readable) message.

        Raises:
            RejectedError: It names no address, or a host that is not allowed.
            ExpressionError: It has no value for the url.
        """
        if self.fixed:
            return self._written
        text = rendered(self._url, message, "url")
        if fault := url_fault(text):
            raise RejectedError(f"the url {text[:200]!r} of the message cannot be used: {fault}")
        url = URL(text)
        host = (url.host or "").lower()
        if not any(fnmatchcase(host, allowed) for allowed in self._hosts):
            raise RejectedError(f"the message names the host {host[:200]!r}, which is not among the endpoint's hosts")
        return url
