"""Two partners on one bus: neither reaches the other's data by path, address, key, number or time."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncssh
import pytest

from esb.endpoints.http_in.guards import KeyGuard
from esb.errors import SecurityError
from esb.testing.endpoint_kit import raised
from esb.testing.openssh import make_key
from esb.testing.private_server import free_port

KEYS = {"acme": "key-of-acme-0001", "bolt": "key-of-bolt-0001"}
ROUTE = """\
from: {{ endpoint: {endpoint} }}
key: {{ order: $.number }}
steps: [{{ call: orders }}]
"""
ANSWER = """\
from: {{ endpoint: {endpoint} }}
steps: [{{ set: {{ body: {{ $.answered: "{{{{ 'yes' }}}}" }} }} }}]
"""
ORDERS = """\
steps:
  - deduplicate: { key: "{{ partner }}/{{ body.number }}", keep: 1d }
  - to: outbox
"""
OUTBOX = 'type: file\ndirectory: out\nname: "{{ partner }}/{{ body.number }}.json"\n'


def project(folder: Path) -> dict[str, str]:
    """Return a project with a drop folder, an address and a synchronous address for each of two partners."""
    users = {}
    for name in ("acme", "bolt"):
        make_key(folder / name)
        users[name] = {"keys": [(folder / f"{name}.pub").read_text().strip()], "partner": name}
    make_key(folder / "host")
    drop = {"type": "sftp_server", "port": free_port(), "host_key": "secret://file/host", "users": users}
    files = {
        "endpoints/drop.yaml": json.dumps(drop | {"poll": "50ms", "settle": "0s"}),
        "endpoints/outbox.yaml": OUTBOX,
        "routes/orders.yaml": ORDERS,
        "routes/drops.yaml": ROUTE.format(endpoint="drop"),
        "secrets/host": (folder / "host").read_text(),
    }
    for name, key in KEYS.items():
        auth = f"type: http_in\npartner: {name}\nauth: {{ api_key: {{ keys: [secret://file/{name}] }} }}\n"
        files |= {
            f"schemas/partners/{name}.yaml": f"description: {name}\n",
            f"secrets/{name}": key,
            f"endpoints/{name}-hooks.yaml": auth,
            f"endpoints/{name}-asks.yaml": auth + "reply: { mode: sync, timeout: 10s }\n",
            f"routes/{name}-hooks.yaml": ROUTE.format(endpoint=f"{name}-hooks"),
            f"routes/{name}-asks.yaml": ANSWER.format(endpoint=f"{name}-asks"),
        }
    return files


class Site:
    """A bus with two partners. `sftp` signs in; `ask` makes a request."""

    def __init__(self, bus: Any, worker: Any, folder: Path) -> None:
        self.bus, self.worker, self._folder = bus, worker, folder
        self._port = json.loads((bus.folder / "endpoints/drop.yaml").read_text())["port"]

    def home(self, user: str) -> Path:
        folder: Path = self.bus.folder / "sftp" / user
        return folder

    def sftp(self, user: str, key: str) -> Any:
        """Return a connection to the drop."""
        keys = [str(self._folder / key)]
        return asyncssh.connect("127.0.0.1", self._port, config=None, username=user, client_keys=keys, known_hosts=None)

    async def ask(self, method: str, path: str, key: str = "", **more: Any) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers but for the date, and body."""
        headers = {"X-API-Key": key} if key else {}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, self.worker.url + path, headers=headers | more.pop("headers", {}), **more
            ) as answer,
        ):
            kept = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "date"}
            return answer.status, kept, await answer.read()

    def outbox(self) -> list[str]:
        """Return what left, as partner/number."""
        out = self.bus.folder / "out"
        return sorted(str(path.relative_to(out))[: -len(".json")] for path in out.rglob("*.json"))


@pytest.fixture
async def site(bus: Any, tmp_path: Path) -> AsyncIterator[Site]:
    one = bus()
    one.write(project(tmp_path))
    made = Site(one, await one.worker("worker"), tmp_path)
    await made.worker.until(lambda: "sftp_server.listening" in made.worker.log())
    yield made


async def test_a_key_of_another_partner_is_answered_as_a_key_of_nobody(site: Site) -> None:
    for address in ("/in/bolt-hooks", "/in/bolt-asks", "/in/bolt-asks/results/" + "0" * 32):
        method = "GET" if "results" in address else "POST"
        theirs = await site.ask(method, address, KEYS["acme"], data=b'{"number": 1}')
        nobodys = await site.ask(method, address, "key-of-nobody-01", data=b'{"number": 1}')

        assert theirs == nobodys
        assert theirs[0] == 401
        assert b"acme" not in theirs[2]


async def test_equal_keys_bodies_and_numbers_of_two_partners_are_two_of_everything(site: Site) -> None:
    body, headers = b'{"number": 10045}', {"Idempotency-Key": "the-same", "Content-Type": "application/json"}
    first = await site.ask("POST", "/in/acme-hooks", KEYS["acme"], data=body, headers=headers)
    second = await site.ask("POST", "/in/bolt-hooks", KEYS["bolt"], data=body, headers=headers)
    await site.worker.until(lambda: len(site.outbox()) == 2)

    async def recorded() -> bool:
        code, said = await site.bus.command("find", "10045", "--json")
        return code == 0 and len(said.splitlines()) == 2

    await site.worker.until(recorded)
    _, of_acme = await site.bus.command("find", "10045", "--partner", "acme", "--json")
    _, of_bolt = await site.bus.command("find", "10045", "--partner", "bolt", "--json")
    nobodys = await site.bus.command("find", "10045", "--partner", "nobody")

    assert (first[0], second[0]) == (202, 202)
    assert "idempotent-replayed" not in second[1]
    assert site.outbox() == ["acme/10045", "bolt/10045"]
    assert json.loads(of_acme)["id"] != json.loads(of_bolt)["id"]
    assert nobodys == (1, "Nothing here of nobody is known as 10045.\n")


