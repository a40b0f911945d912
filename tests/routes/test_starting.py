import pytest

from esb.errors import UsageError
from esb.routes import compile_plan, lint, load
from esb.routes.formatting import formatted
from esb.routes.starting import starter
from esb.testing.route_test import run_cases


def test_a_new_project_has_nothing_to_mend_and_is_in_canonical_form():
    files = starter("acme-hub")

    assert lint(load(files)) == ()
    assert b"name: acme-hub" in files["esb.yaml"]
    assert {
        name for name in files if name.endswith(".yaml") and formatted(name, files[name]).encode() != files[name]
    } == set()
    assert compile_plan(load(files)).intakes.keys() == {"inbox"}


def test_the_tests_of_a_new_project_pass(tmp_path):
    for name, raw in starter("hub").items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)

    report = run_cases(project=tmp_path)

    assert report.passed, report.text()
    assert len(report.results) == 2


def test_a_new_project_keeps_its_secrets_and_its_state_out_of_a_repository():
    ignored = starter("hub")[".gitignore"].decode().splitlines()

    assert {"secrets/", ".env", "var/"} <= set(ignored)


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "a b", "x" * 65])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(UsageError, match="cannot name a project"):
        starter(name)
