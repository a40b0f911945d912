"""Both backends keep every promise of the suite."""

from __future__ import annotations

import pytest

from esb.testing.channel_kit import Backend, Check, name_of
from esb.testing.channel_process_suite import PROCESS_CHECKS
from esb.testing.channel_suite import CHECKS

ALL = CHECKS + PROCESS_CHECKS


@pytest.mark.parametrize("check", ALL, ids=name_of)
async def test_the_embedded_channel_keeps_its_promise(check: Check, embedded: Backend) -> None:
    await check(embedded)


@pytest.mark.rabbitmq
@pytest.mark.parametrize("check", ALL, ids=name_of)
async def test_the_rabbitmq_channel_keeps_its_promise(check: Check, rabbitmq: Backend) -> None:
    await check(rabbitmq)
