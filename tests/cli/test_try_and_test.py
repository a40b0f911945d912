"""esb test and esb try, as they are typed."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from esb.cli import run

FILES = {
    "esb.yaml": "name: test\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: var/in\nformat: json\n",
    "endpoints/erp.yaml": "type: http_out\nurl: http://127.0.0.1:9/api\neffect: { never_repeat: true }\n",
    "routes/r.yaml": """
from: { endpoint: inbox, each: "$[*]" }
key: { order: $.n }
steps:
  - validate: order@1
  - id: buyer
    enrich: { ask: erp, get: "/c/{{ body.n }}", into: $.buyer }
  - filter: { keep_if: "{{ body.n != 3 }}", reason: three is too many }
  - hold: { when: "{{ body.n == 4 }}", queue: desk, reason: "look at \\e[2J it" }
  - to: erp
""",
    "routes/sub.yaml": "steps:\n  - publish: it.happened\n",
    "schemas/order@1.json": '{"type": "object", "required": ["n"]}',
    "in.json": '[{"n": 1}]',
    "ada.json": '{"name": "Ada", "limit": 1.50}',
    "tests/flows/r.yaml": """
route: r
mocks: { buyer: { reply: { name: Ada } } }
cases:
  - name: one passes
    given: { file: ../../in.json }
    expect: { sends: { erp: 1 } }
  - name: one is <wrong> & "odd"
    given: { file: ../../in.json }
    expect: { sends: { erp: 2 } }
