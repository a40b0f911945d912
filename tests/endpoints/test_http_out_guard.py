"""Where http_out may connect to, how fast, and what it reads from an answer."""

import json
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from esb.endpoints.http_out import HttpOut
from esb.endpoints.http_out.guard import CheckedResolver, ForbiddenAddressError, Guard
from esb.endpoints.outgoing import readable
from esb.errors import RejectedError, ThrottledError, UnknownOutcomeError
from esb.testing.endpoint_kit import TestWorld, order, raised, serving

STRICT = Guard(strict=True)
INSIDE = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "169.254.169.254", "169.254.1.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_a_message_cannot_lead_inside(address):
    assert STRICT.fault(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"])
def test_public_addresses_may_be_reached(address):
    assert STRICT.fault(address) == ""


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "100.100.100.200", "192.0.0.192"]
)
def test_not_even_a_written_host_leads_to_what_nobody_means(address):
    assert Guard().fault(address)
    assert Guard(networks=(ip_network(f"{address}/{ip_address(address).max_prefixlen}"),)).fault(address) == ""


def test_a_written_host_may_be_inside():
    assert Guard().fault("10.0.0.1") == Guard().fault("127.0.0.1") == Guard().fault("::1") == ""


def test_a_network_that_is_written_may_be_reached_and_only_it():
    guard = Guard(strict=True, networks=(ip_network("10.1.0.0/16"),))

    assert guard.fault("10.1.2.3") == ""
    assert guard.fault("10.2.2.3")


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_however_it_is_wrapped(address):
    wrapped = [f"::ffff:{address}", str(ip_address(int(ip_address("64:ff9b::")) + int(address)))]

    if STRICT.fault(str(address)):
        assert all(STRICT.fault(each) for each in wrapped)


async def test_a_name_gives_only_the_addresses_that_are_allowed():
    resolver = CheckedResolver(STRICT)
    with pytest.raises(ForbiddenAddressError, match="localhost leads to"):
        await resolver.resolve("localhost", 80)
    with pytest.raises(ForbiddenAddressError):
        await resolver.resolve("2130706433", 80)  # what the system takes for 127.0.0.1
    await resolver.close()


