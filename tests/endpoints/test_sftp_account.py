"""Who is let in, who is believed, and what the error says: against real OpenSSH servers."""

import asyncio
import contextlib
import json

import asyncssh
import pytest
from pydantic import ValidationError

from esb.endpoints.sftp import SftpEndpoint
from esb.endpoints.sftp.account import fingerprint_of
from esb.errors import DefinitionError, EndpointError
from esb.testing.endpoint_kit import TestWorld, raised
from esb.testing.openssh import CLIENT_KEY, OpenSsh, fingerprint, make_key

PASSWORD = "secret://env/PASSWORD"


@pytest.fixture(scope="module")
def server():
    with OpenSsh(("ed25519", "rsa", "ecdsa")) as server:
        (server.folder / "out").mkdir()
        yield server


async def checked(endpoint, tmp_path, secrets):
    sink = SftpEndpoint.model_validate(endpoint).sink("acme", TestWorld(tmp_path, secrets))
    try:
        return await sink.check()
    finally:
        await sink.close()


async def refused(endpoint, tmp_path, secrets):
    return str(await raised(checked(endpoint, tmp_path, secrets), EndpointError))


async def test_the_check_names_directory_and_server(server, tmp_path):
    said = await checked(server.endpoint("out"), tmp_path, server.secrets)

    assert said.startswith("out can be listed and written to (OpenSSH_")
    assert list((server.folder / "out").iterdir()) == []


@pytest.mark.parametrize("given", [{"host_key": []}, {}])
async def test_a_server_without_a_pinned_key_is_refused_with_the_line_to_write(server, tmp_path, given):
    endpoint = server.endpoint("out") | {"host_key": []}

    said = await refused(endpoint | given, tmp_path, server.secrets)

    assert f'write host_key: "{server.fingerprint}"' in said
    assert "compare" in said
    assert "\n" not in said


async def test_another_host_key_is_refused_and_both_possible_reasons_are_said(server, tmp_path):
    wrong = "SHA256:" + "A" * 43

    said = await refused(server.endpoint("out", host_key=wrong), tmp_path, server.secrets)

    assert server.fingerprint in said
    assert "somebody may sit in between" in said


async def test_a_server_with_one_key_that_is_not_the_pinned_one_is_refused_with_the_line_to_write(tmp_path):
    with OpenSsh(("rsa",)) as other:
        said = await refused(other.endpoint(".", host_key="SHA256:" + "A" * 43), tmp_path, other.secrets)
        shown = other.fingerprint

    assert f'write host_key: "{shown}"' in said
    assert "somebody may sit in between" in said


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_any_of_the_keys_of_a_server_may_be_pinned(server, tmp_path, kind):
    pinned = fingerprint(server.host_keys[kind])

    assert await checked(server.endpoint("out", host_key=pinned), tmp_path, server.secrets)


async def test_a_whole_public_key_may_be_pinned_and_a_list_for_the_days_of_a_change(server, tmp_path):
    public = server.host_keys["ed25519"].with_name("host_ed25519.pub").read_text().strip()

    assert fingerprint_of(public) == server.fingerprint
    assert await checked(server.endpoint("out", host_key=["SHA256:" + "B" * 43, public]), tmp_path, server.secrets)


async def test_nothing_of_the_user_who_runs_us_takes_part(server, tmp_path, monkeypatch):
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / "config").write_text("Host *\n  ProxyCommand false\n  User somebody\n  StrictHostKeyChecking no\n")
    key = server.host_keys["ed25519"].with_name("host_ed25519.pub").read_text()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {key}\n")
    (ssh / "id_ed25519").write_text(server.client_key.read_text())
    monkeypatch.setenv("HOME", str(tmp_path))
    make_key(tmp_path / "other")

    unpinned = await refused(server.endpoint("out", host_key=[]), tmp_path, server.secrets)
    other_key = await refused(server.endpoint("out"), tmp_path, {CLIENT_KEY: (tmp_path / "other").read_text()})

    assert "no host_key is pinned" in unpinned
    assert "not let in" in other_key


async def test_a_key_that_the_server_does_not_know_is_not_let_in(server, tmp_path):
    make_key(tmp_path / "other")

    said = await refused(server.endpoint("out"), tmp_path, {CLIENT_KEY: (tmp_path / "other").read_text()})

    assert f"{server.user}@127.0.0.1:{server.port}: not let in with its key" in said


