"""The machine: who takes leases. Its name stands in the state folder, so that it outlives the processes."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from esb.errors import EndpointError

_FILE = "machine"


def machine(state: Path) -> str:
    """Return the name of the machine whose state folder this is; the first process that asks makes it.

    The host belongs to it, so that a state folder which was copied to another host is another machine.

    Raises:
        EndpointError: The state folder cannot be used.
    """
    file = state / _FILE
    try:
        state.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            aside = state / f"{_FILE}.{secrets.token_hex(8)}"
            aside.write_text(secrets.token_hex(8), encoding="ascii")
            with suppress(FileExistsError):  # another process was faster: its name counts
                os.link(aside, file)
            aside.unlink()
        return f"{socket.gethostname()} {file.read_text(encoding='ascii')}"
    except (OSError, ValueError) as error:
        raise EndpointError(f"cannot read or make {file}: {error}; make the state folder usable") from error
