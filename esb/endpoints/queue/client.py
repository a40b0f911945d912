"""The client's classes, which have no types: what they give is `Any` to whoever uses them."""

from __future__ import annotations

from typing import Any

import kombu.connection
import kombu.entity
import kombu.messaging

connection_of: Any = kombu.connection.Connection
consumer_of: Any = kombu.messaging.Consumer
producer_of: Any = kombu.messaging.Producer
queue_of: Any = kombu.entity.Queue
