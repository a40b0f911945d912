"""EDI at work: control numbers, what partners owe, and what they said of what was sent."""

from esb.management.edi.numbers import numbers, set_number
from esb.management.edi.owed import Owed, owed, waiting
from esb.management.edi.resolving import Resolver

__all__ = ["Owed", "Resolver", "numbers", "owed", "set_number", "waiting"]
