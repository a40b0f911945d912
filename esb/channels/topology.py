"""What the bus needs at a RabbitMQ broker: names, exchanges and queues, declared and inspected through kombu.

Every argument is written here and none is left to the broker's version: RabbitMQ 4 has other defaults than 3.
"""

# mypy: disable-error-code="no-untyped-call"
# kombu says that it is typed; most of it is not.

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from amqp.exceptions import AMQPError, NotFound, PreconditionFailed
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.entity import binding as bind
from kombu.exceptions import OperationalError
from msgspec import Struct
from pika import URLParameters

from esb.envelope import ChannelSpec, Topology
from esb.errors import ChannelError

RUNGS: Mapping[str, float] = {"1s": 1.0, "10s": 10.0, "1m": 60.0, "10m": 600.0, "1h": 3600.0}
"""Delays in seconds. One queue each, shared by all: in a queue of mixed delays the short ones wait behind the long."""

EXCHANGES_OF_KINDS = ("route", "delivery")
RUNG_HEADER = "esb-rung"
NAME_LIMIT = 200
"""Characters of a channel name: AMQP allows 255 bytes for a queue name, prefix and all."""

_NO_LIMIT = 1_000_000  # 0 would mean "at once" and leaving it out would mean 20 from RabbitMQ 4 on
_REPLICAS = 3
_CONNECT_SECONDS = 10.0


class Names(Struct, frozen=True):
    """Names at the broker. Two buses on one virtual host differ by prefix."""

    prefix: str = "esb"

    def exchange(self, name: str) -> str:
        """Return the exchange: `route delivery events retry return dead`."""
        return f"{self.prefix}.{name}"

    def queue(self, channel: str) -> str:
        """Return the queue of a channel: `route/orders` waits in `esb.route.orders`."""
        return f"{self.prefix}.{channel.replace('/', '.', 1)}"

    def channel(self, queue: str) -> str:
        """Return the channel of a queue, the other way round."""
        kind, dot, name = queue.removeprefix(f"{self.prefix}.").partition(".")
        return f"{kind}/{name}" if dot else kind

    def target(self, to: str) -> tuple[str, str]:
        """Return exchange and routing key of an address."""
        kind, _, name = to.partition("/")
        if kind == "event":
            return self.exchange("events"), name
        if kind in EXCHANGES_OF_KINDS and name:
            return self.exchange(kind), name
        if to == "dead":
            return self.exchange("dead"), to
        return "", self.queue(to)


class Difference(Struct, frozen=True):
    """What the broker has is not what the topology says; `text` tells what, and what to do."""

    name: str
    text: str


def exchanges(names: Names) -> list[Exchange]:
    """Return the exchanges, targets before what refers to them."""
    plain = [("dead", "fanout"), ("route", "direct"), ("delivery", "direct"), ("events", "topic"), ("retry", "headers")]
    unroutable = {"alternate-exchange": names.exchange("dead")}
    return [
        *(Exchange(names.exchange(name), kind, durable=True) for name, kind in plain),
        # What comes back from a delay to a channel that is gone ends among the dead, with its original routing key.
        Exchange(names.exchange("return"), "direct", durable=True, arguments=unroutable),
    ]


def queues(names: Names, topology: Topology) -> list[Queue]:
    """Return every queue with its bindings: `dead` first, then the rungs, `journal` and the channels."""
    specs = {spec.name: spec for spec in (ChannelSpec("journal"), *topology.channels) if spec.name != "dead"}
    for name in specs:
        if not name or len(name) > NAME_LIMIT:
            raise ChannelError(
                f"channel name {name[:40]!r}… is empty or longer than {NAME_LIMIT} characters; shorten it"
            )
    return [
        _dead(names),
        *(_rung(names, rung, seconds) for rung, seconds in RUNGS.items()),
        *(_queue(names, spec, topology) for spec in specs.values()),
    ]


def declare(url: str, names: Names, topology: Topology) -> None:
    """Declare everything that is missing; blocks, so call it in a thread.

    Raises:
        ChannelError: The broker is out of reach, or has queues with other arguments: those are left as they are, all
            others are declared.
    """
    with _broker(url) as broker:
        differences = [found for thing in _things(names, topology) if (found := _declare(broker, thing))]
    if differences:
        texts = "; ".join(difference.text for difference in differences)
        raise ChannelError(f"the broker's topology differs and needs a migration: {texts}")


def compare(url: str, names: Names, topology: Topology) -> list[Difference]:
    """Return what is missing or other at the broker, and change nothing; blocks, so call it in a thread."""
    differences = []
    with _broker(url) as broker:
        for thing in _things(names, topology):
            found = _missing(broker, thing) or _declare(broker, thing)
            if found:
                differences.append(found)
    return differences


def depths(url: str, queues_: Sequence[str]) -> dict[str, int]:
    """Return how many messages are ready in each queue that exists; blocks, so call it in a thread."""
    found = {}
    with _broker(url) as broker:
        for queue in queues_:
            with suppress(NotFound):
                found[queue] = broker.fresh().queue_declare(queue, passive=True).message_count
    return found


def delete(url: str, names: Names, channels: Sequence[str]) -> None:
    """Delete the queues of these channels with all that is in them; blocks, so call it in a thread."""
    with _broker(url) as broker:
        for channel in channels:
            with suppress(NotFound):
                broker.fresh().queue_delete(names.queue(channel))


