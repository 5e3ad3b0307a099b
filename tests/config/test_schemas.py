"""Schemas for editors: made from the classes that check the files, current, and true of them."""

import json

import jsonschema
import pytest
import yaml

from fusevad.config.forms import FORMS
from fusevad.config.schemas import schemas

MADE = schemas()


@pytest.mark.parametrize("name", FORMS)
def test_the_committed_schema_is_the_one_that_fusevad_schemas_writes(root, name):
    committed = (root / f"workflow/schemas/{name}.schema.json").read_text()
    assert committed == MADE[name], "run: fusevad schemas"


def test_no_other_schema_is_left_over(root):
    files = {path.name for path in (root / "workflow/schemas").iterdir()}
    assert files == {f"{name}.schema.json" for name in (*FORMS, "leaderboard")}


@pytest.mark.parametrize("name", FORMS)
def test_every_file_of_its_kind_names_its_schema_and_fits_it(root, name):
    validator = jsonschema.Draft202012Validator(json.loads(MADE[name]))
    folder = root / "config" if name == "config" else root / "config" / name
    files = [p for p in folder.glob("*.yaml") if p.name != "claims.yaml"]
    assert files
    for path in files:
        text = path.read_text()
        up = "../" * (len(path.relative_to(root).parts) - 1)
        first = f"# yaml-language-server: $schema={up}workflow/schemas/{name}.schema.json"
        assert text.splitlines()[0] == first
        assert not list(validator.iter_errors(yaml.safe_load(text))), path


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config", {"sedes": [1]}),
        ("config", {"cues": {"windos": [4]}}),
        ("datasets", {"render": {"crff": 27}}),
        ("datasets", {"recorded": {"layout": {"sufixes": []}}}),
        ("encoders", {"align": {"epoch": 3}}),
        ("tables", {"study": "noize"}),
        ("hyperparameters", {"all": {"model": {"mu": 3}}}),
        ("config", {"hyperparameters": {"epoch": 3}}),
        ("experiments", {"gating": {"label": "x", "method": "gating", "sett": {}}}),
    ],
)
def test_an_editor_marks_what_loading_refuses(name, values):
    validator = jsonschema.Draft202012Validator(json.loads(MADE[name]))
    assert list(validator.iter_errors(values))


@pytest.mark.parametrize("name", FORMS)
def test_every_key_of_a_file_is_explained_to_the_editor(name):
    schema = json.loads(MADE[name])
    if name == "experiments":
        schema = schema["$defs"]["ExperimentEntry"]
    unexplained = [k for k, v in schema["properties"].items() if not v.get("description")]
    assert not unexplained
