from __future__ import annotations

from pathlib import Path

import pytest

from esb.channels import EmbeddedChannel, RabbitChannel, open_channel
from esb.errors import ChannelError, UsageError


def test_the_address_chooses_the_backend(tmp_path: Path) -> None:
    assert isinstance(open_channel(f"embedded:{tmp_path}/channel.db"), EmbeddedChannel)
    assert isinstance(open_channel("amqp://guest:guest@localhost/%2f"), RabbitChannel)
    assert isinstance(open_channel("amqps://guest:guest@localhost/%2f"), RabbitChannel)


@pytest.mark.parametrize("where", ["kafka://user:hush@host", "embedded:", "somewhere", ""])
def test_another_address_is_an_error_that_shows_what_to_write_and_no_secret(where: str) -> None:
    with pytest.raises(UsageError, match="write embedded:PATH, amqp://") as failure:
        open_channel(where)

    assert "hush" not in str(failure.value)


def test_an_address_that_does_not_parse_is_an_error_without_its_password() -> None:
    with pytest.raises(ChannelError, match="correct it") as failure:
        open_channel("amqp://user:hush@host:port/%2f")

    assert "hush" not in str(failure.value)