""",
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_failed_case_is_shown_and_ends_with_one(capsys):
    code = run(["test"])

    out = capsys.readouterr().out
    assert code == 1
    assert out.startswith("✓ r: one passes\n✗ r: one is <wrong>")
    assert "erp: 2 messages expected, 1 left" in out
    assert "1 passed, 1 failed · coverage 83 %: 5 of 6 steps" in out


def test_chosen_cases_that_pass_end_with_zero(capsys):
    assert run(["test", "-k", "PASSES", "--coverage"]) == 0
    assert (
        capsys.readouterr().out
        == "✓ r: one passes\nevery step and branch ran\n1 passed · coverage 100 %: 5 of 5 steps\n"
    )


def test_what_never_ran_is_listed(capsys):
    run(["test", "--coverage"])

    assert "never ran: sub: publish" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"), [(["-k", "nothing"], "no case holds 'nothing'"), (["routes"], "cases in routes")]
)
def test_no_case_at_all_is_no_success(flags, said, capsys, project):
    (project / "routes/r.yaml").replace(project / "routes/keep.txt") if flags == ["routes"] else None
    (project / "routes/sub.yaml").unlink() if flags == ["routes"] else None

    assert run(["test", *flags]) == 1
    assert said in capsys.readouterr().err


def test_the_report_as_data(capsys):
    run(["test", "--json"])

    data = json.loads(capsys.readouterr().out)
    assert (data["passed"], data["failed"], data["coverage"]["steps"]) == (1, 1, 6)
    assert data["cases"][1]["problems"][0]["text"] == "erp: 2 messages expected, 1 left"
    assert data["cases"][1]["line"] == 8


def test_the_report_for_build_servers_is_well_formed(capsys):
    run(["test", "--format", "junit"])

    found: list[tuple[str, dict[str, str | None]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))  # type: ignore[method-assign]
    parser.feed(capsys.readouterr().out)
    cases = [attributes for tag, attributes in found if tag == "testcase"]
    assert [case["name"] for case in cases] == ["one passes", 'one is <wrong> & "odd"']
    assert [attributes["failures"] for tag, attributes in found if tag == "testsuites"] == ["1"]


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("tests/flows/r.yaml", "route: nowhere\ncases: []\n", 78),
        ("routes/r.yaml", "from: { endpoint: nowhere }\nsteps:\n  - to: erp\n", 78),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(file, text, code, capsys, project):
    (project / file).write_text(text)

    assert run(["test"]) == code
    assert f"{file}:" in capsys.readouterr().err


def test_a_flag_that_cannot_be_meant_is_a_wrong_call(capsys):
    assert run(["test", "--format", "html"]) == 64
    assert run(["test", "nothing.yaml"]) == 64
    assert "Traceback" not in capsys.readouterr().err


def test_golden_files_are_written_when_asked(capsys, project):
    (project / "tests/flows/r.yaml").write_text(
        "route: r\nmocks: { erp: { reply: {} } }\ncases:\n  - name: it\n    given: { file: ../../in.json }\n"
        "    expect: { sends: { erp: [{ file: golden.json }] } }\n"
    )

    assert run(["test"]) == 1
    assert run(["test", "--update-golden"]) == 0
    assert run(["test"]) == 0
    assert json.loads((project / "tests/flows/golden.json").read_text()) == {"n": 1, "buyer": {}}


def test_try_shows_what_would_leave(capsys):
    code = run(["try", "r", "--in", "in.json", "--mock", "buyer=ada.json"])

    out, err = capsys.readouterr()
    assert code == 0
    assert '→ erp: json, 43 bytes (step to)\n      {"n":1,"buyer":{"name":"Ada","limit":1.50}}' in out
    assert "document 1 of 1 · order=1" in out
    assert err == "1 document: 1 to send; nothing has left\n"


def test_try_traces_every_step_and_what_it_changed(capsys):
    run(["try", "routes/r.yaml", "--in", "in.json", "--mock", "erp=ada.json", "--trace"])

    out = capsys.readouterr().out
    assert "✓ validate: " in out
    assert '+ $.buyer: {"name":"Ada","limit":1.50}' in out
    assert out.index("✓ buyer") < out.index("✓ filter") < out.index("✓ to")


def test_try_tells_each_fate_and_ends_with_65_where_a_document_does_not_pass(capsys, project):
    (project / "in.json").write_text('[{"n": 3}, {"n": 4}, {"m": 5}, {"n": tru}]')

    code = run(["try", "r", "--in", "in.json", "--mock", "erp=ada.json"])

    out, err = capsys.readouterr()
    assert code == 65
    assert "■ ended as filtered: three is too many (step filter)" in out
    assert "■ parked in desk: look at �[2J it (step hold)" in out
    assert "✗ step validate failed (invalid): " in out
    assert "it becomes an exception that a person decides (dead letter)" in out
    assert "✗ bad document: json: " in out
    assert err == "3 documents: 1 parked, 1 ended, 1 failed, 1 bad; nothing has left\n"


def test_try_says_how_to_answer_a_question(capsys):
    assert run(["try", "r", "--in", "in.json"]) == 65
    assert "nobody answers; add --mock buyer=FILE.json, or --live to ask erp itself" in capsys.readouterr().out


def test_try_as_data(capsys):
    run(["try", "r", "--in", "in.json", "--mock", "erp=ada.json", "--at", "2026-05-04T10:00:00Z", "--json"])

    (document,) = json.loads(capsys.readouterr().out)["documents"]
    assert [step["path"] for step in document["steps"]] == ["validate", "buyer", "filter", "hold", "to"]
    assert document["steps"][1]["asks"] == [
        {
            "question": "asks erp for GET /c/1",
            "answered": True,
            "answer": {"name": "Ada", "limit": 1.5},
            "failure": None,
        }
    ]
    assert document["sends"][0]["body"] == '{"n":1,"buyer":{"name":"Ada","limit":1.50}}'
    assert document["keys"] == {"order": "1"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rr", "--in", "in.json"], 64, "there is no route 'rr'; did you mean \"r\"?"),
        (["r", "--in", "no.json"], 64, "no.json cannot be read: No such file or directory"),
        (["r", "--in", "in.json", "--mock", "x"], 64, "is not STEP=FILE.json"),
        (["r", "--in", "in.json", "--mock", "buyr=ada.json"], 64, 'did you mean "buyer"?'),
        (["r", "--in", "in.json", "--mock", "buyer=no.json"], 64, "no.json cannot be read"),
        (["r", "--in", "in.json", "--at", "noon"], 64, "--at: 'noon' is no point in time; write date, time and zone"),
        (["sub", "--in", "esb.yaml"], 65, "sub has no endpoint, so it takes a JSON document"),
    ],
)
def test_a_call_that_cannot_work_says_why(words, code, said, capsys):
    assert run(["try", *words]) == code
    assert said in capsys.readouterr().err


def test_try_reads_standard_input(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'[{"n": 3}]')))

    assert run(["try", "r", "--in", "-", "--mock", "erp=ada.json"]) == 0
    assert "ended as filtered" in capsys.readouterr().out


def test_a_failure_inside_a_step_is_told_once(capsys, project):
    steps = "steps:\n  - guard:\n      steps:\n        - validate: order@1\n"
    (project / "routes/sub.yaml").write_text(steps)

    assert run(["try", "sub", "--in", "wrong.json", "--trace"]) == 64
    (project / "wrong.json").write_text("{}")
    assert run(["try", "sub", "--in", "wrong.json", "--trace"]) == 65

    out = capsys.readouterr().out
    assert "✗ guard: " in out
    assert "✗ guard/try/validate: " in out
    assert len([line for line in out.split("\n") if line.startswith("        ✗ ")]) == 1


def test_a_change_is_told_by_the_step_that_made_it(capsys, project):
    (project / "routes/r.yaml").write_text("from: { endpoint: inbox }\nsteps:\n  - call: sub\n")
    (project / "routes/sub.yaml").write_text("steps:\n  - set: { body: { $.new: 1 } }\n")

    run(["try", "r", "--in", "ada.json", "--trace"])

    lines = capsys.readouterr().out.split("\n")
    assert [line.strip() for line in lines].count("+ $.new: 1") == 1
    assert "  ■ it passed every step, and no step sends it anywhere" in lines


def test_try_gives_a_sub_route_a_document(capsys):
    assert run(["try", "sub", "--in", "ada.json"]) == 0
    assert "→ event it.happened: json, 27 bytes (step publish)" in capsys.readouterr().out


class Erp(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"name": "Live"}' if self.path == "/api/c/1" else b'{"error": "no such customer"}'
        self.send_response(200 if self.path == "/api/c/1" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return None


@pytest.fixture
def erp(project: Path) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Erp)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    endpoint = project / "endpoints/erp.yaml"
    endpoint.write_text(endpoint.read_text().replace(":9/", f":{server.server_port}/"))
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_live_asks_the_real_system(erp, capsys, project):
    (project / "in.json").write_text('[{"n": 1}, {"n": 2}]')

    code = run(["try", "r", "--in", "in.json", "--live"])

    out = capsys.readouterr().out
    assert code == 65
    assert '{"n":1,"buyer":{"name":"Live"}}' in out
    assert "step buyer failed (rejected): GET /c/2: " in out


def test_a_mock_answers_before_the_real_system(erp, capsys):
    run(["try", "r", "--in", "in.json", "--live", "--mock", "buyer=ada.json"])

    assert '"name":"Ada"' in capsys.readouterr().out
