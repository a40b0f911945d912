import pytest

from esb.errors import Diagnostic, Place
from esb.routes.render import as_data, as_github, ordered, render, render_all, summary

FILES = {"routes/a.yaml": b"from: x\nsteps:\n  - tu: erp\n"}
FINDING = Diagnostic(
    "E202", 'unknown step "tu"', Place("routes/a.yaml", 3, 5, 2), label="not a step", help='did you mean "to"?'
)


def test_a_finding_is_shown_with_its_lines_its_caret_and_the_mended_line():
    assert render(FINDING, FILES) == (
        'error[E202]: unknown step "tu"\n'
        "  --> routes/a.yaml:3:5\n"
        "    |\n"
        "  1 | from: x\n"
        "  2 | steps:\n"
        "  3 |   - tu: erp\n"
        "    |     ^^ not a step\n"
        "    |\n"
        'help: did you mean "to"?\n'
        "    |\n"
        "  3 |   - to: erp\n"
        "    |     ++\n"
        "    |\n"
        "docs: esb explain E202\n"
    )


def test_colour_changes_nothing_but_the_colour():
    painted = render(FINDING, FILES, colour=True)

    plain = painted
    for code in ("\x1b[1;31m", "\x1b[1;36m", "\x1b[1m", "\x1b[34m", "\x1b[0m"):
        plain = plain.replace(code, "")
    assert plain == render(FINDING, FILES)
    assert "\x1b[1;31merror[E202]\x1b[0m" in painted


def test_a_file_cannot_steer_the_terminal():
    files = {"a.yaml": b"a: \x1b[2J\tx\n"}

    shown = render(Diagnostic("E101", "bad \x1b[2J", Place("a.yaml", 1, 4)), files)

    assert "\x1b" not in shown
    assert "  1 | a: \ufffd[2J x\n" in shown


def test_a_long_line_is_cut_around_the_token():
    files = {"a.yaml": b"k: " + b"x" * 1000 + b"BAD" + b"y" * 1_000_000}

    shown = render(Diagnostic("E1", "bad", Place("a.yaml", 1, 1004, 3)), files).split("\n")

    assert len(shown[3]) < 180
    assert shown[3][shown[4].index("^") :].startswith("BAD")
    assert shown[3].startswith("  1 | …x") and shown[3].endswith("y…")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("auth: { bearer: secret://env/ERP_TOKEN }", "auth: { bearer: secret://env/ERP_TOKEN }"),
        ('password: "secret://file/erp"', 'password: "secret://file/erp"'),
        ("secrets: [secret://env/NEW, secret://env/OLD]", "secrets: [secret://env/NEW, secret://env/OLD]"),
        ("secrets: [hunter2, secret://env/OLD]", "secrets: [•••••••, secret://env/OLD]"),
        ("api_keys: ['hunter2']", "api_keys: ['•••••••']"),
        ("token: secret:/hunter2", "token: •••••••••••••••"),
    ],
)
def test_a_reference_is_shown_and_a_secret_is_covered(line, shown):
    finding = Diagnostic("E210", "text", Place("e.yaml", 2, 1, 1))

    assert f"  1 | {shown}\n" in render(finding, {"e.yaml": f"{line}\nx: 1\n".encode()})


def test_secrets_in_the_lines_around_are_covered():
    files = {"e.yaml": b"password: hunter2\nurl: https://me:hunter2@host/\nx: 1\ntoken: secret://env/T\n"}

    shown = render(Diagnostic("E203", "bad", Place("e.yaml", 3, 1)), files)

    assert "hunter2" not in shown
    assert "  1 | password: •••••••\n" in shown
    assert "  4 | token: secret://env/T" in shown


def test_only_the_first_findings_are_shown_in_full():
    many = [Diagnostic("E1", f"finding {number}", Place("x", number, 1)) for number in range(1, 34)]

    shown = render_all(many, {})

    assert shown.count("error[") == 20
    assert shown.endswith("… 13 more\n")


def test_a_finding_in_a_file_that_nobody_has_is_still_said():
    assert render(Diagnostic("E107", "the file is empty", Place("x.yaml", 1, 1)), {}) == (
        "error[E107]: the file is empty\n  --> x.yaml:1:1\ndocs: esb explain E107\n"
    )


def test_data_and_build_servers_get_the_same_texts():
    finding = Diagnostic("W321", "a, b: 100%", Place("r/a,b.yaml", 2, 3, 4), "warning", help="do\nthis")

    assert as_data(finding) == {
        "code": "W321",
        "severity": "warning",
        "text": "a, b: 100%",
        "file": "r/a,b.yaml",
        "line": 2,
        "column": 3,
        "length": 4,
        "help": "do\nthis",
    }
    assert as_github(finding) == (
        "::warning file=r/a%2Cb.yaml,line=2,col=3,endColumn=7,title=W321::a, b: 100%25%0Ado%0Athis"
    )


def test_findings_are_sorted_by_place_and_one_cause_is_said_once():
    late, early = Diagnostic("E2", "b", Place("a", 9, 1)), Diagnostic("E1", "a", Place("a", 1, 1))
    secret, other = Diagnostic("E601", "s", Place("a", 5, 2)), Diagnostic("E210", "t", Place("a", 5, 2))

    assert ordered([late, early, early, other, secret]) == (early, secret, late)


def test_the_summary_counts_errors_and_warnings():
    error, warning = Diagnostic("E1", "", Place("a", 1, 1)), Diagnostic("W1", "", Place("a", 1, 1), "warning")

    assert summary([error, warning, warning], 34) == "✖ 1 error, 2 warnings in 34 files"
    assert summary([warning], 1) == "✔ 1 warning in 1 file"
    assert summary([], 2) == "✔ nothing to mend in 2 files"
