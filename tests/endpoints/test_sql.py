"""sql: rows become messages and messages rows, each once, against a real PostgreSQL (and SQLite as another)."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import Boolean, Date, DateTime, Integer, LargeBinary, Numeric, String, Time, Uuid

from esb.endpoints.sql import SqlEndpoint
from esb.endpoints.sql.actions import statement_fault
from esb.endpoints.sql.source import earlier, reading, written
from esb.endpoints.sql.values import column_of, document_of
from esb.errors import DefinitionError, EndpointError, RejectedError, StoreError, UnknownOutcomeError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, journal_rows, order, raised, until
from esb.testing.endpoint_suite import SinkSuite, SourceSuite
from esb.testing.postgres_cluster import PostgresCluster
from esb.testing.tcp_proxy import TcpProxy

WORKER = """
import asyncio, json, sys
from pathlib import Path
import esb.routes.parts
from esb.endpoints.sql import SqlEndpoint
from esb.testing.endpoint_kit import RecordingIntake, TestWorld
folder, options, password = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
world = TestWorld(folder, {"secret://env/PW": password})
source = SqlEndpoint.model_validate({"type": "sql", **options}).source("erp", world)
asyncio.run(source.run(RecordingIntake(folder / "journal"), once=False))
"""


@pytest.fixture(scope="module")
def cluster():
    with PostgresCluster(durable=False) as running:
        yield running


class Erp:
    """A database of its own, seen from its own side by another client."""

    def __init__(self, url):
        self.url = url
        head, _, self.database = url.rpartition("/")
        self.password = head.split(":")[2].split("@")[0]
        self.port = int(head.rpartition(":")[2])
        self.options = self.at(self.port)

    def at(self, port):
        return {
            "url": f"postgresql://127.0.0.1:{port}/{self.database}",
            "user": "esb",
            "password": "secret://env/PW",
            "timeout": "10s",
        }

    async def run(self, sql, *values):
        connection = await asyncpg.connect(self.url)
        try:
            return [dict(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    def world(self, folder):
        return TestWorld(folder, {"secret://env/PW": self.password})

    def source(self, folder, **options):
        world, intake = self.world(folder), RecordingIntake()
        spec = SqlEndpoint.model_validate({"type": "sql", **self.options, **options})
        return spec.source("erp", world), intake, world

    @asynccontextmanager
    async def sink(self, folder, **options):
        spec = SqlEndpoint.model_validate({"type": "sql", **self.options, **options})
        sink = spec.sink("erp", self.world(folder))
        try:
            yield sink
        finally:
            await sink.close()


@pytest.fixture
async def erp(cluster):
    made = Erp(await asyncio.to_thread(cluster.create, f"erp{uuid4().hex[:10]}"))
    await made.run("CREATE TABLE orders (number text PRIMARY KEY, total numeric(12,2), at timestamptz, seq bigint)")
    await made.run("CREATE TABLE outbox (id serial PRIMARY KEY, name text, body bytea, sent boolean DEFAULT false)")
    await made.run("CREATE TABLE deliveries (id text PRIMARY KEY)")
    return made


def documents(intake):
    return [json.loads(taken.body) for taken in intake.taken]


RISING = {"select": "SELECT * FROM orders WHERE seq > :cursor ORDER BY seq", "key": "number"}
BY_SEQ = {**RISING, "cursor": {"column": "seq", "start": "0"}}
MARKED = {
    "select": "SELECT id, name, body FROM outbox WHERE NOT sent ORDER BY id FOR UPDATE SKIP LOCKED",
    "mark": "UPDATE outbox SET sent = true WHERE id = :id",
    "key": "name",
    "body": "body",
}


async def fill(erp, numbers):
    sql = (
        "INSERT INTO orders SELECT 'o' || n, n * 1.10, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 s', n "
        "FROM unnest($1::int[]) n"
    )
    await erp.run(sql, list(numbers))


# -- by a column that rises


async def test_rows_behind_the_cursor_become_documents_with_exact_values(erp, tmp_path):
    await fill(erp, [1, 2, 3])
    source, intake, _ = erp.source(tmp_path, **BY_SEQ)

    await source.run(intake, once=True)
    await fill(erp, [4])
    again, _, _ = erp.source(tmp_path, **BY_SEQ)
    await again.run(intake, once=True)

    assert [each["number"] for each in documents(intake)] == ["o1", "o2", "o3", "o4"]
    assert intake.taken[0].body == b'{"number":"o1","total":1.10,"at":"2026-01-01T00:00:01+00:00","seq":1}'
    assert intake.repeated == []


async def test_a_time_may_be_the_cursor_and_what_is_committed_late_is_taken(erp, tmp_path):
    options = {
        "select": "SELECT * FROM orders WHERE at > :cursor ORDER BY at",
        "cursor": {"column": "at", "start": "2026-01-01T00:00:00Z", "overlap": "10s"},
        "key": "number",
    }
    await fill(erp, [1, 2, 20])
    source, intake, _ = erp.source(tmp_path, **options)
    await source.run(intake, once=True)
    await fill(erp, [15])
    again, _, _ = erp.source(tmp_path, **options)
    await again.run(intake, once=True)

    assert [each["number"] for each in documents(intake)] == ["o1", "o2", "o20", "o15"]
    assert [key.split()[0] for key in intake.repeated] == ["o20"]


async def test_rows_that_share_a_value_are_not_lost_between_batches(erp, tmp_path):
    sql = "INSERT INTO orders SELECT 'o' || n, 1, now(), n / 4 + 1 FROM generate_series(0, 40) n"
    await erp.run(sql)
    source, intake, world = erp.source(tmp_path, **BY_SEQ, rows=3)
    taken = 0

    def full(receipt):
        nonlocal taken
        taken += 1
        if taken == 15:
            raise StoreError("the store is out of reach")

    intake.failing = full
    await source.run(intake, once=True)

    assert len(intake.taken) == 41
    assert "poll.postponed" in world.log.events()


async def test_a_row_that_has_changed_is_new_and_one_that_has_not_is_known(erp, tmp_path):
    options = {**BY_SEQ, "cursor": {"column": "seq", "start": "0", "overlap": "100s"}}
    await fill(erp, [1, 2])
    source, first, _ = erp.source(tmp_path, **options)
    await source.run(first, once=True)
    await erp.run("UPDATE orders SET total = 99 WHERE number = 'o2'")
    for _ in range(2):
        again, _, _ = erp.source(tmp_path, **options)
        await again.run(first, once=True)

    assert [(each["number"], each["total"]) for each in documents(first)] == [("o1", 1.1), ("o2", 2.2), ("o2", 99.0)]


async def test_rows_that_do_not_rise_are_refused_before_any_is_lost(erp, tmp_path):
    await fill(erp, [1, 2, 3])
    select = "SELECT * FROM orders WHERE seq > :cursor ORDER BY seq DESC"
    source, intake, _ = erp.source(tmp_path, **{**BY_SEQ, "select": select})

    error = await raised(source.run(intake, once=True), EndpointError)

    assert "ORDER BY" in str(error)
    assert list(tmp_path.rglob("*.mark")) == []


async def test_a_select_that_cannot_work_says_why(erp, tmp_path):
    for options, says in (
        ({**BY_SEQ, "select": "SELECT * FROM nowhere WHERE seq > :cursor ORDER BY seq"}, "nowhere"),
        ({**BY_SEQ, "key": "no_such"}, "no_such"),
        ({**BY_SEQ, "body": "other"}, "it gives number, total, at, seq"),
    ):
        await erp.run("INSERT INTO orders VALUES ('x', 1, now(), 1) ON CONFLICT DO NOTHING")
        source, intake, _ = erp.source(tmp_path, **options)
        told = await raised(source.check(), EndpointError)
        error = await raised(source.run(intake, once=True), EndpointError)

        assert says in str(error)
        assert says in str(told)


# -- by a mark


async def test_rows_are_marked_when_they_are_durable(erp, tmp_path):
    await erp.run("INSERT INTO outbox (name, body) SELECT 'n' || n, 'b' FROM generate_series(1, 7) n")
    source, intake, _ = erp.source(tmp_path, **MARKED, rows=3)

    await source.run(intake, once=True)

    assert len(intake.taken) == 7
    assert await erp.run("SELECT count(*) FROM outbox WHERE NOT sent") == [{"count": 0}]


async def test_a_mark_that_marks_nothing_does_not_go_round_for_ever(erp, tmp_path):
    await erp.run("INSERT INTO outbox (name, body) VALUES ('n', 'b')")
    mark = "UPDATE outbox SET sent = false WHERE id = :id"
    source, intake, _ = erp.source(tmp_path, **{**MARKED, "mark": mark})

    error = await raised(source.run(intake, once=True), EndpointError)

    assert "let mark take them out" in str(error)


@pytest.mark.parametrize("how", ["rising", "marked"])
async def test_pollers_that_are_killed_again_and_again_take_everything_once(erp, tmp_path, how):
    if how == "rising":
        await fill(erp, range(1, 401))
        options = {**erp.options, **BY_SEQ, "rows": 20}
    else:
        await erp.run("INSERT INTO outbox (name, body) SELECT 'o' || n, 'b' FROM generate_series(1, 400) n")
        options = {**erp.options, **MARKED, "rows": 20}
    journal = tmp_path / "journal"
    for _ in range(2):
        before = len(journal_rows(journal))
        given = [str(tmp_path), json.dumps({**options, "poll": "10ms"}), erp.password]
        worker = subprocess.Popen([sys.executable, "-c", WORKER, *given], cwd=Path(__file__).parents[2])
        try:
            await until(lambda before=before: len(journal_rows(journal)) > before + 30, 20)
        finally:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
    spec = SqlEndpoint.model_validate({"type": "sql", **options})
    await spec.source("erp", erp.world(tmp_path)).run(RecordingIntake(journal), once=True)

    keys = [row["key"].split()[0] for row in journal_rows(journal)]
    assert sorted(keys) == sorted(f"o{n}" for n in range(1, 401))


# -- writing


HEADER = {
    "upsert": "orders",
    "key": ["number"],
    "values": {"number": "$.order.number", "total": "{{ body.total }}", "at": "$.at", "seq": "$.seq"},
}
MESSAGE = {"order": {"number": "PO-1"}, "total": "12.50", "at": "2026-01-31T09:30:00+01:00", "seq": 7}


def message(document=None, number=1):
    return order(number, json.dumps({**MESSAGE, **(document or {})}).encode())


async def test_values_take_the_types_of_their_columns(erp, tmp_path):
    async with erp.sink(tmp_path, write=[HEADER]) as sink:
        done = await sink.deliver(message(), "k")

    (row,) = await erp.run("SELECT * FROM orders")
    assert row["total"] == Decimal("12.50")
    assert row["at"] == datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
    assert "1 rows" in done.detail


async def test_an_upsert_replaces_what_was_there(erp, tmp_path):
    async with erp.sink(tmp_path, write=[HEADER]) as sink:
        await sink.deliver(message(), "k")
        await sink.deliver(message({"total": 13}), "k2")

    assert [row["total"] for row in await erp.run("SELECT * FROM orders")] == [Decimal("13.00")]


LINES = {
    "insert": "lines",
    "each": "$.lines",
    "values": {"number": "{{ root.order.number }}", "line": "{{ index }}", "sku": "$.sku", "qty": "{{ item.qty }}"},
}


async def test_header_and_lines_are_written_together_or_not_at_all(erp, tmp_path):
    await erp.run("CREATE TABLE lines (number text, line int, sku text, qty int CHECK (qty > 0))")
    async with erp.sink(tmp_path, write=[HEADER, LINES], ledger="deliveries") as sink:
        await sink.deliver(message({"lines": [{"sku": "0024", "qty": 2}, {"sku": "A", "qty": "3"}]}), "k1")
        bad = message({"order": {"number": "PO-2"}, "lines": [{"sku": "B", "qty": 1}, {"sku": "C", "qty": 0}]})
        error = await raised(sink.deliver(bad, "k2"), RejectedError)

    rows = await erp.run("SELECT * FROM lines ORDER BY line")
    assert [(row["number"], row["line"], row["sku"], row["qty"]) for row in rows] == [
        ("PO-1", 1, "0024", 2),
        ("PO-1", 2, "A", 3),
    ]
    assert [row["number"] for row in await erp.run("SELECT number FROM orders")] == ["PO-1"]
    assert await erp.run("SELECT id FROM deliveries") == [{"id": "k1"}]
    assert "lines_qty_check" in str(error)


async def test_a_repeat_is_recognised_by_the_ledger_even_side_by_side(erp, tmp_path):
    await erp.run("CREATE TABLE lines (number text, line int, sku text, qty int)")
    write = [{"insert": "lines", "values": {"number": "$.order.number"}}]
    async with erp.sink(tmp_path, write=write, ledger="deliveries") as sink:
        done = await asyncio.gather(*(sink.deliver(message(), "k") for _ in range(8)))
        there = await sink.applied(message(), "k"), await sink.applied(message(), "other")

    assert await erp.run("SELECT count(*) FROM lines") == [{"count": 1}]
    assert sum("before" in each.detail for each in done) == 7
    assert there == (True, False)


async def test_a_statement_gets_bound_values_and_may_say_how_many_rows_it_must_change(erp, tmp_path):
    await fill(erp, [1])
    run = {
        "run": "UPDATE orders SET total = :total, at = CAST(:at AS timestamptz) WHERE number = :number",
        "values": {"total": "{{ body.total | decimal }}", "at": "$.at", "number": "$.order.number"},
        "expect": "one",
    }
    async with erp.sink(tmp_path, write=[run], ledger="deliveries") as sink:
        await sink.deliver(message({"order": {"number": "o1"}}), "k1")
        injected = message({"order": {"number": "x' OR '1'='1"}})
        error = await raised(sink.deliver(injected, "k2"), RejectedError)

    assert [row["total"] for row in await erp.run("SELECT total FROM orders")] == [Decimal("12.50")]
    assert "changed 0 rows" in str(error)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"total": "much"}, "column orders.total needs a number"),
        ({"at": "yesterday"}, "column orders.at needs a time"),
        ({"seq": "1.5"}, "column orders.seq needs a whole number"),
        ({"total": "99999999999999"}, "numeric field overflow"),
        ({"order": {"number": None}}, "null value"),
    ],
)
async def test_what_the_database_cannot_take_is_a_refusal_that_names_the_column(erp, tmp_path, document, says):
    async with erp.sink(tmp_path, write=[HEADER]) as sink:
        error = await raised(sink.deliver(message(document), "k"), RejectedError)

    assert says in str(error)
    assert "\n" not in str(error)


async def test_unknown_columns_and_tables_are_named(erp, tmp_path):
    for write, says in (
        ({"upsert": "orders", "key": ["number"], "values": {"number": "1", "colour": "red"}}, "has no column colour"),
        ({"upsert": "nowhere", "key": ["a"], "values": {"a": "1"}}, "nowhere"),
    ):
        async with erp.sink(tmp_path, write=[write]) as sink:
            error = await raised(sink.deliver(message(), "k"), RejectedError)
        assert says in str(error)


async def test_a_database_that_stops_answering_delays_nobody_for_ever(erp, tmp_path):
    async with TcpProxy(erp.port) as proxy:
        options = {**erp.at(proxy.port), "timeout": "1s"}
        async with erp.sink(tmp_path, write=[HEADER], **options) as sink:
            await sink.deliver(message(), "k")
            proxy.stall()
            began = asyncio.get_running_loop().time()
            error = await raised(sink.deliver(message(), "k"), EndpointError)
            took = asyncio.get_running_loop().time() - began
            proxy.flow()
            await sink.deliver(message({"total": 14}), "k3")

    assert type(error) is EndpointError
    assert took < 8
    assert [row["total"] for row in await erp.run("SELECT total FROM orders")] == [Decimal("14.00")]


async def test_a_poller_leaves_a_database_that_hangs_and_goes_on_when_it_answers(erp, tmp_path):
    await fill(erp, [1, 2])
    async with TcpProxy(erp.port) as proxy:
        source, intake, world = erp.source(tmp_path, **BY_SEQ, **{**erp.at(proxy.port), "timeout": "500ms"})
        proxy.stall()
        run = asyncio.ensure_future(source.run(intake, once=True))
        await until(lambda: "poll.postponed" in world.log.events())
        proxy.flow()
        await run

    assert [each["number"] for each in documents(intake)] == ["o1", "o2"]


async def test_a_connection_is_encrypted_to_a_server_that_is_verified(tmp_path, pki):
    with PostgresCluster(durable=False) as own:
        erp = Erp(own.url)
        folder = Path(tempfile.mkdtemp(prefix="esb-pki-", dir="/tmp"))
        owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        for name, text in (("crt", pki["server"][0]), ("key", pki["server"][1])):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
            if owner is not None:
                os.chown(folder / name, owner.pw_uid, owner.pw_gid)
        folder.chmod(0o711)
        try:
            await erp.run("CREATE TABLE orders (number text PRIMARY KEY, total numeric, at timestamptz, seq int)")
            for setting, value in (("ssl_cert_file", folder / "crt"), ("ssl_key_file", folder / "key"), ("ssl", "on")):
                await erp.run(f"ALTER SYSTEM SET {setting} = '{value}'")
            await asyncio.to_thread(own.kill)
            await asyncio.to_thread(own.restart)
            world = TestWorld(tmp_path, {"secret://env/PW": erp.password, "secret://file/ca": pki["ca"]})
            spec = {"type": "sql", **erp.options, "write": [HEADER]}
            trusting = SqlEndpoint.model_validate({**spec, "tls": {"authority": "secret://file/ca"}}).sink("e", world)
            other = SqlEndpoint.model_validate({**spec, "tls": {}}).sink("e", world)
            await trusting.deliver(message(), "k")
            error = await raised(other.deliver(message(), "k"), EndpointError)
            await trusting.close()
            await other.close()
        finally:
            shutil.rmtree(folder)

    assert "certificate" in str(error).lower()


async def test_a_commit_without_an_answer_leaves_the_outcome_unknown(erp, tmp_path):
    await erp.run(
        "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); RETURN NEW; END $$"
    )
    await erp.run(
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION gone()"
    )
    async with erp.sink(tmp_path, write=[HEADER], timeout="500ms") as sink:
        error = await raised(sink.deliver(message(), "k"), EndpointError)

    assert type(error) is UnknownOutcomeError


async def test_refused_credentials_may_heal_and_are_not_shown(erp, tmp_path):
    async with erp.sink(tmp_path, write=[HEADER]) as sink:
        spec = SqlEndpoint.model_validate({"type": "sql", **erp.options, "write": [HEADER]})
        other = spec.sink("erp", TestWorld(tmp_path, {"secret://env/PW": "wr0ng"}))
        error = await raised(other.deliver(message(), "k"), EndpointError)
        await other.close()
        good = await sink.check()

    assert "password authentication failed" in str(error)
    assert "wr0ng" not in str(error)
    assert "has orders" in good


async def test_another_database_is_reached_by_its_driver(tmp_path):
    file = tmp_path / "erp.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE orders (number TEXT PRIMARY KEY, total NUMERIC, seq INTEGER)")
    url = {"type": "sql", "url": f"sqlite:///{file}"}
    values = {"number": "$.order.number", "total": "$.total", "seq": "$.seq"}
    write = [{"upsert": "orders", "key": ["number"], "values": values}]
    sink = SqlEndpoint.model_validate({**url, "write": write}).sink("erp", TestWorld(tmp_path))
    for _ in range(2):
        await sink.deliver(message(), "k")
    await sink.close()
    intake = RecordingIntake()
    await SqlEndpoint.model_validate({**url, **BY_SEQ}).source("erp", TestWorld(tmp_path)).run(intake, once=True)

    assert [each["number"] for each in documents(intake)] == ["PO-1"]


# -- values and cursors


@pytest.mark.parametrize(
    ("value", "kind", "gives"),
    [
        ("12.10", Numeric(), Decimal("12.10")),
        (7, String(), "7"),
        (True, String(), "true"),
        ({"a": Decimal("1.10")}, String(), '{"a":1.10}'),
        ("7", Integer(), 7),
        (Decimal("7.0"), Integer(), 7),
        ("2026-01-31", Date(), date(2026, 1, 31)),
        ("09:30", Time(), time(9, 30)),
        ("2026-01-31T09:30:00", DateTime(), datetime(2026, 1, 31, 9, 30)),
        ("true", Boolean(), True),
        (0, Boolean(), False),
        ("ä", LargeBinary(), "ä".encode()),
        (b"\xc3\xa4", String(), "ä"),
        ("12345678-1234-5678-1234-567812345678", Uuid(), UUID("12345678-1234-5678-1234-567812345678")),
    ],
)
def test_a_documents_value_becomes_the_columns(value, kind, gives):
    found = column_of(value, kind, "t.c")

    assert found == gives
    assert type(found) is type(gives)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("NaN", Numeric()), (True, Numeric()), (True, Integer()), ("x", Integer()), ({}, Integer()), ("", Date()),
        ("2026-01-31T00:00:00", Date()), (5, DateTime()), ("yes", Boolean()), (2, Boolean()), (b"\xff", String()),
        ("1", Uuid()), (5, LargeBinary()),
    ],
)  # fmt: skip
def test_a_value_that_is_none_for_the_column_is_refused(value, kind):
    with pytest.raises(RejectedError, match=r"column t\.c needs"):
        column_of(value, kind, "t.c")


def test_what_a_row_holds_is_exact_in_the_document():
    row = {"f": 0.1, "b": b"\xff", "u": UUID(int=1), "n": None, "l": [Decimal("1.10")], "t": time(9, 30)}

    assert document_of(row) == {
        "f": Decimal("0.1"),
        "b": "/w==",
        "u": str(UUID(int=1)),
        "n": None,
        "l": [Decimal("1.10")],
        "t": "09:30:00",
    }


@given(
    st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False), st.datetimes(), st.dates(), st.text())
)
def test_a_cursor_is_read_as_it_was_written(value):
    found = reading(written(value))

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("cursor", "gives"),
    [
        (100, 90),
        (Decimal("100.5"), Decimal("90.5")),
        ("x", "x"),
        (datetime(2026, 1, 1, 0, 0, 15), datetime(2026, 1, 1, 0, 0, 5)),
    ],
)
def test_an_overlap_begins_earlier(cursor, gives):
    assert earlier(cursor, 10.0) == gives


@pytest.mark.parametrize(
    ("statement", "names", "says"),
    [
        ("SELECT 1; DROP TABLE x", (), "one statement"),
        ("SELECT ';' -- ; \n /* ; */", (), ""),
        ("SELECT :a", (), ":a"),
        ("SELECT 1", ("a",), "does not read :a"),
        ("SELECT '{{ body.x }}'", (), "do not belong"),
        ("SELECT a::text FROM t WHERE b = :b;", ("b",), ""),
    ],
)
def test_statements_that_cannot_be_used_are_refused(statement, names, says):
    fault = statement_fault(statement, frozenset(names))

    assert says in fault
    assert bool(says) == bool(fault)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "write select"),
        ({"write": [HEADER], **BY_SEQ}, "write select"),
        ({"url": "postgresql://u:p@x/y", **BY_SEQ}, "credentials"),
        ({"url": "x", **BY_SEQ}, "postgresql://"),
        ({"url": "postgresql://x/y?sslmode=disable", **BY_SEQ}, "query"),
        ({"select": "SELECT 1"}, "either cursor"),
        ({**BY_SEQ, "select": "SELECT * FROM o WHERE seq > :cursor LIMIT 5"}, "LIMIT"),
        ({**BY_SEQ, "select": "SELECT * FROM o WHERE seq > :cursor"}, "ORDER BY seq"),
        ({**MARKED, "mark": "UPDATE outbox SET sent = true"}, "names no column"),
        ({"write": [{"insert": "t", "values": {"a": "1"}}]}, "would write twice"),
        ({"write": [{"insert": "t; DROP", "values": {"a": "1"}}]}, "pattern"),
        ({"write": [{"insert": "t", "values": {"a b": "1"}}]}, "pattern"),
        ({"write": [{"upsert": "t", "values": {"a": "1"}}]}, "key belongs"),
        ({"write": [{"upsert": "t", "key": ["b"], "values": {"a": "1"}}]}, "has no b"),
        ({"write": [{"insert": "t", "run": "SELECT 1"}]}, "one of"),
        ({"write": [{"run": "DELETE FROM t WHERE a = :a"}]}, ":a"),
        ({"write": [{"insert": "t"}]}, "need values"),
    ],
)
def test_definitions_that_cannot_work_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        SqlEndpoint.model_validate({"type": "sql", "url": "postgresql://db.example/erp", **options})


def test_a_driver_that_is_not_installed_is_named(tmp_path):
    spec = SqlEndpoint.model_validate({"type": "sql", "url": "mysql+asyncmy://x/y", "write": [HEADER]})

    with pytest.raises(DefinitionError, match="asyncmy"):
        spec.sink("erp", TestWorld(tmp_path))


# -- the suites


class TestSqlSource(SourceSuite):
    @pytest.fixture(autouse=True)
    def _erp(self, erp):
        self.erp = erp

    @asynccontextmanager
    async def open_place(self, folder):
        async def put(name, body):
            await self.erp.run("INSERT INTO outbox (name, body) VALUES ($1, $2)", name, body)

        async def waiting():
            return [row["name"] for row in await self.erp.run("SELECT name FROM outbox WHERE NOT sent")]

        source, intake, _ = self.erp.source(folder, **MARKED)
        yield SimpleNamespace(source=source, intake=intake, put=put, waiting=waiting)


class TestSqlSink(SinkSuite):
    @pytest.fixture(autouse=True)
    def _erp(self, erp):
        self.erp = erp

    @asynccontextmanager
    async def open_receiver(self, folder):
        made = SimpleNamespace()
        write = [{"insert": "outbox", "values": {"body": "{{ content }}"}}]

        def open_sink(**options):
            given = {"type": "sql", **self.erp.options, "write": write, "ledger": "deliveries", **options}
            return SqlEndpoint.model_validate(given).sink("erp", self.erp.world(folder))

        async def fail(how):
            await made.sink.close()
            await self.erp.run("ALTER TABLE outbox DROP CONSTRAINT IF EXISTS no")
            if how == "refusing":
                await self.erp.run("ALTER TABLE outbox ADD CONSTRAINT no CHECK (false)")
            made.sink = open_sink(**(self.erp.at(1) if how == "down" else {}))

        async def effects():
            return [row["body"] for row in await self.erp.run("SELECT body FROM outbox")]

        made.sink, made.fail, made.effects = open_sink(), fail, effects
        try:
            yield made
        finally:
            await made.sink.close()
