"""Partners drop files to us: with the real OpenSSH client, also one that is killed half-way."""

import asyncio
import contextlib
import json
import os
import signal
import socket

import asyncssh
import pytest
from pydantic import ValidationError

from esb.endpoints.sftp import SftpEndpoint
from esb.endpoints.sftp_server import SftpServerEndpoint
from esb.errors import DefinitionError
from esb.runtime.clock import SystemClock
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, order, until
from esb.testing.endpoint_suite import SourceSuite
from esb.testing.openssh import fingerprint, installed, make_key
from esb.testing.private_server import free_port

HOST_KEY = "secret://file/host_key"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name in ("host", "acme", "bolt", "stranger"):
        make_key(folder / name)
    return folder


def endpoint(keys, **options):
    users = {
        name: {"keys": [(keys / f"{name}.pub").read_text().strip()], "partner": f"{name}-inc"}
        for name in ("acme", "bolt")
    }
    users["acme"] |= options.pop("acme", {})
    return {
        "type": "sftp_server",
        "port": free_port(),
        "host_key": HOST_KEY,
        "users": users,
        "poll": "20ms",
        "settle": "0s",
        **options,
    }


class Server:
    """A running sftp_server endpoint, and the real client that talks to it."""

    def __init__(self, folder, keys, options):
        self.folder, self.keys = folder, keys
        self.given = endpoint(keys, **options)
        self.port = self.given["port"]
        self.world = TestWorld(folder, {HOST_KEY: (keys / "host").read_text()}, clock=SystemClock())
        self.intake = RecordingIntake()
        self.source = SftpServerEndpoint.model_validate(self.given).source("drop", self.world)

    def home(self, user="acme"):
        return self.folder / "sftp" / user

    def command(self, tool, user="acme", key="", *more):
        options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "LogLevel=ERROR", "BatchMode=yes"]
        known = self.folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.port} {(self.keys / 'host.pub').read_text()}")
        return [
            *(installed(tool), "-q", "-i", str(self.keys / (key or user))),
            *(part for option in [*options, f"UserKnownHostsFile={known}"] for part in ("-o", option)),
            *("-P" if tool == "sftp" else "-p", str(self.port), *more, f"{user}@127.0.0.1"),
        ]

    async def sftp(self, *lines, user="acme", key=""):
        """Run a batch of the sftp client; return its exit code and all it said."""
        batch = self.folder / "batch"
        batch.write_text("\n".join(lines) + "\n")
        client = await asyncio.create_subprocess_exec(
            *self.command("sftp", user, key, "-b", str(batch)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(client.communicate(), 20)
        return client.returncode, said.decode()

    def local(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def told(self, event):
        return [fields for _, name, fields in self.world.log.kept if name == event]


@pytest.fixture
async def serve(tmp_path, keys):
    async with contextlib.AsyncExitStack() as stack:

        async def start(**options):
            server = Server(tmp_path, keys, options)
            run = asyncio.ensure_future(server.source.run(server.intake, once=False))
            stack.push_async_callback(stop, run)
            await until(lambda: bool(server.source.port) or run.done())
            return server

        yield start


async def stop(run):
    run.cancel()
    await asyncio.wait([run])
    assert run.cancelled()


async def test_a_file_that_a_client_put_is_taken_with_its_partner(serve):
    server = await serve()
    file = server.local("orders.edi", b"ISA*00*")

    code, said = await server.sftp(f"put {file} orders.edi")

    assert code == 0, said
    await until((server.home() / ".done/orders.edi").exists)
    taken = server.intake.taken[0]
    assert (taken.body, taken.receipt.name, taken.receipt.partner) == (b"ISA*00*", "acme/orders.edi", "acme-inc")
    assert taken.receipt.endpoint == "drop"
    assert taken.key.startswith("acme/orders.edi 7 ")


async def test_a_client_sees_its_file_until_it_is_taken_and_may_change_its_mind(serve):
    server = await serve(settle="60s")
    file = server.local("orders.edi", b"ISA")

    puts = [f"put -p {file} a.edi", f"put {file} b.edi", f"put {file} .hidden"]
    code, said = await server.sftp("pwd", *puts, "ls -la", "rename a.edi c.edi", "rm b.edi", "ls -1", "cd /", "ls -1")

    assert code == 0, said
    assert "Remote working directory: /in" in said
    assert said.index("a.edi") < said.index("c.edi")
    assert said.endswith("in\nout\n")
    assert " root " not in said
    assert ".esb" not in said
    assert sorted(path.name for path in (server.home() / "in").iterdir() if path.is_file()) == [".hidden", "c.edi"]


async def test_a_file_under_a_temporary_name_is_taken_when_it_is_renamed(serve):
    server = await serve()
    file = server.local("orders.edi", b"ISA")

    code, said = await server.sftp(f"put {file} orders.edi.filepart")
    assert code == 0, said
    await server.sftp(f"put {file} marker.edi")
    await until((server.home() / ".done/marker.edi").exists)
    assert [taken.receipt.name for taken in server.intake.taken] == ["acme/marker.edi"]

    await server.sftp("rename orders.edi.filepart orders.edi")
    await until((server.home() / ".done/orders.edi").exists)


async def test_a_client_that_is_killed_half_way_leaves_nothing_and_may_come_again(serve):
    server = await serve()
    file = server.local("big.edi", os.urandom(3_000_000))
    (server.folder / "batch").write_text(f"put {file} big.edi\n")
    uploads = server.home() / ".uploads"
    client = await asyncio.create_subprocess_exec(
        *server.command("sftp", "acme", "", "-l", "4000", "-b", str(server.folder / "batch")),
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    await until(lambda: any(path.stat().st_size > 100_000 for path in uploads.iterdir()))

    os.killpg(client.pid, signal.SIGKILL)
    await client.wait()
    await until(lambda: bool(server.told("sftp_server.cut")))
    left = [*uploads.iterdir(), *(path for path in (server.home() / "in").iterdir() if path.is_file())]
    code, said = await server.sftp(f"put {file} big.edi")

    assert left == []
    assert server.told("sftp_server.cut")[0]["file"] == "in/big.edi"
    assert code == 0, said
    await until(lambda: bool(server.intake.taken))
    assert [taken.body for taken in server.intake.taken] == [file.read_bytes()]


async def test_two_partners_may_send_files_that_are_alike_and_see_only_their_own(serve):
    server = await serve()
    file = server.local("orders.edi", b"ISA")
    os.utime(file, (1_700_000_000, 1_700_000_000))

    for user in ("acme", "bolt"):
        code, said = await server.sftp(f"put -p {file} orders.edi", user=user)
        assert code == 0, said
    await until(lambda: len(server.intake.taken) == 2)

    assert sorted(taken.receipt.partner for taken in server.intake.taken) == ["acme-inc", "bolt-inc"]
    assert {taken.receipt.key.partition("/")[2] for taken in server.intake.taken} == {
        f"orders.edi 3 1700000000000000000 {server.intake.taken[0].digest[:16]}"
    }


@pytest.mark.parametrize(
    "line",
    [
        "get ../../bolt/in/secret.edi",
        "get /../bolt/in/secret.edi",
        "get /etc/passwd",
        "get .esb-claims/drop/lock",
        "ls /bolt",
        "ls .esb-claims",
        "cd ../..//bolt",
        "mkdir new",
        "rmdir /in",
        "rm /in",
        "symlink /etc/passwd link.edi",
        "ln /in/mine.edi other.edi",
        "rename mine.edi /out/mine.edi",
        "rename mine.edi ../../bolt/in/mine.edi",
        "rename mine.edi .esb-claims",
        "put {file} /out/a.edi",
        "put {file} .esb-claims",
        "put {file} /a.edi",
        "put {file} sub/a.edi",
        "put {file} a\\\\b.edi",
        "df",
    ],
)
async def test_what_leads_out_of_the_own_folders_or_is_not_for_partners_is_refused(serve, line):
    server = await serve(settle="60s")
    secret = server.home("bolt") / "in/secret.edi"
    secret.write_text("bolt's")
    file = server.local("mine.edi", b"ISA")
    await server.sftp(f"put {file} mine.edi")

    code, said = await server.sftp(f"lcd {server.folder}", line.format(file=file))

    assert code != 0, said
    assert str(server.folder) not in said.replace(f"lcd {server.folder}", "").replace(str(file), "")
    assert secret.read_text() == "bolt's"
    assert not (server.folder / "secret.edi").exists()


async def test_who_has_no_key_or_is_nobody_is_not_let_in(serve):
    server = await serve()

    for user, key in (("acme", "stranger"), ("acme", "bolt"), ("nobody", "acme"), ("root", "stranger")):
        code, _ = await server.sftp("pwd", user=user, key=key)
        assert code != 0
    assert len(server.told("sftp_server.refused")) == 4


@pytest.mark.parametrize("arguments", [("true",), ("-L", "{port}:127.0.0.1:1", "-N"), ("-s", "netconf")])
async def test_nothing_but_sftp_can_be_had(serve, arguments):
    server = await serve()
    asked = [part.format(port=free_port()) for part in arguments]
    before, after = ([], asked) if asked[0] == "true" else (asked, [])
    if asked[0] == "-s":
        before, after = ["-s"], ["netconf"]
    command = [*server.command("ssh", "acme", "", *before), *after]
    client = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )

    if "-L" in asked:
        port = int(asked[1].partition(":")[0])
        await until(lambda: connects(port))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        client.kill()
        await client.communicate()
    else:
        await asyncio.wait_for(client.communicate(), 10)
        assert client.returncode != 0


def connects(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


async def test_a_file_that_is_too_large_or_more_than_may_wait_is_refused_while_it_is_uploaded(serve):
    server = await serve(settle="60s", max_size="300KB", acme={"quota": "500KB", "files": 3})
    large, half = server.local("large", b"x" * 300_001), server.local("half", b"y" * 200_000)

    too_large, _ = await server.sftp(f"put {large} large.edi")
    fits, said = await server.sftp(f"put {half} 1.edi", f"put {half} 2.edi")
    too_much, _ = await server.sftp(f"put {half} 3.edi")
    small, _ = await server.sftp(f"put {server.local('small', b'z')} 3.edi")
    too_many, _ = await server.sftp(f"put {server.folder / 'small'} 4.edi")

    assert (too_large, fits, too_much, small, too_many) == (1, 0, 1, 0, 1), said
    names = sorted(path.name for path in (server.home() / "in").iterdir() if path.is_file())
    assert names == ["1.edi", "2.edi", "3.edi"]
    assert list((server.home() / ".uploads").iterdir()) == []


async def test_an_upload_cannot_be_resumed_for_nobody_knows_what_it_would_be_a_part_of(serve):
    server = await serve(settle="60s")
    await server.sftp(f"put {server.local('short', b'half')} a.edi")

    code, said = await server.sftp(f"reput {server.local('long', b'half and the rest')} a.edi")

    assert code != 0, said
    assert (server.home() / "in/a.edi").read_bytes() == b"half"


async def test_files_are_picked_up_and_deleted_from_out(serve):
    server = await serve()
    (server.home() / "out/997.edi").write_text("ack")
    (server.home() / "out/.998.edi.tmp").write_text("still written")

    code, said = await server.sftp("ls -1 /out", f"get /out/997.edi {server.folder}/got", "rm /out/997.edi")

    assert code == 0, said
    assert ".998" not in said
    assert (server.folder / "got").read_text() == "ack"
    assert [path.name for path in (server.home() / "out").iterdir()] == [".998.edi.tmp"]


async def test_our_own_sink_delivers_to_our_own_server(serve, keys, tmp_path):
    server = await serve()
    given = {
        "type": "sftp",
        "host": "127.0.0.1",
        "port": server.port,
        "user": "acme",
        "auth": {"key": "secret://file/acme"},
        "host_key": fingerprint(keys / "host"),
        "directory": "/in",
    }
    world = TestWorld(tmp_path, {"secret://file/acme": (keys / "acme").read_text()})
    sink = SftpEndpoint.model_validate({**given, "name": "big.bin"}).sink("out", world)
    message = order(1, os.urandom(5_000_000))
    try:
        done = await asyncio.wait_for(sink.deliver(message, "k"), 20)
    finally:
        await sink.close()

    assert done.detail
    await until(lambda: bool(server.intake.taken))
    assert server.intake.taken[0].body == message.body


async def test_a_file_with_holes_is_refused_when_it_is_closed(serve, keys):
    server = await serve()
    async with asyncssh.connect(
        "127.0.0.1", server.port, config=None, username="acme", client_keys=[str(keys / "acme")], known_hosts=None
    ) as connection, connection.start_sftp_client() as client:  # fmt: skip
        file = await client.open("holes.edi", "wb")
        await file.write(b"end", 1_000_000)

        with pytest.raises(asyncssh.SFTPFailure, match="parts of the file are missing"):
            await file.close()

    assert list((server.home() / ".uploads").iterdir()) == []


async def test_a_port_that_is_taken_is_waited_for(tmp_path, keys):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        server = Server(tmp_path, keys, {})
        server.given["port"] = holder.getsockname()[1]
        server.world.clock = TestWorld(tmp_path).clock
        source = SftpServerEndpoint.model_validate(server.given).source("drop", server.world)
        run = asyncio.ensure_future(source.run(server.intake, once=False))
        await until(lambda: bool(server.told("sftp_server.postponed")))
        waiting = source.port
    await until(lambda: bool(source.port))
    listening = source.port
    await stop(run)

    assert not waiting
    assert listening == server.given["port"]


async def test_the_log_says_which_fingerprint_partners_must_pin(serve, keys):
    server = await serve()

    assert server.told("sftp_server.listening")[0]["fingerprint"] == fingerprint(keys / "host")


def test_a_host_key_that_is_none_is_said_with_how_to_make_one(tmp_path, keys):
    spec = SftpServerEndpoint.model_validate(endpoint(keys))

    with pytest.raises(DefinitionError, match="ssh-keygen -t ed25519") as error:
        spec.source("drop", TestWorld(tmp_path, {HOST_KEY: "no key, but a secret"}))
    assert "but a secret" not in str(error.value)


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"users": {}}, "users"),
        ({"users": {"acme": {"keys": []}}}, "keys"),
        ({"users": {"acme": {"keys": ["ssh-ed25519 nonsense"]}}}, ".pub"),
        ({"users": {"../acme": {"keys": ["x"]}}}, "pattern"),
        ({"host_key": "/etc/ssh/ssh_host_ed25519_key"}, "secret"),
    ],
)
def test_what_is_wrong_in_the_definition_is_said(keys, changed, hint):
    with pytest.raises(ValidationError) as error:
        SftpServerEndpoint.model_validate(endpoint(keys) | changed)

    assert hint in json.dumps(error.value.errors(include_url=False), default=str)


class Drop:
    def __init__(self, folder, keys):
        server = Server(folder, keys, {})
        server.world.clock = TestWorld(folder).clock
        self.intake, self.source = server.intake, server.source
        self.inbox = server.home() / "in"
        self.inbox.mkdir(parents=True)

    async def put(self, name, body):
        (self.inbox / name).write_bytes(body)

    async def waiting(self):
        claims = self.inbox / ".esb-claims"
        return [path.name for path in (*self.inbox.iterdir(), *claims.rglob("*.dat")) if path.is_file()]


class TestSftpServerSource(SourceSuite):
    @pytest.fixture(autouse=True)
    def _keys(self, keys):
        self.keys = keys

    @contextlib.asynccontextmanager
    async def open_place(self, folder):
        yield Drop(folder, self.keys)
