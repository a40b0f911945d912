import json
import shutil
import subprocess
import sys
from pathlib import Path

from openapi_spec_validator import validate

PROJECT = Path(__file__).parents[2]


def esb(*line):
    return subprocess.run([sys.executable, "-m", "esb", *line], check=False, capture_output=True, text=True, timeout=60)


def test_the_description_of_a_project_is_printed_as_openapi():
    told = esb("schema", "--openapi", "-C", str(PROJECT))

    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    validate(document)
    assert document["paths"]["/in/shop"]["post"]["operationId"] == "shop_post"


def test_a_project_with_errors_is_not_described(tmp_path):
    shutil.copytree(PROJECT / "endpoints", tmp_path / "endpoints")
    (tmp_path / "routes").mkdir()
    (tmp_path / "routes/shop.yaml").write_text("from: { endpoint: shop }\nsteps:\n  - to: nowhere\n")

    told = esb("schema", "--openapi", "-C", str(tmp_path))

    assert told.returncode == 78
    assert told.stdout == ""
    assert "nowhere" in told.stderr
