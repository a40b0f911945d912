"""A guard whose secrets are replaced while it stands."""

from __future__ import annotations

from typing import Any

import pytest

from esb.endpoints.http_in.auth import Auth
from esb.errors import DefinitionError, SecurityError
from esb.specs import SecretRef


class World:
    """Secrets and a clock that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0
        self.values = {"secret://env/TOKEN": "first-token"}
        self.clock = self.log = self
        self.lines: list[str] = []

    def now(self) -> float:
        return self.time

    def secret(self, reference: SecretRef) -> str:
        try:
            return self.values[reference.source]
        except KeyError:
            raise DefinitionError(f"{reference.source} has no value") from None

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(f"{event} {fields}")

    warning = info


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def world() -> World:
    return World()


async def admitted(guard: Any, token: str) -> bool:
    try:
        await guard.admit(bearer(token))
    except SecurityError:
        return False
    return True


async def test_a_new_token_is_believed_and_the_old_one_no_longer_without_a_restart(world: World) -> None:
    guard = Auth.model_validate({"bearer": {"tokens": ["secret://env/TOKEN"]}}).guard(world)  # type: ignore[arg-type]
    assert await admitted(guard, "first-token")

    world.values["secret://env/TOKEN"] = "second-token"
    world.time += 6

    assert await admitted(guard, "second-token")
    assert not await admitted(guard, "first-token")
    assert "second" not in "".join(world.lines)


async def test_a_secret_that_is_gone_for_a_moment_locks_nobody_out(world: World) -> None:
    guard = Auth.model_validate({"bearer": {"tokens": ["secret://env/TOKEN"]}}).guard(world)  # type: ignore[arg-type]

    world.values.clear()
    world.time += 6

    assert await admitted(guard, "first-token")
    assert "secret.unread" in world.lines[0]