async def test_an_encrypted_key_needs_its_passphrase_and_neither_is_ever_quoted(server, tmp_path):
    make_key(tmp_path / "sealed", "ecdsa", passphrase="open sesame")
    server.authorize(server.client_key, tmp_path / "sealed")
    endpoint = server.endpoint("out", auth={"key": CLIENT_KEY, "passphrase": PASSWORD})
    secrets = {CLIENT_KEY: (tmp_path / "sealed").read_text().strip()}

    assert await checked(endpoint, tmp_path, secrets | {PASSWORD: "open sesame"})
    said = await refused(endpoint, tmp_path, secrets | {PASSWORD: "wrong words"})
    broken = await refused(server.endpoint("out"), tmp_path, {CLIENT_KEY: "no key at all, but secret"})

    assert "private key cannot be used" in said
    assert "wrong words" not in said + broken
    assert "private key cannot be used" in broken
    assert "secret" not in broken


class Passwords(asyncssh.SSHServer):
    """OpenSSH lets only root's tools set passwords, so here a server of the client library asks for one."""

    ways = "password"

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return self.ways == "password"

    def validate_password(self, username, password):
        return (username, password) == ("acme", "right words")

    def kbdint_auth_supported(self):
        return self.ways == "kbdint"

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return responses == ["right words"]


@contextlib.asynccontextmanager
async def asking(ways, folder):
    key = asyncssh.generate_private_key("ssh-ed25519")
    factory = type("Asking", (Passwords,), {"ways": ways})
    listener = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=factory, server_host_keys=[key],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder)),
    )  # fmt: skip
    try:
        yield {
            "type": "sftp",
            "host": "127.0.0.1",
            "port": listener.get_port(),
            "user": "acme",
            "auth": {"password": PASSWORD},
            "host_key": key.get_fingerprint("sha256"),
            "directory": "/",
        }
    finally:
        listener.close()
        await listener.wait_closed()


@pytest.mark.parametrize("ways", ["password", "kbdint"])
async def test_a_password_lets_in_and_a_wrong_one_does_not(tmp_path, ways):
    async with asking(ways, tmp_path) as endpoint:
        assert await checked(endpoint, tmp_path, {PASSWORD: "right words"})
        said = await refused(endpoint, tmp_path, {PASSWORD: "wrong words"})

    assert "not let in with its password" in said
    assert "wrong words" not in said


async def test_nothing_listens(server, tmp_path):
    with contextlib.closing(await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)) as once:
        port = once.sockets[0].getsockname()[1]

    said = await refused(server.endpoint("out", port=port), tmp_path, server.secrets)

    assert "nothing listens there" in said


async def test_a_name_that_nobody_knows(server, tmp_path):
    said = await refused(server.endpoint("out", host="acme.invalid"), tmp_path, server.secrets)

    assert "not known (DNS)" in said


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"])
async def test_whoever_is_no_ssh_server_or_never_answers_is_left_in_time(server, tmp_path, greeting):
    async def mute(reader, writer):
        writer.write(greeting)
        with contextlib.suppress(OSError):
            while await reader.read(1000):
                pass
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with asyncio.timeout(5):
            said = await refused(server.endpoint("out", port=port, timeout="300ms"), tmp_path, server.secrets)

    assert f":{port}" in said


async def test_a_directory_that_is_missing_is_said(server, tmp_path):
    said = await refused(server.endpoint("nowhere"), tmp_path, server.secrets)

    assert "nowhere is not a directory at the server; create it there" in said


def test_a_missing_secret_is_said_before_anything_connects(server, tmp_path):
    spec = SftpEndpoint.model_validate(server.endpoint("out"))

    for side in (spec.source, spec.sink):
        with pytest.raises(DefinitionError, match="secret://file/client_key"):
            side("acme", TestWorld(tmp_path))


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"host_key": "aa:bb:cc"}, "SHA256:"),
        ({"host_key": "ssh-ed25519 not-base64!"}, "public key"),
        ({"auth": {}}, "key, password, or both"),
        ({"auth": {"password": "in the clear"}}, "secret"),
        ({"auth": {"password": PASSWORD, "passphrase": PASSWORD}}, "belongs to a key"),
        ({"host": "acme.example/in"}, "host"),
        ({"port": 0}, "port"),
        ({"known_hosts": "none"}, "known_hosts"),
    ],
)
def test_what_is_wrong_in_the_definition_is_said_with_what_to_write(server, changed, hint):
    with pytest.raises(ValidationError) as error:
        SftpEndpoint.model_validate(server.endpoint("out") | changed)

    assert hint in json.dumps(error.value.errors(include_url=False), default=str)
