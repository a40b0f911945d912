"""esb send: hand a file to an endpoint as if its partner had sent it; it is durable when the command returns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from esb.app.process import Process
from esb.cli.options import AsJson, ChannelUrl, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit, say
from esb.cli.run import run_async
from esb.edge import Accepted, Receipt
from esb.errors import UsageError

_CHUNK = 256 * 1024


def command(
    endpoint: Annotated[str, typer.Argument(help="An endpoint that a route takes from.")],
    file: Annotated[Path, typer.Argument(help="The content.")],
    project: ProjectDir = Path(),
    channel: ChannelUrl = "",
    store: StoreUrl = "",
    key: Annotated[str, typer.Option(help="The sender's key; default: the content's digest, so twice is once.")] = "",
    json: AsJson = False,
) -> None:
    """Send a file into the bus; a running esb carries it on (or: esb run --once)."""
    if not file.is_file():
        raise UsageError(f"{file} is not a file")
    accepted: Accepted = run_async(_send(endpoint, file, (project, channel, store), key))
    data = {
        "id": accepted.message_id,
        "documents": accepted.documents,
        "bad": accepted.bad,
        "repeated": accepted.repeated,
    }
    if json:
        emit(data)
        return
    print(accepted.message_id)
    again = " (it came before; nothing was sent again)" if accepted.repeated else ""
    count = f"{accepted.documents} document{'' if accepted.documents == 1 else 's'}"
    say(f"accepted: {count}, {accepted.bad} bad{again}; esb trace {accepted.message_id[:12]}")


async def _send(endpoint: str, file: Path, at: tuple[Path, str, str], key: str) -> Accepted:
    settings = settings_of(*at, log_level="error")
    process = Process(settings)
    try:
        await process.open()
        if endpoint not in process.releases.current.intakes:
            known = ", ".join(sorted(process.releases.current.intakes)) or "none"
            raise UsageError(f"no route takes from {endpoint!r}; the endpoints that routes take from: {known}")
        digest = _digest(file)
        receipt = Receipt(endpoint, key or digest, digest, _File(file), name=file.name)
        return await process.intake.take(receipt)
    finally:
        await process.close()


def _digest(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class _File:
    """The bytes of a file, as often as they are asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._path.open("rb") as content:
            while chunk := content.read(_CHUNK):
                yield chunk
