"""The operator's commands on a real store and channel: find, trace, dead, queue, store, doctor, send, run."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from esb.cli import run

FILES = {
    "esb.yaml": "defaults: { owner: order-desk }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: var/in\nready: { unchanged_for: 10ms }\npoll: 20ms\nformat: json\n",
    "endpoints/outbox.yaml": 'type: file\ndirectory: var/out\nname: "{{ body.name }}"\n',
    "routes/orders.yaml": """
description: Orders in, files out
from: { endpoint: inbox, each: "$[*]" }
key: { order: $.n }
steps:
  - deduplicate: { key: $.n, keep: 1d }
  - validate: order@1
  - hold: { when: "{{ body.n == 'N4' }}", queue: credit-desk, reason: "look at {{ body.n }}" }
  - to: outbox
""",
    "schemas/order@1.json": '{"type": "object", "required": ["n", "name"]}',
}
ORDERS = [
    {"n": "N1", "name": "one.json"},
    {"n": "N2"},
    {"n": "N3", "name": "../three.json"},
    {"n": "N4", "name": "four.json"},
    {"n": "N5"},
]


class Said(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def values(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esb.cli.queue.PATIENCE", 0.1)


class Site:
    """A project in a folder, and the command line on it."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capture = folder, capture

    def __call__(self, *words: str) -> Said:
        self._capture.readouterr()
        code = run([*words, "-C", str(self.folder)])
        out, err = self._capture.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    def once(self) -> Said:
        said = self("run", "--once", "--log-format", "json", "--json")
        assert said.code == 0, said.err
        return said

    def send(self, *orders: Any, name: str = "more.json") -> Said:
        path = self.folder / name
        path.write_text(json.dumps(orders))
        return self("send", "inbox", str(path))

    def waiting(self, place: str = "") -> list[dict[str, Any]]:
        return [row for row in self("dead", "list", "--json").values if place in row["place"]]

    @property
    def written(self) -> set[str]:
        return {path.name for path in (self.folder / "var/out").iterdir()}


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has taken in a file and carried what could be carried."""
    folder = tmp_path_factory.mktemp("operator")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "var/in").mkdir(parents=True)
    (folder / "var/in/orders.json").write_text(json.dumps(ORDERS))
    assert run(["run", "--once", "--log-level", "error", "-C", str(folder)]) == 0
    return folder


@pytest.fixture
def seen(worked: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    """The worked project, to look at."""
    return Site(worked, capsys)


@pytest.fixture
def site(worked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    """A copy of the worked project, to decide on."""
    shutil.copytree(worked, tmp_path / "site")
    return Site(tmp_path / "site", capsys)


def test_an_order_is_found_by_its_number_in_any_case(seen: Site):
    for key in ("N1", "n1"):
        (row,) = seen("find", key).rows
        assert row[2].startswith("It is done: delivered to outbox")


def test_a_file_is_found_by_its_name_with_all_that_was_in_it(seen: Site):
    found = seen("find", "orders.json", "--json").values

    assert {key for one in found for key in one["keys"]} == {f"order=N{number}" for number in range(1, 6)}


def test_what_is_not_known_ends_with_one(seen: Site):
    said = seen("find", "N99")

    assert (said.code, said.out) == (1, "Nothing here is known as N99.\n")


def test_an_order_that_stopped_says_who_must_act(seen: Site):
    (row,) = seen("find", "N2").rows

    assert "It stopped at validate" in row[2]
    assert "order-desk must act (esb dead retry" in row[2]


def test_a_trace_is_had_by_number_by_id_and_by_its_beginning(seen: Site):
    (found,) = seen("find", "N1", "--json").values

    traces = {name: seen("trace", name).out for name in ("N1", found["id"], found["id"][:12])}

    assert len(set(traces.values())) == 1
    assert [kind for kind in ("received", "sent", "delivered") if f"\t{kind}\t" not in traces["N1"]] == []


def test_a_trace_of_several_or_of_nothing_is_wrong_usage(seen: Site):
    assert seen("trace", "orders.json").code == 64
    assert "is not known here" in seen("trace", "N99").err


def test_what_waits_is_listed_oldest_first_with_class_place_and_owner(seen: Site):
    rows = seen("dead", "list", "--json").values

    assert {(row["keys"]["order"], row["class"], row["place"], row["owner"]) for row in rows} == {
        ("N2", "invalid", "validate", "order-desk"),
        ("N5", "invalid", "validate", "order-desk"),
        ("N3", "rejected", "outbox", "order-desk"),
        ("N4", "hold", "credit-desk", "order-desk"),
    }
    assert [row["since"] for row in rows] == sorted(row["since"] for row in rows)


def test_a_list_is_narrowed(seen: Site):
    def numbers(*words: str) -> list[str]:
        return sorted(row["keys"]["order"] for row in seen("dead", "list", "--json", *words).values)

    assert numbers("--place", "outbox") == ["N3"]
    assert numbers("--key", "n4") == ["N4"]
    assert len(numbers("--route", "orders", "--limit", "2")) == 2
    assert numbers("--route", "others") == []
    assert numbers("--state", "discarded") == []


def test_causes_are_grouped(seen: Site):
    groups = seen("dead", "list", "--groups", "--json").values

    assert [group["messages"] for group in groups] == [2, 1, 1]
    assert groups[0]["place"] == "validate"


def test_one_is_shown_with_its_content(seen: Site):
    (row,) = seen.waiting("outbox")

    shown = seen("dead", "show", row["id"][:10])

    assert "the file name" in shown.out
    assert shown.out.splitlines()[-1] == '{"n":"N3","name":"../three.json"}'
    assert seen("dead", "show", row["id"], "--json").values[0]["body"] == '{"n":"N3","name":"../three.json"}'


def test_an_unknown_or_ambiguous_id_is_wrong_usage(seen: Site):
    assert seen("dead", "show", "zzz").code == 64
    assert "begins" in seen("dead", "show", "").err


def test_a_mended_document_goes_on_from_where_it_stopped(site: Site, tmp_path: Path):
    (row,) = [row for row in site.waiting("validate") if row["keys"]["order"] == "N2"]
    (tmp_path / "mended.json").write_text('{"n": "N2", "name": "two.json"}')

    said = site("dead", "retry", row["id"][:8], "--body", str(tmp_path / "mended.json"), "--reason", "name added")
    site.once()

    assert said.code == 0
    assert "two.json" in site.written
    assert "retried" in site("trace", "N2").out
    assert "name added" in site("trace", "N2").out
    assert [row for row in site.waiting() if row["keys"]["order"] == "N2"] == []


def test_what_could_not_be_read_goes_on_when_someone_gives_the_document(site: Site, tmp_path: Path):
    (site.folder / "var/in/cut.json").write_text('[{"n": "N9"')
    site.once()
    (row,) = site.waiting("intake/inbox")
    (tmp_path / "junk").write_text("[{")
    (tmp_path / "mended").write_text('{"n": "N9", "name": "nine.json"}')

    plain = site("dead", "retry", row["id"])
    junk = site("dead", "retry", row["id"], "--body", str(tmp_path / "junk"))
    mended = site("dead", "retry", row["id"], "--body", str(tmp_path / "mended"))
    site.once()

    assert (plain.code, junk.code, mended.code) == (64, 65, 0)
    assert "with --body FILE" in plain.err
    assert "nine.json" in site.written


def test_what_could_not_be_read_is_shown_with_its_file_and_what_comes_next(site: Site):
    (site.folder / "var/in/cut.json").write_text('[{"n": "N9"')
    site.once()
    (row,) = site.waiting("intake/inbox")

    shown, found, unknown = site("dead", "show", row["id"]), site("find", "cut.json"), site("find", "N9")

    assert "  came in by: inbox as cut.json\n" in shown.out
    assert f"esb dead retry {row['id'][:12]} --body FILE" in shown.out
    assert f"order-desk must act (esb dead show {row['id'][:12]})" in found.rows[0][2]
    assert unknown.out == "Nothing here is known as N9.\n"
    assert "1 document that could not be read, and so bear no key, may hold it: esb dead list" in unknown.err


@pytest.mark.parametrize(("place", "command"), [("credit-desk", "release"), ("validate", "retry"), ("outbox", "retry")])
def test_what_waits_is_shown_with_the_command_that_comes_next(seen: Site, place: str, command: str):
    row = seen.waiting(place)[0]

    assert f"esb dead {command} {row['id'][:12]}" in seen("dead", "show", row["id"]).out


def test_what_was_decided_has_no_next_command(site: Site):
    (row,) = site.waiting("credit-desk")

    discarded = site("dead", "discard", row["id"], "--reason", "they called")

    assert discarded.err == "1 discarded\n"
    assert "next:" not in site("dead", "show", row["id"]).out


def test_a_name_of_several_is_told_with_their_ids(seen: Site):
    ids = {row[0] for row in seen("find", "orders.json").rows}

    said = seen("trace", "orders.json").err

    assert len(ids & set(re.findall(r"[0-9a-f]{12}", said))) == 5


def test_a_list_that_was_cut_says_so(seen: Site):
    assert "the latest 2; --limit shows more" in seen("find", "orders.json", "--limit", "2").err
    assert seen("find", "N1").err == ""


def test_a_retry_takes_todays_definitions_and_as_then_those_of_its_day(site: Site):
    (site.folder / "schemas/order@1.json").write_text('{"type": "object"}')
    outbox = site.folder / "endpoints/outbox.yaml"
    outbox.write_text(outbox.read_text().replace("body.name", "body.n"))
    first, second = site.waiting("validate")

    assert site("dead", "retry", first["id"]).code == 0
    assert site("dead", "retry", second["id"], "--as-then").code == 0
    site.once()

    assert first["keys"]["order"] in site.written
    (again,) = site.waiting("validate")
    assert again["keys"] == second["keys"]
    assert again["id"] != second["id"]


def test_a_cause_that_was_mended_lets_its_whole_group_go(site: Site):
    (site.folder / "schemas/order@1.json").write_text('{"type": "object"}')
    outbox = site.folder / "endpoints/outbox.yaml"
    outbox.write_text(outbox.read_text().replace("body.name", "body.n"))
    group = site.waiting("validate")[0]["group"]

    asked = site("dead", "retry", "--group", group)
    assert (asked.code, asked.err) == (1, "2 messages would be retried; repeat with --yes\n")
    done = site("dead", "retry", "--group", group, "--yes", "--json")
    site.once()

    assert [(row["done"], row["state"]) for row in done.values] == [(True, "retried")] * 2
    assert {"N2", "N5"} <= site.written


def test_what_fails_again_is_a_new_exception(site: Site):
    (row,) = site.waiting("outbox")

    for _ in range(2):
        (row,) = site.waiting("outbox")
        assert site("dead", "retry", row["id"]).code == 0
        site.once()

    (again,) = site.waiting("outbox")
    assert again["id"] != row["id"]
    assert len(site("dead", "list", "--state", "retried", "--json").values) == 2


def test_a_hold_is_released_and_goes_on_behind_its_step_once(site: Site):
    (row,) = site.waiting("credit-desk")

    assert site("dead", "release", "--place", "credit-desk", "--reason", "paid").code == 0
    twice = site("dead", "release", row["id"])
    site.once()
    site.once()

    assert (twice.code, "was decided before: it is released" in twice.err) == (1, True)
    assert "four.json" in site.written
    assert site("trace", "N4").out.count("\tdelivered\t") == 1


def test_an_exception_cannot_be_released_nor_a_decision_be_restored(site: Site):
    (row,) = site.waiting("outbox")

    assert site("dead", "release", row["id"]).code == 64
    assert site("dead", "restore", row["id"]).code == 64
    assert site("dead", "discard", row["id"]).code == 64


def test_a_discard_is_taken_back(site: Site):
    (row,) = site.waiting("outbox")

    assert site("dead", "discard", row["id"], "--reason", "cancelled").code == 0
    assert site.waiting("outbox") == []
    assert site("dead", "discard", row["id"], "--reason", "cancelled").code == 1
    assert site("dead", "restore", row["id"]).code == 0
    assert [one["id"] for one in site.waiting("outbox")] == [row["id"]]
    assert "discarded" in site("trace", "N3").out


def test_discarding_the_first_of_twins_lets_the_second_pass(site: Site):
    (row,) = [row for row in site.waiting("validate") if row["keys"]["order"] == "N2"]
    assert site("dead", "discard", row["id"], "--reason", "they send it again").code == 0

    site.send({"n": "N2", "name": "two.json"})
    site.once()

    assert "two.json" in site.written


def test_a_twin_of_a_delivered_order_is_a_duplicate(site: Site):
    site.send({"n": "N1", "name": "again.json"})
    totals = site.once().values[-1]

    assert totals == {"duplicate": 1, "received": 1}
    assert "again.json" not in site.written


def test_sending_twice_is_once_and_another_key_is_another_delivery(site: Site):
    first = site.send({"n": "N7", "name": "seven.json"})
    again = site.send({"n": "N7", "name": "seven.json"})
    other = site("send", "inbox", str(site.folder / "more.json"), "--key", "k2", "--json")

    assert first.out == again.out
    assert "it came before" in again.err
    assert (other.values[0]["documents"], other.values[0]["repeated"]) == (1, False)
    assert other.values[0]["id"] != first.out.strip()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("send", "inboxx", __file__), 64, "the endpoints that routes take from: inbox"),
        (("send", "inbox", "no-such-file"), 64, "no-such-file is not a file"),
        (("run", "--role", "cook"), 64, "'cook' is not a role"),
        (("run", "--listen", "here"), 64, "is not host:port"),
        (("run", "--channel", "http://x"), 64, "http"),
        (("run", "--store", "mysql://user:pw@x/y"), 64, "postgresql://"),
        (("find", "x", "--store", "postgresql://u:s3cret@127.0.0.1:1/d"), 69, "out of reach"),
        (("queue", "list", "--channel", "amqp://u:s3cret@127.0.0.1:1/"), 69, "127.0.0.1:1"),
        (("dead", "retry"), 64, "say which"),
        (("dead", "retry", "x", "--body", "no-such-file"), 64, "no-such-file"),
        (("dead", "nothing"), 64, "nothing"),
        (("store", "restore", "no-such-file"), 69, "no-such-file"),
        (("store", "backup", "/no/such/folder/b"), 69, "/no/such/folder/b"),
        (("explain", "E000"), 64, "E000"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_a_code(seen: Site, words: tuple[str, ...], code: int, says: str):
    said = seen(*words) if words[0] != "explain" else _without_project(seen, words)

    assert (said.code, says in said.err) == (code, True), said.err
    assert "s3cret" not in said.err + said.out
    assert said.out == ""


def _without_project(seen: Site, words: tuple[str, ...]) -> Said:
    seen._capture.readouterr()
    code = run(list(words))
    return Said(code, *seen._capture.readouterr())


def test_an_edited_body_goes_with_one_message(seen: Site, tmp_path: Path):
    (tmp_path / "body").write_text("{}")

    assert seen("dead", "retry", "--place", "validate", "--yes", "--body", str(tmp_path / "body")).code == 64


def test_channels_are_listed_with_what_is_in_them(site: Site):
    site.send({"n": "N8", "name": "eight.json"})

    depths = {row["channel"]: row["ready"] for row in site("queue", "list", "--json").values}

    assert depths == {"route/orders": 1, "delivery/outbox": 0, "journal": 1, "dead": 0}
    assert ["route/orders", "1"] in [row[:2] for row in site("queue", "list").rows]


def test_a_backup_is_restored_with_all_that_was_known(site: Site, tmp_path: Path):
    backup = tmp_path / "backup"
    assert site("store", "backup", str(backup), "--json").values[0]["bytes"] > 0
    assert site("store", "backup", str(backup)).code == 69
    told = site("find", "N1", "--json").values

    fresh = f"sqlite:{tmp_path / 'fresh.db'}"
    assert site("store", "restore", str(backup), "--store", fresh, "--json").values[0]["rows"] > 10
    assert site("store", "restore", str(backup), "--store", fresh).code == 69
    assert site("find", "N1", "--json", "--store", fresh).values == told
    assert site("store", "upgrade", "--store", fresh, "--json").values == [{"upgraded": True}]


def test_a_healthy_project_passes_every_check(seen: Site):
    said = seen("doctor", "--json")

    assert (said.code, [check["check"] for check in said.values if not check["ok"]]) == (0, [])
    assert {"python", "project", "secrets", "store", "channel", "endpoints", "left over", "disk", "clock"} == {
        check["check"] for check in said.values
    }
    assert all(line.startswith("[+] ") for line in seen("doctor").out.splitlines())


def test_the_doctor_names_what_is_missing(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    (site.folder / "endpoints/erp.yaml").write_text(
        "type: http_out\nurl: http://127.0.0.1:9/x\nauth: { bearer: secret://env/NO_SUCH_TOKEN }\n"
        "effect: { never_repeat: true }\n"
    )
    (site.folder / "routes/more.yaml").write_text("from: { event: it.came }\nsteps: [to: erp]\n")

    said = site("doctor", "--channel", "amqp://u:s3cret@127.0.0.1:1/", "--store", "postgresql://u:s3cret@127.0.0.1:1/d")

    failed = {line.split()[1].rstrip(":") for line in said.out.splitlines() if line.startswith("[-]")}
    assert said.code == 1
    assert failed == {"secrets", "store", "channel", "endpoints"}
    assert "set the environment variable NO_SUCH_TOKEN" in said.out
    assert "s3cret" not in said.out + said.err


def test_secrets_that_are_missing_are_told_with_the_files_that_name_them(site: Site, monkeypatch: pytest.MonkeyPatch):
    for name in ("one", "two"):
        monkeypatch.delenv(f"NO_TOKEN_{name}", raising=False)
        (site.folder / f"endpoints/{name}.yaml").write_text(
            f"type: http_in\nauth: {{ bearer: {{ tokens: [secret://env/NO_TOKEN_{name}] }} }}\n"
        )
        (site.folder / f"routes/{name}.yaml").write_text(f"from: {{ endpoint: {name} }}\nsteps: [to: outbox]\n")

    doctor, started = site("doctor"), site("run", "--once")

    (line,) = [line for line in doctor.out.splitlines() if line.startswith("[-] secrets")]
    assert "endpoints/one.yaml: secret://env/NO_TOKEN_one has no value" in line
    assert "endpoints/two.yaml: secret://env/NO_TOKEN_two has no value" in line
    assert (started.code, started.err.partition(" has no value")[0]) == (
        78,
        "error: endpoints/one.yaml: secret://env/NO_TOKEN_one",
    )


@pytest.mark.parametrize(
    "words",
    [
        ("find", "N2"),
        ("trace", "N1"),
        ("dead", "list"),
        ("dead", "list", "--groups"),
        ("dead", "discard", "--place", "validate", "--reason", "x", "--yes"),
        ("queue", "list"),
        ("doctor",),
        ("validate",),
        ("run", "--once", "--log-level", "error"),
        ("store", "upgrade"),
    ],
)
def test_json_is_one_value_a_line_and_nothing_else(site: Site, words: tuple[str, ...]):
    said = site(*words, "--json")

    assert said.values
    assert all(isinstance(value, dict) for value in said.values)
