"""Guard: which addresses may be connected to, so that no message and no foreign name server leads us inside (SSRF).

A name is resolved once, every address it gives is checked, and the connection goes to a checked address; the name stays
in the request and in the TLS handshake. A name that changes between check and use (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

_METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)
"""Where clouds answer whoever asks from inside with the credentials of the machine."""
_TRANSLATED = ip_network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last four bytes are the IPv4 address that is reached."""


class ForbiddenAddressError(OSError):
    """An address that must not be connected to; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Guard:
    """`strict`: public addresses only. `networks` may be reached whatever else is said.

    Without `strict` the host was written by whoever wrote the endpoint and may be inside; even then nobody means the
    metadata service, a link-local, multicast or unspecified address.
    """

    strict: bool = False
    networks: tuple[Network, ...] = ()

    def fault(self, text: str) -> str:
        """Return why an address (as text) must not be connected to, or an empty text."""
        address = ip_address(text.partition("%")[0])
        if any(address in network for network in self.networks):
            return ""
        faults = (self._fault(each) for each in (address, *_embedded(address)))
        return next((fault for fault in faults if fault), "")

    def check(self, host: str) -> None:
        """Check a host that is an address already; names are checked when they are resolved.

        Raises:
            ForbiddenAddressError: It must not be connected to.
        """
        try:
            fault = self.fault(host)
        except ValueError:
            return
        if fault:
            raise ForbiddenAddressError(f"{host} is {fault}")

    def _fault(self, address: Address) -> str:
        if address in _METADATA:
            return "the metadata service of a cloud"
        if address.is_link_local:
            return "a link-local address"
        if address.is_multicast:
            return "a multicast address"
        if address.is_unspecified:
            return "no address"
        return "not a public address" if self.strict and not address.is_global else ""


OPEN = Guard()
"""For a host that was written out: everything but what nobody means."""


class CheckedResolver(AbstractResolver):
    """Resolves names as the system does and gives only the addresses that the guard allows."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a name. Raises ForbiddenAddressError if none of its addresses is."""
        found = await self._system.resolve(host, port, family)
        faults = {each["host"]: self._guard.fault(each["host"]) for each in found}
        allowed = [each for each in found if not faults[each["host"]]]
        if found and not allowed:
            address, fault = next(iter(faults.items()))
            raise ForbiddenAddressError(f"{host} leads to {address}, which is {fault}")
        return allowed

    async def close(self) -> None:
        """Release what the resolver of the system holds."""
        await self._system.close()


def _embedded(address: Address) -> tuple[Address, ...]:
    """Return the IPv4 addresses that an IPv6 address is a way to (mapped, NAT64, 6to4, Teredo)."""
    if isinstance(address, IPv4Address):
        return ()
    found: list[IPv4Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(each for each in found if each is not None)
