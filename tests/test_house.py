"""The rules of the house that a machine can hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CODE = sorted((ROOT / "esb").rglob("*.py"))
FORBIDDEN_NAMES = {"util", "utils", "helpers", "common", "base", "manager"}
OWNERS = {
    "pika": {"channels"},
    "kombu": {"channels", "endpoints"},
    "sqlalchemy": {"stores", "endpoints"},
    "alembic": {"stores"},
    "asyncpg": {"stores"},
    "lxml": {"formats", "transforms", "contracts", "contracts.py"},
    "jsonschema_rs": {"contracts", "contracts.py"},
    "aiohttp": {"endpoints"},
    "ftplib": {"endpoints"},
    "aiosmtplib": {"endpoints"},
    "argon2": {"endpoints", "cli"},
    "asyncssh": {"endpoints"},
    "jwt": {"endpoints"},
    "starlette": {"endpoints", "management", "app"},
    "uvicorn": {"app"},
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_file_fits_the_limits_of_size(path: Path):
    source = path.read_text()
    tree = ast.parse(source)

    long = [f.name for f in functions(tree) if f.end_lineno - f.lineno + 1 > 50]
    wide = [f.name for f in functions(tree) if _parameters(f) > 7 and "cli" not in path.parts]

    assert source.count("\n") <= 400
    assert long == []
    assert wide == []


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    return len([a for a in (*given.posonlyargs, *given.args, *given.kwonlyargs) if a.arg not in ("self", "cls")])


def test_ports_fit_on_two_screens():
    assert (ROOT / "esb" / "ports.py").read_text().count("\n") <= 190


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_no_module_is_a_drawer_for_everything(path: Path):
    assert path.stem not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_client_library_stays_in_the_rooms_that_own_it(path: Path):
    room = path.relative_to(ROOT / "esb").parts[0]
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for module in modules:
            owners = OWNERS.get(module.partition(".")[0])
            assert owners is None or room in owners or room == "testing", f"{module} belongs to {owners}"


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_nothing_is_left_undone(path: Path):
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError", path.read_text())


@pytest.mark.parametrize("room", ["steps", "endpoints", "formats", "transforms", "policies"])
def test_a_table_lists_every_part_of_its_room(room: str):
    __import__(f"esb.{room}")
    module = sys.modules[f"esb.{room}"]
    table = next(value for key, value in vars(module).items() if key == room.upper())

    assert len(table) > 0


def test_the_thinking_rooms_read_no_clock_and_draw_no_lots():
    thinking = ("formats", "transforms", "steps", "policies", "expressions")
    banned = re.compile(r"\b(time\.time|datetime\.now|datetime\.utcnow|uuid4|random\.\w+)\(")
    found = [name_of(path) for path in CODE if path.relative_to(ROOT / "esb").parts[0] in thinking
             and banned.search(path.read_text())]  # fmt: skip

    assert found == []


def test_the_runtime_takes_time_and_tasks_from_its_clock():
    banned = re.compile(r"asyncio\.(create_task|sleep|ensure_future)\(|time\.time\(|uuid4\(|random\.")
    runtime = [path for path in CODE if path.relative_to(ROOT / "esb").parts[0] == "runtime"]
    found = [name_of(path) for path in runtime if path.name != "clock.py" and banned.search(path.read_text())]

    assert found == []


def test_compose_names_only_commands_ports_and_variables_that_exist():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    help_text = subprocess.run(
        [sys.executable, "-m", "esb", "run", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    settings = (ROOT / "esb" / "settings.py").read_text()
    volumes = set(compose["volumes"])

    for name, service in compose["services"].items():
        assert service.get("healthcheck") or name in ("router", "delivery"), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in volumes or (ROOT / source).exists(), volume
        if service.get("image") != "esb":
            continue
        assert service["command"][0] == "run"
        for flag in (word for word in service["command"] if word.startswith("--")):
            assert flag in help_text
        for variable in service["environment"]:
            own = variable.startswith("ESB_")
            assert not own or variable == "ESB_SECRETS" or variable[4:].lower() in settings, variable
    listened = compose["services"]["intake"]["command"][-1].rpartition(":")[2]
    assert compose["services"]["intake"]["ports"] == [f"{listened}:{listened}"]
    assert listened in compose["services"]["intake"]["healthcheck"]["test"][-1]
    assert "/readyz" in (ROOT / "esb" / "management" / "api.py").read_text()


def test_every_make_target_says_what_it_does():
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][a-z-]*):", text, re.M)

    assert {"help", "setup", "demo", "run", "test", "check", "bench"} <= set(targets)
    assert [target for target in targets if not re.search(rf"^{target}:.*## ", text, re.M)] == []
