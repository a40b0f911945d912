"""The vendors' Node libraries, installed from the lock beside them into pytest's cache, and asked line by line."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

VENDORS = Path(__file__).with_name("vendors")


class Signers:
    """Answers requests such as `ask("github.sign", secret=…, body=…)`, all of a list in one process."""

    def __init__(self, folder):
        self._folder = folder

    def ask(self, what, **given):
        return self.ask_all([(what, given)])[0]

    def ask_all(self, asks):
        lines = "".join(json.dumps({"ask": what, **given}) + "\n" for what, given in asks)
        command = ["node", str(self._folder / "signers.mjs")]
        told = subprocess.run(command, check=False, input=lines, capture_output=True, text=True, timeout=60)
        assert told.returncode == 0, told.stderr[-2000:]
        return [json.loads(line) for line in told.stdout.splitlines()]


def install(cache):
    """Return the signers, installed by `npm ci` where they are missing. Without Node: skipped, but a failure in CI."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        reason = "node and npm are not installed (Debian: apt-get install nodejs npm)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(VENDORS.iterdir()) if path.is_file()))
    name = base64.b32encode(digest.digest())[:16].decode().lower()
    folder = Path(cache.mkdir(f"vendor-signers-{name}"))
    if not (folder / ".ready").exists():
        for path in VENDORS.iterdir():
            shutil.copy(path, folder)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=110)
        (folder / ".ready").touch()
    return Signers(folder)