def rung_for(seconds: float) -> str:
    """Return the longest rung that is not longer than this; a packet takes rungs until it is due."""
    fitting = [name for name, delay in RUNGS.items() if delay <= seconds]
    return fitting[-1] if fitting else next(iter(RUNGS))


# --- queues


def _quorum(names: Names, **more: Any) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-quorum-initial-group-size": _REPLICAS,
        "x-queue-leader-locator": "balanced",
        # At-least-once dead-lettering falls back to at-most-once, silently, when the overflow is not reject-publish.
        "x-overflow": "reject-publish",
        "x-dead-letter-strategy": "at-least-once",
        "x-dead-letter-exchange": names.exchange("dead"),
        **more,
    }


def _queue(names: Names, spec: ChannelSpec, topology: Topology) -> Queue:
    # The broker counts deliveries beyond the first.
    more: dict[str, Any] = {"x-delivery-limit": max(0, spec.delivery_limit - 1)}
    if spec.ordered:
        more["x-single-active-consumer"] = True
    bindings = [bind(Exchange(names.exchange("return"), "direct"), spec.name)]
    kind, _, name = spec.name.partition("/")
    if kind in EXCHANGES_OF_KINDS and name:
        bindings.append(bind(Exchange(names.exchange(kind), "direct"), name))
    events = Exchange(names.exchange("events"), "topic")
    bindings.extend(bind(events, pattern) for pattern, channel in topology.subscriptions if channel == spec.name)
    return Queue(names.queue(spec.name), bindings=bindings, durable=True, queue_arguments=_quorum(names, **more))


def _dead(names: Names) -> Queue:
    arguments = _quorum(names, **{"x-delivery-limit": _NO_LIMIT})
    del arguments["x-dead-letter-exchange"], arguments["x-dead-letter-strategy"]
    dead = Exchange(names.exchange("dead"), "fanout")
    return Queue(names.queue("dead"), bindings=[bind(dead, "")], durable=True, queue_arguments=arguments)


def _rung(names: Names, rung: str, seconds: float) -> Queue:
    arguments = _quorum(
        names,
        **{
            "x-message-ttl": int(seconds * 1000),
            "x-dead-letter-exchange": names.exchange("return"),
            "x-delivery-limit": _NO_LIMIT,
        },
    )
    retry = Exchange(names.exchange("retry"), "headers")
    choice = bind(retry, "", arguments={"x-match": "all", RUNG_HEADER: rung})
    return Queue(names.queue(f"retry/{rung}"), bindings=[choice], durable=True, queue_arguments=arguments)


def _things(names: Names, topology: Topology) -> list[Exchange | Queue]:
    return [*exchanges(names), *queues(names, topology)]


# --- the broker


class _Broker:
    """A connection and a channel that is opened anew after the broker closed it (it does so with every refusal)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel: Any = None

    def fresh(self) -> Any:
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
        return self._channel


def _declare(broker: _Broker, thing: Exchange | Queue) -> Difference | None:
    try:
        if isinstance(thing, Exchange):
            thing.bind(broker.fresh()).declare()
        else:
            bound = thing.bind(broker.fresh())
            # Not `declare`: that would declare the exchange of every binding again.
            bound.queue_declare()
            for one in thing.bindings:
                bound.bind_to(one.exchange, one.routing_key, one.arguments)
    except PreconditionFailed as error:
        kind = "queue" if isinstance(thing, Queue) else "exchange"
        return Difference(
            thing.name,
            f"{kind} {thing.name} has other arguments ({error.reply_text}); drain it, delete it and declare it again",
        )
    return None


def _missing(broker: _Broker, thing: Exchange | Queue) -> Difference | None:
    try:
        if isinstance(thing, Queue):
            thing.bind(broker.fresh()).queue_declare(passive=True)
        else:
            thing.bind(broker.fresh()).declare(passive=True)
    except NotFound:
        return Difference(thing.name, f"{thing.name} is missing; declare it")
    return None


@contextmanager
def _broker(url: str) -> Iterator[_Broker]:
    """Connect to the first of the URLs (between `;`) that answers."""
    reasons = []
    for one in url.split(";"):
        parameters = URLParameters(one)
        where = f"{parameters.host}:{parameters.port}"
        connection = _connection(parameters)
        try:
            connection.ensure_connection(max_retries=1, interval_start=0)
        except (OSError, AMQPError, OperationalError) as error:
            reasons.append(f"{where} ({error})")
            connection.release()
            continue
        try:
            yield _Broker(connection)
        except (OSError, AMQPError, OperationalError) as error:
            raise ChannelError(f"the broker at {where} refused: {error}") from error
        finally:
            with suppress(OSError, AMQPError):
                connection.release()
        return
    raise ChannelError(f"no broker answers: {', '.join(reasons)}; check that it runs, its address and the password")


def _connection(parameters: URLParameters) -> Connection:
    """Return the connection that pika would make of this URL; TLS is verified, which kombu alone would not do."""
    tls = {"context": {"check_hostname": True}, "server_hostname": parameters.host} if parameters.ssl_options else False
    return Connection(
        hostname=parameters.host,
        port=parameters.port,
        userid=parameters.credentials.username,
        password=parameters.credentials.password,
        virtual_host=parameters.virtual_host,
        transport="pyamqp",  # never "amqp": that takes a C library without confirms if somebody installed it
        ssl=tls,
        connect_timeout=_CONNECT_SECONDS,
    )
