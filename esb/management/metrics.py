"""Prometheus metrics: depth of every channel and counts of what passed; labels are bounded by the definitions."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import generate_latest

from esb.envelope import Depth
from esb.records import Record


class Metrics:
    """Counts of one process, and gauges that are read when someone scrapes.

    `totals` counts the records by kind; of those that tell of a receipt, only the ones that name a document.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.totals: Tally[str] = Tally()
        labels = ["kind", "route", "place"]
        self._messages = Counter("esb_records", "History records.", labels, registry=self.registry)
        self._ready = self._gauge("esb_channel_ready_messages", "Messages ready to be lent.", "channel")
        self._lent = self._gauge("esb_channel_lent_messages", "Messages lent and not settled.", "channel")
        self._delayed = self._gauge("esb_channel_delayed_messages", "Messages that wait for a retry.", "channel")
        self._oldest = self._gauge("esb_channel_oldest_seconds", "Age of the oldest ready message.", "channel")
        self._breakers = self._gauge("esb_endpoint_open", "1 while the circuit breaker is open.", "endpoint")
        self._parked = self._gauge("esb_parked_messages", "Messages that wait for a person.", "class")

    def _gauge(self, name: str, text: str, label: str) -> Gauge:
        return Gauge(name, text, [label], registry=self.registry)

    def count(self, records: Iterable[Record]) -> None:
        """Count records as the recorder writes them."""
        for record in records:
            self._messages.labels(record.kind, record.route, record.place).inc()
            self.totals[record.kind] += record.kind != "received" or bool(record.child)

    def render(self, depths: Mapping[str, Depth], breakers: Mapping[str, str], parked: Mapping[str, int]) -> bytes:
        """Return the text that Prometheus scrapes."""
        for channel, depth in depths.items():
            self._ready.labels(channel).set(depth.ready)
            self._lent.labels(channel).set(depth.lent)
            self._delayed.labels(channel).set(depth.delayed)
            self._oldest.labels(channel).set(depth.oldest or 0)
        for endpoint, state in breakers.items():
            self._breakers.labels(endpoint).set(state == "open")
        for name in ("invalid", "rejected", "throttled", "transient", "unknown", "bug", ""):
            self._parked.labels(name or "hold").set(parked.get(name, 0))
        return generate_latest(self.registry)