class Rebinding:
    """A name server that says something else each time it is asked."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port, family):
        address = self.answers.pop(0)
        return [{"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}]


async def test_the_connection_goes_to_the_address_that_was_checked(tmp_path):
    async with receiver(tmp_path, networks=["127.0.0.1/32"]) as made:
        sink = made.sink_to(f"http://shop.example:{made.port}/hook", networks=["127.0.0.1/32"])
        session = sink._client._opened()
        session.connector._resolver._system = Rebinding("127.0.0.1", "10.9.9.9")
        await sink.deliver(order(1), "k")
        session.connector.clear_dns_cache()
        await session.connector.close()
        await sink.close()

    assert made.got[0][0]["host"] == f"shop.example:{made.port}"


async def test_a_name_that_leads_inside_is_refused_and_says_what_to_write(tmp_path):
    async with receiver(tmp_path) as made:
        sink = made.sink_to(f"http://localhost:{made.port}/hook", networks=[])
        error = await raised(sink.deliver(order(1), "k"), RejectedError)
        literal = made.sink_to(f"http://127.0.0.1:{made.port}/hook", networks=[])
        other = await raised(literal.deliver(order(1), "k"), RejectedError)
        await sink.close()
        await literal.close()

    assert made.got == []
    assert "write its network under networks:" in str(error)
    assert "127.0.0.1 is not a public address" in str(other)


class Receiver:
    def __init__(self, folder):
        self.got, self.answer, self.folder = [], Response(status_code=200), folder
        self.world = TestWorld(folder, {"secret://env/T": "t"})
        self.app = Starlette(routes=[Route("/hook", self.take, methods=["POST"])])
        self.port = 0

    async def take(self, request):
        self.got.append((dict(request.headers), await request.body()))
        return self.answer

    def sink_to(self, url, **options):
        return HttpOut.model_validate({"type": "http_out", "url": url, **options}).sink("hook", self.world)


@asynccontextmanager
async def receiver(folder, **options):
    made = Receiver(folder)
    async with serving(made.app) as made.port:
        made.sink = made.sink_to(f"http://127.0.0.1:{made.port}/hook", **options)
        try:
            yield made
        finally:
            await made.sink.close()


def asking_for(url, number=1):
    return order(number, json.dumps({"callback": url}).encode())


FROM_MESSAGE = {"hosts": ["127.0.0.1", "*.partner.example"], "networks": ["127.0.0.1/32"]}


async def test_a_message_may_name_its_address_among_the_hosts_that_are_allowed(tmp_path):
    async with receiver(tmp_path) as made:
        sink = made.sink_to("{{ body.callback }}", **FROM_MESSAGE)
        await sink.deliver(asking_for(f"http://127.0.0.1:{made.port}/hook"), "k")
        for url in (
            "http://evil.example/",
            "http://partner.example/",
            "http://127.0.0.1@evil.example/",
            "ftp://x/",
            "",
        ):
            await raised(sink.deliver(asking_for(url), "k"), RejectedError)
        said = await sink.check()
        await raised(sink.ask({"path": "/x"}), RejectedError)
        await sink.close()

    assert len(made.got) == 1
    assert "come from messages" in said


async def test_an_address_from_a_message_never_leads_inside_unless_written(tmp_path):
    async with receiver(tmp_path) as made:
        sink = made.sink_to("{{ body.callback }}", hosts=["*"])
        for host in ("127.0.0.1", "localhost", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"):
            await raised(sink.deliver(asking_for(f"http://{host}:{made.port}/hook"), "k"), RejectedError)
        await sink.close()

    assert made.got == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "{{ body.callback }}"}, "needs hosts"),
        ({"url": "https://x.example/", "hosts": ["*"]}, "a written one has none"),
        ({"url": "{{ body.url }}", "hosts": ["*"], "auth": {"bearer": "secret://env/T"}}, "any host"),
        ({"url": "https://x.example/", "networks": ["10.1.0.0/8"]}, "not a network"),
        ({"url": "https://x.example/", "networks": ["all"]}, "not a network"),
    ],
)
def test_definitions_that_would_be_unsafe_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        HttpOut.model_validate({"type": "http_out", **options})


# -- a rate for each key


PACED = {"limit_each": {"key": "$.shop", "rate": "2/s"}}


def of_shop(shop, number):
    return order(number, json.dumps({"shop": shop, "n": number}).encode())


async def test_every_key_has_a_rate_of_its_own(tmp_path):
    async with receiver(tmp_path, **PACED) as made:
        began = made.world.clock.time
        for number in range(3):
            await made.sink.deliver(of_shop("a", number), "k")
        waited = made.world.clock.time - began
        await made.sink.deliver(of_shop("b", 9), "k")

    assert waited == pytest.approx(1.0)
    assert made.world.clock.time - began == pytest.approx(1.0)


async def test_a_call_that_must_wait_long_comes_back_once_and_finds_its_time(tmp_path):
    async with receiver(tmp_path, **PACED) as made:
        made.sink._door.pacing.pause(readable(of_shop("a", 0)), 30.0)
        waits = []
        for number in range(3):
            error = await raised(made.sink.deliver(of_shop("a", number), "k"), ThrottledError)
            waits.append(error.retry_after)
        made.world.clock.time += max(waits)
        came_back = made.world.clock.time
        for number in range(3):
            await made.sink.deliver(of_shop("a", number), "k")

    assert waits == pytest.approx([30.0, 30.5, 31.0])
    assert len(made.got) == 3
    assert made.world.clock.time == came_back


async def test_a_receiver_that_throttles_one_key_does_not_slow_the_others(tmp_path):
    async with receiver(tmp_path, **PACED) as made:
        made.answer = Response(status_code=429, headers={"Retry-After": "30"})
        await raised(made.sink.deliver(of_shop("a", 1), "k"), ThrottledError)
        made.answer = Response(status_code=200)
        error = await raised(made.sink.deliver(of_shop("a", 2), "k"), ThrottledError)
        await made.sink.deliver(of_shop("b", 3), "k")

    assert error.retry_after == pytest.approx(30, abs=1)
    assert len(made.got) == 2


# -- what is read from the answer


async def test_the_receivers_number_goes_into_the_trace(tmp_path):
    async with receiver(tmp_path, answer={"reference": "$.id"}) as made:
        made.answer = Response(b'{"id": "ERP-47\\n11"}', 201)
        done = await made.sink.deliver(order(1), "k")
        made.answer = Response(b"{}", 201)
        without = await made.sink.deliver(order(2), "k")

    assert done.detail == "201 Created: ERP-47 11"
    assert without.detail == "201 Created"


async def test_a_refusal_behind_a_200_is_a_refusal(tmp_path):
    async with receiver(tmp_path, answer={"refused": "{{ not body.ok }}"}) as made:
        made.answer = Response(b'{"ok": false, "why": "customer is blocked"}')
        error = await raised(made.sink.deliver(order(1), "k"), RejectedError)
        made.answer = Response(b'{"ok": true}')
        await made.sink.deliver(order(1), "k")
        made.answer = Response(b"<html>")
        await raised(made.sink.deliver(order(1), "k"), UnknownOutcomeError)
        made.answer = Response(b"{}")
        await raised(made.sink.deliver(order(1), "k"), UnknownOutcomeError)

    assert "customer is blocked" in str(error)
