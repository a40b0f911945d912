"""Why nobody answers is said in the same words whichever client met the silence."""

import socket

import aiohttp
import pytest

from esb.endpoints.unreached import unreached
from esb.testing.private_server import free_port


def refused() -> OSError:
    with pytest.raises(OSError) as raised:
        socket.create_connection(("127.0.0.1", free_port()), 5)
    return raised.value


def test_a_port_where_nobody_listens():
    assert unreached(refused()) == "nothing listens there (connection refused)"


def test_what_a_client_wrapped_is_found_in_its_text():
    assert unreached(ValueError(f"cannot do it: {refused()}")) == "nothing listens there (connection refused)"


async def test_the_http_client_says_it_too():
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError) as raised:
            await session.get(f"http://127.0.0.1:{free_port()}/")

    assert unreached(raised.value) == "nothing listens there (connection refused)"


def test_a_name_that_nobody_knows():
    with pytest.raises(socket.gaierror) as raised:
        socket.getaddrinfo("nobody.invalid", 80)

    assert unreached(raised.value) == "the name of the host is not known (DNS)"


def test_other_errors_speak_for_themselves():
    assert unreached(ValueError("the page is not JSON")) == ""
    assert unreached(PermissionError(13, "Permission denied")) == ""
