from dataclasses import fields

import pytest

from esb.errors import DefinitionError
from esb.routes import load, project, read_files
from esb.routes.definition import SettingsSpec
from esb.settings import Settings, read_settings


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_only_what_belongs_to_a_project_is_read(tmp_path):
    write(
        tmp_path,
        {
            "esb.yaml": "name: x",
            "routes/a.yaml": "a",
            "transforms/tables/t.csv": "b",
            "schemas/partners/p.yaml": "c",
            "routes/.a.yaml.swp": "no",
            "routes/a.yaml~": "no",
            "transforms/__pycache__/x.pyc": "no",
            "tests/flows/a.yaml": "no",
            "var/store.db": "no",
        },
    )

    files = read_files(tmp_path)

    assert list(files) == ["esb.yaml", "routes/a.yaml", "transforms/tables/t.csv", "schemas/partners/p.yaml"]
    assert files["esb.yaml"] == b"name: x"


def test_a_folder_without_a_project_is_refused(tmp_path):
    with pytest.raises(DefinitionError, match=r"is no project: neither esb.yaml nor routes/ is there"):
        read_files(tmp_path)
    with pytest.raises(DefinitionError, match="is not a folder"):
        read_files(tmp_path / "nowhere")


def test_a_link_out_of_the_project_is_refused(tmp_path):
    write(tmp_path, {"secret.txt": "x", "hub/esb.yaml": "name: x", "hub/schemas/a@1.json": "{}"})
    (tmp_path / "hub" / "schemas" / "b@1.json").symlink_to(tmp_path / "secret.txt")

    with pytest.raises(DefinitionError, match=r"schemas/b@1.json is a link that leads out of the project"):
        read_files(tmp_path / "hub")


def test_a_project_that_is_too_large_is_refused(tmp_path, monkeypatch):
    write(tmp_path, {"esb.yaml": "name: x", "routes/a.yaml": "steps: []"})
    monkeypatch.setattr(project, "MOST_FILES", 1)

    with pytest.raises(DefinitionError, match="more than 1 files"):
        read_files(tmp_path)


def test_names_come_from_the_paths_of_files():
    found = load(
        {
            "transforms/acme/order.yaml": b"type: mapping\nset: { a: 1 }",
            "transforms/tables/eu/sites.csv": b"key,value\n",
            "schemas/acme/order@2.json": b"{}",
            "schemas/order@1.xsd": b"<x/>",
            "schemas/types.xsd": b"<x/>",
            "schemas/all@1.xsd": b"<x include='types.xsd'/>",
        }
    )

    assert found.places["transform"] == {"acme/order": "transforms/acme/order.yaml"}
    assert found.places["table"] == {"eu/sites": "transforms/tables/eu/sites.csv"}
    assert found.places["contract"] == {
        "acme/order@2": "schemas/acme/order@2.json",
        "all@1": "schemas/all@1.xsd",
        "order@1": "schemas/order@1.xsd",
    }
    assert found.findings == ()


def test_the_settings_of_esb_yaml_are_those_that_a_process_reads():
    found = load({"esb.yaml": b"settings: { listen: '0.0.0.0:80', workers: 4, drain: 1m, log_size: 5MB }"})

    settings = read_settings({}, {}, found.settings)

    assert found.findings == ()
    assert (settings.listen, settings.workers, settings.drain, settings.log_size) == ("0.0.0.0:80", 4, 60.0, 5_000_000)
    assert {field.name for field in fields(Settings)} - {"project"} == set(SettingsSpec.model_fields)


def test_a_project_without_files_is_an_empty_one():
    found = load({})

    assert (found.routes, found.findings, found.settings) == ({}, (), {})
