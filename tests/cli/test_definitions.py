"""The commands about definitions: init, validate, fmt, schema, show, graph, explain."""

import json
import re
import resource
import subprocess
import sys

import pytest

from esb.cli import run
from esb.routes.schema import KINDS


@pytest.fixture
def hub(tmp_path, capsys):
    assert run(["init", "hub", "-C", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path / "hub"


def esb(folder, capsys, verb, *words):
    code = run([verb, *words, "-C", str(folder)])
    told = capsys.readouterr()
    return code, told.out, told.err


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_new_project_is_valid_and_says_what_to_do_next(tmp_path, capsys):
    code, out, err = esb(tmp_path, capsys, "init", "acme-hub")

    assert (code, out) == (0, "")
    assert f"Next: cd {tmp_path / 'acme-hub'} && esb validate && esb test" in err
    assert esb(tmp_path / "acme-hub", capsys, "validate")[0] == 0
    assert (tmp_path / "acme-hub" / ".esb" / "schema-route.json").is_file()
    assert ".esb/" in (tmp_path / "acme-hub" / ".gitignore").read_text(encoding="utf-8")


def test_a_folder_that_holds_something_is_left_alone(hub, capsys):
    code, _, err = esb(hub.parent, capsys, "init", "hub")

    assert code == 64
    assert "is there already and not empty" in err


def test_a_valid_project_tells_how_long_its_policies_try(hub, capsys):
    code, out, err = esb(hub, capsys, "validate")

    assert (code, out) == (0, "")
    assert "policy warehouse: 38 attempts, gives up after 5h 51m, then dead letter" in err
    assert "✔ nothing to mend in 6 files" in err


def test_a_typo_gives_line_column_and_the_right_word(hub, capsys):
    replace(hub / "routes" / "orders.yaml", "deduplicate:", "dedupilcate:")

    code, out, err = esb(hub, capsys, "validate")

    assert code == 1
    assert 'error[E202]: unknown step "dedupilcate"\n  --> routes/orders.yaml:9:5\n' in out
    assert 'help: did you mean "deduplicate"?' in out
    assert "✖ 1 error in 6 files" in err


def test_findings_as_json_are_one_document(hub, capsys):
    replace(hub / "endpoints" / "inbox.yaml", "poll: 1s", "poll: 1")

    code, out, _ = esb(hub, capsys, "validate", "--json")

    data = json.loads(out)
    assert (code, data["ok"], data["files"]) == (1, False, 6)
    assert [(found["code"], found["file"], found["line"]) for found in data["diagnostics"]] == [
        ("E208", "endpoints/inbox.yaml", 6)
    ]


def test_a_mistake_in_a_test_of_a_route_is_found_with_the_others(hub, capsys):
    replace(hub / "tests" / "flows" / "orders.yaml", "order.json", "ordre.json")
    replace(hub / "tests" / "flows" / "orders.yaml", "sends:", "send:")

    code, out, err = esb(hub, capsys, "validate")

    assert code == 1
    assert 'error[E203]: unknown key "send"' in out
    assert " --> tests/flows/orders.yaml:8:7\n" in out
    assert 'help: did you mean "sends"?' in out
    assert "✖ 1 error in 6 files" in err


def test_tests_of_a_route_that_cannot_be_read_wait_for_it(hub, capsys):
    replace(hub / "routes" / "orders.yaml", "steps:", "stpes:")

    code, out, _ = esb(hub, capsys, "validate")

    assert code == 1
    assert "tests/flows" not in out


def test_tests_of_a_route_that_calls_itself_do_not_run_in_circles(hub, capsys):
    (hub / "routes" / "orders.yaml").write_text("steps:\n  - call: again\n", encoding="utf-8")
    (hub / "routes" / "again.yaml").write_text("steps:\n  - call: orders\n", encoding="utf-8")
    (hub / "tests" / "flows" / "orders.yaml").write_text(
        "route: orders\nmocks: { nowhere: { reply: 1 } }\ncases:\n  - { name: it, given: { body: {} }, expect: {} }\n",
        encoding="utf-8",
    )

    code, out, _ = esb(hub, capsys, "validate")

    assert code == 1
    assert "error[E701]" in out
    assert 'step or endpoint "nowhere" does not exist' in out


def test_findings_for_a_build_server_stand_one_a_line(hub, capsys):
    replace(hub / "routes" / "orders.yaml", "to: warehouse", "to: warehuose")

    code, out, _ = esb(hub, capsys, "validate", "--format", "github")

    lines = out.splitlines()
    assert code == 1
    assert lines[0].startswith("::warning file=endpoints/warehouse.yaml,line=2")
    assert lines[1].startswith('::error file=routes/orders.yaml,line=11,col=9,endColumn=18,title=E305::endpoint "wareh')


def test_warnings_fail_only_where_one_asks_for_it(hub, capsys):
    (hub / "endpoints" / "spare.yaml").write_text("type: file\ndirectory: spare\n", encoding="utf-8")

    assert esb(hub, capsys, "validate")[0] == 0
    assert esb(hub, capsys, "validate", "--strict")[0] == 1


@pytest.mark.parametrize("verb", ["validate", "fmt", "graph", "show"])
def test_a_folder_without_a_project_is_unusable(verb, tmp_path, capsys):
    code, out, err = esb(tmp_path, capsys, verb)

    assert (code, out) == (78, "")
    assert "is no project" in err


def test_a_command_that_does_not_understand_its_words_says_so(hub, capsys):
    assert esb(hub, capsys, "validate", "--format", "xml")[0] == 64
    assert esb(hub, capsys, "graph", "nowhere")[0] == 64
    assert esb(hub, capsys, "show", "nowhere")[0] == 64
    assert run(["explain", "X999"]) == 64


def test_what_is_canonical_is_left_alone_and_anything_else_is_rewritten(hub, capsys):
    path = hub / "routes" / "orders.yaml"
    canonical = path.read_text(encoding="utf-8")
    assert esb(hub, capsys, "fmt", "--check")[:2] == (0, "")

    replace(path, "from: { endpoint: inbox }", "from: {endpoint: inbox}")
    assert esb(hub, capsys, "fmt", "--check")[:2] == (1, "routes/orders.yaml\n")
    assert "+from: { endpoint: inbox } #" in esb(hub, capsys, "fmt", "--diff")[1]
    code, out, _ = esb(hub, capsys, "fmt", str(path))

    assert (code, out) == (0, "routes/orders.yaml\n")
    assert path.read_text(encoding="utf-8") == canonical
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["orders.yaml"]


def test_a_file_that_cannot_be_formatted_is_named_and_the_others_are_done(hub, capsys):
    (hub / "routes" / "bad.yaml").write_text("a: 1\na: 2\n", encoding="utf-8")
    replace(hub / "endpoints" / "inbox.yaml", 'match: "*.json"', "match:   '*.json'")

    code, out, err = esb(hub, capsys, "fmt")

    assert (code, out) == (1, "endpoints/inbox.yaml\n")
    assert 'routes/bad.yaml:2:1: error[E108]: key "a" appears twice' in err
    assert esb(hub, capsys, "fmt", "nowhere.yaml")[0] == 64


def test_schemas_are_printed_or_written_for_editors(hub, capsys):
    code, out, _ = esb(hub, capsys, "schema", "endpoint", "--project")
    assert code == 0
    assert json.loads(out)["title"] == "esb endpoint"

    code, out, err = esb(hub, capsys, "schema", "--write")

    assert (code, out) == (0, "")
    assert "# yaml-language-server: $schema=../.esb/schema-route.json" in err
    for kind in (*KINDS, "test"):
        assert json.loads((hub / ".esb" / f"schema-{kind}.json").read_text(encoding="utf-8"))["title"] == f"esb {kind}"


def test_a_route_is_shown_in_sentences(hub, capsys):
    code, out, _ = esb(hub, capsys, "show", "orders")

    assert code == 0
    assert "    5. to           sends it to warehouse\n" in out
    assert json.loads(esb(hub, capsys, "show", "--json")[1])["orders"][0].startswith("route orders: ")


def test_a_project_with_errors_is_not_shown(hub, capsys):
    replace(hub / "routes" / "orders.yaml", "to: warehouse", "to: warehuose")

    code, out, err = esb(hub, capsys, "show", "orders")

    assert (code, out) == (78, "")
    assert "routes/orders.yaml:11:9: error[E305]" in err


def test_the_graph_is_drawn_in_every_form(hub, capsys):
    assert esb(hub, capsys, "graph")[:2] == (0, "inbox → orders → warehouse, event order.accepted\n")
    assert esb(hub, capsys, "graph", "orders", "--format", "svg")[1].startswith("<svg ")
    assert esb(hub, capsys, "graph", "--format", "mermaid")[1].startswith("flowchart LR\n")
    assert len(json.loads(esb(hub, capsys, "graph", "--json")[1])["edges"]) == 3


def test_a_code_is_explained(capsys):
    assert run(["explain", "e708"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("E708: a step needs an id\n")
    assert "Right:\n\n  - id: order\n    to: erp\n" in out

    assert run(["explain"]) == 0
    assert "E203  unknown key\n" in capsys.readouterr().out
    assert run(["explain", "E203", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "unknown key"


def test_more_mistakes_than_are_shown_are_counted_with_the_way_to_all_of_them(tmp_path, capsys):
    (tmp_path / "routes").mkdir()
    for number in range(25):
        (tmp_path / f"routes/r{number}.yaml").write_text("from: inbox\nsteps: [to: erp]\n")

    assert run(["validate", "-C", str(tmp_path)]) == 1
    out, err = capsys.readouterr()

    assert re.search(r"… \d+ more\n", out)
    assert err.endswith("; mend the first ones, or see all with --json\n")


def test_three_hundred_routes_are_validated_in_three_seconds_with_the_start_of_the_process(tmp_path):
    write_many(tmp_path, 300)
    command = [sys.executable, "-m", "esb", "validate", "-C", str(tmp_path)]

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to mend in 902 files" in done.stderr
    # time of the processor, which is what a wall clock shows on a machine that does nothing else
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 3


def write_many(folder, count):
    for name in ("routes", "endpoints", "transforms"):
        (folder / name).mkdir()
    (folder / "esb.yaml").write_text("name: many\n", encoding="utf-8")
    (folder / "endpoints" / "out.yaml").write_text("type: file\ndirectory: out\n", encoding="utf-8")
    fields = "".join(f'  f{number}: "$.order.f{number}"\n' for number in range(15))
    for number in range(count):
        (folder / "endpoints" / f"in-{number}.yaml").write_text(f"type: file\ndirectory: in/{number}\n")
        (folder / "transforms" / f"map-{number}.yaml").write_text(f"type: mapping\nset:\n{fields}")
        (folder / "routes" / f"route-{number}.yaml").write_text(
            f"from: {{ endpoint: in-{number} }}\n"
            'key: { order: "$.f0" }\n'
            "steps:\n"
            f"  - transform: map-{number}\n"
            '  - deduplicate: { key: "{{ partner }}/{{ body.f0 }}", keep: 30d }\n'
            "  - choose:\n"
            "      - when: \"$.f1[?@.a == 'b']\"\n"
            "        to: out\n"
            "      - otherwise:\n"
            "        steps:\n"
            "          - publish: order.late\n"
        )
