from __future__ import annotations

from pathlib import Path

import pytest

from esb.errors import UsageError
from esb.settings import Settings, read_settings


def test_flags_win_over_the_environment_which_wins_over_the_file():
    settings = read_settings(
        {"listen": "0.0.0.0:1"}, {"ESB_LISTEN": "0.0.0.0:2", "ESB_WORKERS": "3"}, {"workers": 5, "prefetch": 50}
    )

    assert (settings.listen, settings.workers, settings.prefetch) == ("0.0.0.0:1", 3, 50)


def test_without_a_word_everything_is_embedded_below_the_project():
    settings = read_settings({"project": Path("/p")}, {}, {})

    assert settings.channel_url == "embedded:/p/var/channel.db"
    assert settings.store_url == "sqlite:/p/var/store.db"
    assert settings.roles == ("intake", "router", "delivery", "recorder")


@pytest.mark.parametrize(
    ("flags", "environment", "text"),
    [
        (
            {"roles": "router,postman"},
            {},
            "flag: .postman. is not a role; the roles are intake",
        ),
        ({}, {"ESB_WORKERS": "many"}, "ESB_WORKERS: workers cannot be 'many'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_source(flags: dict[str, str], environment: dict[str, str], text: str):
    with pytest.raises(UsageError, match=text):
        read_settings(flags, environment, {})


@pytest.mark.parametrize("listen", ["8080", "host:", ":80", "host:port", "host:99999"])
def test_an_address_is_host_and_port(listen: str):
    with pytest.raises(UsageError, match="host:port"):
        Settings(listen=listen).address