async def test_a_reply_is_read_by_nobody_but_its_partner(site: Site) -> None:
    asked = await site.ask("POST", "/in/acme-asks", KEYS["acme"], json={"q": 1}, headers={"Prefer": "respond-async"})
    place = asked[1]["location"]

    async def there() -> bool:
        return (await site.ask("GET", place, KEYS["acme"]))[0] == 200

    await site.worker.until(there)
    at_acmes = await site.ask("GET", place, KEYS["bolt"])
    hook = await site.ask("POST", "/in/acme-hooks", KEYS["acme"], json={"number": 3})
    identity = json.loads(hook[2])["id"]

    async def recorded() -> bool:
        return (await site.ask("GET", f"/v1/messages/{identity}", KEYS["acme"]))[0] == 200

    await site.worker.until(recorded)
    its_state = await site.ask("GET", f"/in/bolt-asks/results/{identity}", KEYS["bolt"])
    at_bolts = await site.ask("GET", place.replace("acme-asks", "bolt-asks"), KEYS["bolt"])
    guessed = await site.ask("GET", f"{place.rpartition('/')[0]}/{'0' * 32}".replace("acme", "bolt"), KEYS["bolt"])

    assert at_acmes[0] == 401
    assert (at_bolts[0], at_bolts[2]) == (404, guessed[2])
    assert (its_state[0], its_state[2]) == (404, guessed[2])
    assert b'"q"' not in at_acmes[2] + at_bolts[2]


async def test_alike_files_of_two_partners_are_two_orders_and_each_sees_its_own_folder(site: Site) -> None:
    for name in ("acme", "bolt"):
        async with site.sftp(name, name) as connection, connection.start_sftp_client() as client:
            async with client.open("orders.json", "w") as file:
                await file.write('{"number": 7}')
            seen = {*await client.listdir("/"), *await client.listdir("/in"), *await client.listdir("/out")}
            assert not seen & {"acme", "bolt", "drop"}

    await site.worker.until(lambda: site.outbox() == ["acme/7", "bolt/7"])


async def test_a_link_that_stands_in_a_folder_leads_nobody_out_and_is_not_taken(site: Site) -> None:
    async with site.sftp("bolt", "bolt"):  # so that its folder is there
        secret = site.home("bolt") / "out/prices.json"
        secret.write_text('{"number": "secret"}')
    async with site.sftp("acme", "acme") as connection, connection.start_sftp_client() as client:
        (site.home("acme") / "in/link.json").symlink_to(secret)
        (site.home("acme") / "in/folder").symlink_to(secret.parent)
        (site.home("acme") / "out/link.json").symlink_to(secret)

        for path in ("/in/link.json", "/in/folder/prices.json", "/out/link.json", "/in/../../bolt/out/prices.json"):
            with pytest.raises(asyncssh.SFTPError):
                async with client.open(path) as file:
                    await file.read()
        async with client.open("after.json", "w") as file:
            await file.write('{"number": 8}')
    await site.worker.until(lambda: "acme/8" in site.outbox())

    assert site.outbox() == ["acme/8"]
    assert secret.read_text() == '{"number": "secret"}'


async def test_names_that_differ_in_case_or_spelling_are_nobody_and_told_alike(site: Site) -> None:
    told = set()
    for user, key in (("ACME", "acme"), ("acme ", "acme"), ("../acme", "acme"), ("acme", "bolt"), ("nobody", "bolt")):
        with pytest.raises(asyncssh.Error) as refused:
            async with site.sftp(user, key):
                pass
        told.add(str(refused.value).replace(user, "NAME"))

    assert len(told) == 1


async def test_as_many_keys_are_compared_whosever_key_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = tuple((hmac.digest(b"", bytes([n]), "sha256"), f"client-{n}") for n in range(20))
    guard = KeyGuard("ApiKey", "x-api-key", accepted)
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def noting(given: bytes, known: bytes) -> bool:
        compared.append(known)
        return compare(given, known)

    monkeypatch.setattr(hmac, "compare_digest", noting)

    await raised(guard.admit({"x-api-key": "a"}), SecurityError)
    await raised(guard.admit({"x-api-key": "a" * 200}), SecurityError)

    assert len(compared) == 2 * len(accepted)


def test_a_partner_that_does_not_exist_is_found_before_anything_runs(bus: Any, tmp_path: Path) -> None:
    one = bus()
    files = project(tmp_path)
    files["endpoints/drop.yaml"] = files["endpoints/drop.yaml"].replace('"partner": "bolt"', '"partner": "bolts"')
    one.write(files)

    code, said = asyncio.run(one.command("validate"))

    assert code != 0
    assert 'partner "bolts" does not exist' in said and "endpoints/drop.yaml" in said
