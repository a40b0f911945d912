"""What a correct store does, as checks that every store must pass: `await check(store)` on a store without rows.

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_store_keeps_its_promise(store, check):
    await check(store)
"""

from __future__ import annotations

from esb.testing.store_suite import bodies, forgetting, history, keys, ledger, numbers, parking, trading
from esb.testing.store_suite.values import Check

CHECKS: tuple[Check, ...] = (
    *keys.CHECKS,
    *ledger.CHECKS,
    *parking.CHECKS,
    *numbers.CHECKS,
    *trading.CHECKS,
    *history.CHECKS,
    *bodies.CHECKS,
    *forgetting.CHECKS,
)

__all__ = ["CHECKS", "Check"]
