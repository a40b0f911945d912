"""The command line: one verb a file. Data on stdout, talk on stderr; exit codes as documented in docs/cli.md."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.exceptions import TyperException

from esb.cli.output import Console, complain
from esb.errors import ChannelError, DefinitionError, EndpointError, EsbError, MessageError, StoreError, UsageError

COMMANDS = {
    "init": "init",
    "validate": "validate",
    "fmt": "fmt",
    "schema": "schema",
    "show": "show",
    "graph": "graph",
    "explain": "explain",
    "test": "test",
    "try": "try_",
    "run": "run",
    "send": "send",
    "find": "find",
    "trace": "trace",
    "dead": "dead",
    "endpoint": "endpoint",
    "queue": "queue",
    "store": "store",
    "doctor": "doctor",
    "edi": "edi",
}
"""Verb to module of this package. A module has `command` (one function) or `app` (verbs of its own)."""

DONE, FAILED, USAGE, DATA, UNREACHABLE, FAULT, UNUSABLE = 0, 1, 64, 65, 69, 70, 78


def build(argv: list[str]) -> typer.Typer:
    """Return the application; only the verb that was typed is imported, so that every command starts fast."""
    app = typer.Typer(
        name="esb",
        help="The message-queue enterprise service bus: YAML routes, carried durably.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version)
    typed = next((word for word in argv if word in COMMANDS), None)
    for verb, module in COMMANDS.items():
        if typed is None or verb == typed:
            found = import_module(f"esb.cli.{module}")
            if hasattr(found, "app"):
                app.add_typer(found.app, name=verb)
            else:
                app.command(verb)(found.command)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        from esb import __version__

        print(f"esb {__version__}")
        raise typer.Exit


def _version(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Carry messages between systems by YAML routes."""


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit.

    0 done, 1 the check failed, 64 usage, 65 data, 69 unreachable, 70 a fault of ours, 78 unusable project.
    """
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """Run one command and return its exit code; every error of the house becomes a sentence, never a traceback."""
    err = Console(stderr=True)
    try:
        app = build(argv)
        given: Any = app(argv, standalone_mode=False, prog_name="esb")
        return given if isinstance(given, int) else DONE
    except TyperException as error:
        error.show()  # type: ignore[attr-defined]
        return USAGE
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        return DONE
    except UsageError as error:
        return complain(err, error, USAGE)
    except DefinitionError as error:
        return complain(err, error, UNUSABLE)
    except MessageError as error:
        return complain(err, error, DATA)
    except (ChannelError, StoreError, EndpointError, OSError) as error:
        return complain(err, error, UNREACHABLE)
    except EsbError as error:
        return complain(err, error, FAULT)
