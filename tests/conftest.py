"""How properties are tried, in which order files are handed out, and the servers that all tests of a process share."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from esb.testing.postgres_cluster import PostgresCluster
from esb.testing.rabbitmq_node import RabbitNode

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")


def pytest_configure(config: pytest.Config) -> None:
    # Files of few tests last longest here, and would be handed out last: one process would wait for the other.
    config.option.loadscopereorder = False


@pytest.fixture(scope="session")
def node() -> Iterator[RabbitNode]:
    """A broker; who kills or freezes it brings it back."""
    with RabbitNode() as started:
        yield started


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresCluster]:
    """A database server that keeps what it confirmed; who kills it brings it back."""
    with PostgresCluster() as started:
        yield started


@pytest.fixture
def amqp_url(node: RabbitNode) -> str:
    """A virtual host of its own."""
    vhost = f"v{secrets.token_hex(4)}"
    node.ctl("add_vhost", vhost)
    node.ctl("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
    return f"{node.url.rsplit('/', 1)[0]}/{vhost}"


@pytest.fixture
def postgres_url(cluster: PostgresCluster) -> str:
    """A database of its own."""
    return cluster.create(f"d{secrets.token_hex(4)}")
