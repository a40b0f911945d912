"""Webhooks while our process dies, our disk is full, or our store is away: what was promised is kept, once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from esb.testing.openssh import OpenSsh
from esb.testing.postgres_cluster import PostgresCluster

OUTBOX = 'type: file\ndirectory: out\nname: "{{ body.n }}-{{ message.id }}.json"\n'
HOOKS = {
    "endpoints/hooks.yaml": "type: http_in\nauth: none\n",
    "endpoints/outbox.yaml": OUTBOX,
    "routes/hooks.yaml": "from: { endpoint: hooks }\nkey: { number: $.n }\nsteps: [{ to: outbox }]\n",
}


async def post(worker: Any, number: int, more: str = "") -> tuple[int, str]:
    """Post a webhook; return its status (0 = nobody answered) and the id of its message."""
    body = json.dumps({"n": number, "more": more})
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"key-{number}"}
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{worker.url}/in/hooks", data=body, headers=headers) as answer,
        ):
            return answer.status, (await answer.json()).get("id", "")
    return 0, ""


def numbers(bus: Any) -> list[str]:
    """Return what stands in the outbox, by number; a number twice is there twice."""
    out = bus.folder / "out"
    return sorted(path.name.partition("-")[0] for path in out.glob("*.json")) if out.is_dir() else []


async def test_a_webhook_whose_answer_was_lost_in_a_kill_has_the_same_id_when_it_comes_again(bus: Any) -> None:
    one = bus()
    one.write(HOOKS)
    worker = await one.worker("worker")
    answered: dict[int, str] = {}

    async def sender(first: int) -> None:
        for number in range(first, 90, 6):
            status, identity = await post(worker, number)
            if status == 202:
                answered[number] = identity

    senders = asyncio.gather(*(sender(first) for first in range(6)))
    await worker.until(lambda: len(answered) >= 30)
    await worker.kill()
    await senders
    before = dict(answered)
    await worker.start()
    again = {number: await post(worker, number) for number in range(90)}
    await worker.until(lambda: len(numbers(one)) >= 90)

    assert 30 <= len(before) < 90
    assert {status for status, _ in again.values()} == {202}
    assert {number: again[number][1] for number in before} == before
    assert numbers(one) == sorted(str(number) for number in range(90))


async def test_a_kill_while_a_body_arrives_leaves_nothing_half(bus: Any) -> None:
    one = bus()
    one.write(HOOKS)
    worker = await one.worker("worker")
    reader, writer = await asyncio.open_connection("127.0.0.1", worker.port)
    head = f"POST /in/hooks HTTP/1.1\r\nHost: 127.0.0.1:{worker.port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Idempotency-Key: key-7\r\nContent-Length: 400000\r\n\r\n".encode() + b'{"n": 7, "more": "' * 9)
    await writer.drain()

    await worker.kill()
    with contextlib.suppress(OSError):
        assert await reader.read() == b""
    writer.close()
    await worker.start()
    found = await one.command("find", "key-7")
    whole = await post(worker, 7, "another content than what was begun")
    await worker.until(lambda: numbers(one) == ["7"])

    assert found[0] == 1
    assert whole[0] == 202


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


async def test_a_full_disk_is_answered_with_503_and_nothing_that_got_a_202_is_lost(
    bus: Any, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bus()
    one.write(HOOKS)
    (one.folder / "var").symlink_to(small_disk)
    worker = await one.worker("worker")
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 16)):
            file.flush()
    told: list[int] = []

    for number in range(40):
        told.append((await post(worker, number, "x" * 100_000))[0])
    ballast.unlink()
    for number in range(40):
        while (await post(worker, number, "x" * 100_000))[0] != 202:
            await asyncio.sleep(0.05)
    await worker.until(lambda: len(numbers(one)) >= 40)

    assert set(told) <= {202, 503} and 503 in told
    assert numbers(one) == sorted(str(number) for number in range(40))
    assert "Traceback" not in worker.log()


@pytest.mark.postgresql
async def test_while_the_store_is_away_files_stay_where_they_are_and_are_taken_once_when_it_is_back(
    bus: Any, sshd: OpenSsh, cluster: PostgresCluster, postgres_url: str, tmp_path: Path
) -> None:
    one, inbox = bus(store=postgres_url), sshd.folder / tmp_path.name
    inbox.mkdir()
    given = sshd.endpoint(inbox.name, match="*.json", poll="100ms", ready={"unchanged_for": "0s"}, lease="2s")
    one.write(
        {
            "endpoints/inbox.yaml": yaml.safe_dump(given | {"auth": {"key": "secret://file/key"}}),
            "endpoints/outbox.yaml": OUTBOX,
            "routes/numbers.yaml": "from: { endpoint: inbox }\nsteps: [{ to: outbox }]\n",
            "secrets/key": sshd.client_key.read_text(),
        }
    )
    worker = await one.worker("worker")

    def drop(first: int) -> None:
        for number in range(first, first + 20):
            (inbox / f"{number}.tmp").write_text(json.dumps({"n": number}))
            (inbox / f"{number}.tmp").rename(inbox / f"{number}.json")

    drop(0)
    await worker.until(lambda: len(numbers(one)) == 20)
    cluster.kill()
    drop(20)
    seen = worker.log().count("file.postponed") + worker.log().count("waits")
    await worker.until(lambda: worker.log().count("file.postponed") + worker.log().count("waits") > seen + 2)
    done = len(list((inbox / "done").iterdir()))
    cluster.restart()  # in this thread: the server ends with the thread that started it
    await worker.until(lambda: len(numbers(one)) >= 40)
    await worker.until(lambda: len(list((inbox / "done").iterdir())) == 40)

    assert done == 20
    assert numbers(one) == sorted(str(number) for number in range(40))
    assert not (inbox / "failed").exists()


async def test_the_same_content_under_a_new_name_is_a_new_delivery_whose_documents_a_route_can_recognise(
    bus: Any,
) -> None:
    one = bus()
    inbox = one.folder / "in"
    inbox.mkdir(parents=True)
    route = (
        "from: { endpoint: inbox }\nsteps:\n  - { id: each, to: outbox }\n"
        "  - deduplicate: { key: $.n, keep: 1d }\n  - { id: first, to: once }\n"
    )
    one.write(
        {
            "endpoints/inbox.yaml": "type: file\ndirectory: in\npoll: 50ms\nready: { unchanged_for: 0s }\n",
            "endpoints/outbox.yaml": OUTBOX,
            "endpoints/once.yaml": OUTBOX.replace("directory: out", "directory: once"),
            "routes/numbers.yaml": route,
        }
    )
    for name in ("a.json", "b.json"):
        (inbox / name).write_text('{"n": 1}')
    worker = await one.worker("worker")

    await worker.until(lambda: len(numbers(one)) >= 2)
    await worker.until(lambda: len(list((one.folder / "once").glob("*.json"))) == 1)
    found = [await one.command("find", name) for name in ("a.json", "b.json")]

    assert numbers(one) == ["1", "1"]
    assert len(list((one.folder / "once").glob("*.json"))) == 1
    assert [code for code, _ in found] == [0, 0]
