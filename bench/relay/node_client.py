"""Node's amqplib, installed into a folder of its own for the time of a run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_PACKAGE = "amqplib@2"
_SCRIPT = Path(__file__).with_name("amqplib.js")
_SECONDS = 120


def install(folder: Path) -> str:
    """Install amqplib into the folder; return why that is not possible, or nothing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node's amqplib was not measured: node or npm is not installed (Debian: apt-get install nodejs npm)."
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", _PACKAGE]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return f"Node's amqplib was not measured: npm could not install it ({type(error).__name__})."
    return ""


def command() -> list[str]:
    """Return how to run the relay; its arguments follow."""
    return ["node", str(_SCRIPT)]


def environment(folder: Path) -> dict[str, str]:
    """Return what node needs in its environment to find the package."""
    return {"NODE_PATH": str(folder / "node_modules")}
