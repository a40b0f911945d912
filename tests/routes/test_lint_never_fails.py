"""Whatever a person breaks in a project, lint ends with findings and never with an exception."""

from hypothesis import given, settings
from hypothesis import strategies as st

from esb.routes import compile_plan, lint, load, render_all
from esb.routes.graph import as_svg, graph_of
from esb.routes.show import show
from esb.routes.starting import starter

FILES = {name: raw for name, raw in starter("hub").items() if not name.startswith("tests/")}
NAMES = [name for name in FILES if name.endswith((".yaml", ".json", ".csv"))]
WORDS = "$.a[*] {{ }} [ ] { } to choose when guard split steps null true 12 &a *a !x | > orders é"
TOKENS = st.sampled_from([*WORDS.split(), "{{ x }}", ": ", "- ", '"', "'", "\n", "  ", "\t", "# ", "\x85", "\x00"])
EDITS = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "double", "indent"]), st.floats(0, 1), st.integers(1, 12), TOKENS),
    min_size=1,
    max_size=4,
)


def edited(text, edits):
    for kind, where, length, token in edits:
        at = int(where * len(text))
        lines = text.split("\n")
        line = int(where * (len(lines) - 1))
        if kind == "insert":
            text = text[:at] + token + text[at:]
        elif kind == "delete":
            text = text[:at] + text[at + length :]
        elif kind == "double":
            text = "\n".join([*lines[: line + 1], *lines[line:]])
        else:
            text = "\n".join([*lines[:line], " " * length + lines[line], *lines[line + 1 :]])
    return text


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), EDITS)
def test_a_broken_file_gives_findings_and_a_whole_one_a_plan(name, edits):
    files = {**FILES, name: edited(FILES[name].decode(), edits).encode()}

    project = load(files)
    findings = lint(project)

    assert render_all(findings, files) or not findings
    assert as_svg(graph_of(project)).endswith("</svg>\n")
    assert all(show(project, route) for route in project.routes)
    if not any(finding.severity == "error" for finding in findings):
        assert compile_plan(project).release
