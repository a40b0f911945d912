"""Which faults strike, how often, and the outages that are going on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Weather:
    """How rough a world is: probabilities of one call or one lending, and steps between two strikes.

    `strike` = mean number of steps between two crashes, lost connections or outages; 0 = none.
    """

    unconfirmed: float = 0.0
    """A publish is stored (wholly or in part) and its confirms are lost."""
    refused: float = 0.0
    """A publish or a store call fails and nothing was stored."""
    uncertain: float = 0.0
    """A store call commits and its answer is lost."""
    doubled: float = 0.0
    """A packet is stored twice."""
    shuffled: float = 0.0
    """A packet is lent before older ones."""
    unanswered: float = 0.0
    """An endpoint applies an effect and its answer is lost."""
    failing: float = 0.0
    """An endpoint fails without an effect."""
    unsettled: float = 0.0
    """A settlement is lost together with the connection."""
    slow: float = 0.1
    """A message takes long on its way."""
    strike: int = 0
    skews: tuple[float, ...] = (0.0,)
    """Seconds that the wall clock of a process may be wrong by."""


CALM = Weather()


def draw_weather(random: Random) -> Weather:
    """Return the weather of a world: each kind of fault is absent in some worlds and frequent in others."""

    def often(*choices: float) -> float:
        return random.choice(choices)

    return Weather(
        unconfirmed=often(0.0, 0.05, 0.25),
        refused=often(0.0, 0.03, 0.1),
        uncertain=often(0.0, 0.03, 0.1),
        doubled=often(0.0, 0.1),
        shuffled=often(0.0, 0.3),
        unanswered=often(0.0, 0.1, 0.3),
        failing=often(0.0, 0.1, 0.3),
        unsettled=often(0.0, 0.1),
        slow=often(0.05, 0.2, 0.4),
        strike=random.choice((0, 250, 100, 50)),
        skews=random.choice(((0.0,), (0.0, -2.0, 2.0), (0.0, -3600.0, 3600.0))),
    )


class Faults:
    """The dice of a world: they say whether a fault strikes now, and count what struck. `heal` ends them all."""

    def __init__(self, random: Random, weather: Weather) -> None:
        self.random, self.weather = random, weather
        self.struck: Counter[str] = Counter()
        self.down: set[str] = set()
        """What is out of reach now: `channel`, `store`, or an endpoint's name."""

    def strikes(self, kind: str) -> bool:
        """Return whether a fault of this kind (a field of Weather) strikes this time."""
        chance: float = getattr(self.weather, kind)
        if chance and self.random.random() < chance:
            self.struck[kind] += 1
            return True
        return False

    def heal(self) -> None:
        """End all faults: from now on everything works."""
        self.weather = CALM
        self.down.clear()
