"""Changes: calls of a step that change something outside, and what is done when nobody knows whether one did.

Where the receiver recognises a repeat by its key, an unknown outcome is repeated with the same key. Anywhere else the
ledger notes that a call begins; one that was cut, or whose answer was lost, is never made again by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from esb.errors import BusyError, EndpointError, UnknownOutcomeError
from esb.message import NamedAsk
from esb.ports import Clock, Ledger
from esb.records import LedgerEntry, LedgerKey
from esb.routes.outcome import recognises
from esb.specs import EndpointSpec

_CLEAN = "not applied"
_LOST = "an earlier call was cut and may have been applied; a person must look at the system"


class Changes:
    """Makes calls that must not take effect twice. `endpoint` gives the definition of a name."""

    def __init__(self, ledger: Ledger, clock: Clock, endpoint: Callable[[str], EndpointSpec]) -> None:
        self._ledger, self._clock, self._endpoint = ledger, clock, endpoint

    async def make(self, asked: NamedAsk, call: Callable[[], Awaitable[Any]]) -> Any:
        """Return the answer of a call.

        Raises:
            UnknownOutcomeError: It may have been applied, now or by an earlier try, and must not be repeated.
            BusyError: A twin may be making it right now.
            EsbError: It was not applied; or it may have been, and can be repeated.
        """
        spec = self._endpoint(asked.ask.target)
        if recognises(spec, asked.ask.request["method"]):
            return await _repeatable(call)
        key = LedgerKey(f"ask/{asked.ask.target}", asked.name)
        begun = self._clock.now()
        lease = 2 * float(getattr(spec, "timeout", 30.0)) + 10.0
        (previous,) = await self._ledger.intend([LedgerEntry(key, "intent", 1, begun, lease=lease)])
        if previous is not None and previous.detail != _CLEAN:
            if previous.state == "intent" and abs(begun - previous.at) < lease:
                raise BusyError("the same call may be under way", lease - abs(begun - previous.at))
            await self._note(key, "unknown", _LOST)
            raise UnknownOutcomeError(_LOST)
        return await self._once(key, call)

    async def _once(self, key: LedgerKey, call: Callable[[], Awaitable[Any]]) -> Any:
        try:
            answer = await call()
        except UnknownOutcomeError as error:
            await self._note(key, "unknown", str(error))
            raise
        except Exception:
            await self._note(key, "intent", _CLEAN)
            raise
        # Done, though its answer is not kept yet: who finds this and no answer knows as little as after a cut.
        await self._note(key, "done", "answered")
        return answer

    async def _note(self, key: LedgerKey, state: Any, detail: str) -> None:
        await self._ledger.conclude([LedgerEntry(key, state, 1, self._clock.now(), detail)])


async def _repeatable(call: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await call()
    except UnknownOutcomeError as error:
        raise EndpointError(f"{error}; it is repeated with the same key", error.retry_after) from error
