"""Many small files at an SFTP server, two workers that poll, one of them killed again and again: each is taken once."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from esb.testing.openssh import OpenSsh

ROUTE = """\
from: { endpoint: inbox }
key: { number: $.number }
steps: [{ to: outbox }]
"""
OUTBOX = 'type: file\ndirectory: out\nname: "{{ body.number }}-{{ message.id }}.json"\nconcurrency: 64\n'


def lay_out(bus: Any, server: OpenSsh, folder: str) -> None:
    inbox = server.endpoint(
        folder, match="*.json", poll="200ms", lease="1s", timeout="10s", ready={"unchanged_for": "0s"}
    )
    inbox["auth"] = {"key": "secret://file/key"}
    bus.write(
        {
            "endpoints/inbox.yaml": yaml.safe_dump(inbox),
            "endpoints/outbox.yaml": OUTBOX,
            "routes/numbers.yaml": ROUTE,
            "secrets/key": server.client_key.read_text(),
        }
    )


def drop(inbox: Path, count: int) -> None:
    for number in range(count):
        (inbox / f"{number}.json").write_text(json.dumps({"number": number, "text": "x" * 400}))


async def run(bus: Any, inbox: Path, count: int, kills: int) -> tuple[float, int]:
    """Let two workers take all of it, kill one or the other at random moments; return seconds and kills."""
    workers = [await bus.worker("first"), await bus.worker("second")]
    chance, done, out = random.Random(count), inbox / "done", bus.folder / "out"
    began = time.monotonic()
    for kill in range(kills):
        victim = workers[kill % 2]
        await victim.until(taken(done, chance.randint(kill, kill + 1) * count // (kills + 1)), 300)
        await victim.kill()
        await asyncio.sleep(chance.random())  # at which moment of the other's work it comes back
        await victim.start()
    for worker in workers:
        await worker.until(taken(done, count), 600)
        await worker.until(taken(out, count), 600)
    return time.monotonic() - began, kills


def taken(folder: Path, count: int) -> Callable[[], bool]:
    return lambda: folder.is_dir() and sum(not name.name.startswith(".") for name in folder.iterdir()) >= count


def assert_each_once(bus: Any, inbox: Path, count: int) -> None:
    sent = Counter(path.name.partition("-")[0] for path in (bus.folder / "out").iterdir())
    left = sorted(path.name for path in inbox.iterdir() if path.is_file())
    assert left == []
    assert sorted(path.name for path in (inbox / "done").iterdir()) == sorted(f"{n}.json" for n in range(count))
    assert not (inbox / "failed").exists()
    assert sent == Counter(str(number) for number in range(count))


@pytest.mark.rabbitmq
@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("count", "kills"),
    [
        pytest.param(500, 4, marks=pytest.mark.timeout(300)),
        pytest.param(10_000, 20, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
async def test_of_many_small_files_each_is_taken_once_by_two_workers_that_are_killed_in_turn(
    bus: Any, sshd: OpenSsh, amqp_url: str, postgres_url: str, tmp_path: Path, count: int, kills: int
) -> None:
    one = bus(amqp_url, postgres_url)
    inbox = sshd.folder / tmp_path.name
    inbox.mkdir()
    lay_out(one, sshd, inbox.name)
    drop(inbox, count)

    seconds, killed = await run(one, inbox, count, kills)

    print(f"{count} files, {killed} kills: {seconds:.1f} s, {count / seconds:.0f} files/s")
    assert_each_once(one, inbox, count)
