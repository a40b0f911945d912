from __future__ import annotations

import pytest

from esb.testing import rabbitmq_node
from esb.testing.rabbitmq_node import NodeError, RabbitNode


def test_a_machine_without_rabbitmq_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq_node, "_PLACES", ("/nowhere",))

    with pytest.raises(NodeError, match="apt-get install"):
        RabbitNode()


@pytest.mark.rabbitmq
def test_the_node_is_ours_alone(node: RabbitNode) -> None:
    assert f"esb{node.port}@localhost" in node.ctl("eval", "node().")
    with pytest.raises(NodeError, match="no-such-command"):
        node.ctl("no-such-command")
