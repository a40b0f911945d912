from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

from esb.stores import SqlStore

WORKERS, KEYS = 3, 300
_WORKER = """
import asyncio, json, random, sys
from esb.records import IntakeKey, KeyClaim, LedgerEntry, LedgerKey, Record
from esb.stores import open_store

async def main(url, worker, keys):
    store, order = open_store(url), random.Random(worker)
    await store.open()
    numbers = list(range(keys))
    order.shuffle(numbers)
    batches = [numbers[at : at + 20] for at in range(0, keys, 20)]
    print("ready", flush=True)
    sys.stdin.readline()

    async def batch(some):
        claims = await store.claim([KeyClaim(f"{worker}/{n}", "s", str(n), str(worker), 60.0, 1.0) for n in some])
        taken = await store.reserve([IntakeKey("in", str(n), "d", f"m{n}", 1.0) for n in some])
        before = await store.intend([LedgerEntry(LedgerKey("erp", f"m{n}"), "intent", 1, 1.0) for n in some])
        kept = await store.record({f"a{n}": b"%d" % worker for n in some}, {})
        await store.append([Record(id=f"r{n}", kind="note", message_id="all", at=float(n)) for n in some])
        return [
            (n, claim.decode(), one.state, entry is None, int(kept[f"a{n}"]))
            for n, claim, one, entry in zip(some, claims, taken, before)
        ]

    found = await asyncio.gather(*(batch(some) for some in batches))
    await store.close()
    print(json.dumps([row for rows in found for row in rows]))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


async def test_of_several_processes_that_ask_for_the_same_keys_one_wins_each(store: SqlStore, url: str):
    found = _race(url)

    rows = [row for worker in found for row in worker]
    firsts = Counter(number for number, claim, *_ in rows if claim == "first")
    assert firsts == dict.fromkeys(range(KEYS), 1)
    assert {claim for _, claim, *_ in rows} == {"first", "wait"}
    assert Counter(row[0] for row in rows if row[2] == "new") == dict.fromkeys(range(KEYS), 1)
    assert Counter(row[0] for row in rows if row[3]) == dict.fromkeys(range(KEYS), 1)
    for number in range(KEYS):
        assert len({row[4] for row in rows if row[0] == number}) == 1, "two processes recorded two answers"
    assert len(await store.history("all")) == KEYS


def _race(url: str) -> list[list[list[object]]]:
    """Let the workers start together and return what each was told."""
    commands = [[sys.executable, "-c", _WORKER, url, str(worker), str(KEYS)] for worker in range(WORKERS)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for command in commands
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    outputs = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        output, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
        outputs.append(json.loads(output))
    return outputs


async def test_processes_that_find_an_empty_database_at_once_make_one_schema(tmp_path, cluster):
    code = (
        "import asyncio, sys\n"
        "from esb.stores import open_store\n"
        "async def main():\n"
        "    store = open_store(sys.argv[1])\n"
        "    await store.open()\n"
        "    await store.lease(sys.argv[2], 'x', 1.0, 1.0)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    for url in (f"sqlite:{tmp_path / 'new.db'}", cluster.create("together")):
        workers = [subprocess.Popen([sys.executable, "-c", code, url, str(n)]) for n in range(3)]

        assert [worker.wait(60) for worker in workers] == [0, 0, 0]
