"""Control numbers of the simulated store."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import json

from esb.message import Scope
from esb.trading import Counter, NumberClaim

Line = tuple[str, str, str, str, str]


@dataclass(slots=True)
class Numbers:
    """Counters by scope."""

    counters: dict[Line, Counter] = field(default_factory=dict)

    def take(self, claim: NumberClaim) -> bytes:
        """Return the next number of each scope, as the answer that is kept."""
        return json.encode([self._next(scope, claim.at) for scope in claim.scopes])

    def every(self) -> list[Counter]:
        """Return all counters."""
        return [self.counters[line] for line in sorted(self.counters)]

    def put(self, counter: Counter) -> None:
        """Set what comes next."""
        self.counters[_line(counter.scope)] = counter

    def _next(self, scope: Scope, at: float) -> int:
        line = _line(scope)
        known = self.counters.get(line)
        number = known.next if known is not None else 1
        self.counters[line] = Counter(scope, 1 if number >= 10**scope.width - 1 else number + 1, at)
        return number


def _line(scope: Scope) -> Line:
    return scope.dialect, scope.partner, scope.ours, scope.level, scope.kind
