from __future__ import annotations

import pytest

from esb.stores import SqlStore
from esb.testing.store_suite import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_store_keeps_its_promise(store: SqlStore, check: Check):
    await check(store)
