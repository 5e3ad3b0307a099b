"""Units of DVC: what `dvc.yaml` calls their files is what their jobs make, in any configuration."""

import re
from pathlib import Path

import pytest
import yaml

from fusevad.artifacts.tracked import IN_COMMANDS, entry
from fusevad.artifacts.units import units_of
from fusevad.config.load import load_files
from fusevad.plan.stages import plan

PAIRS = {
    "footage, which is no data set that is tested on": ("only_tested=[surveillance-fight]",),
    "data sets that are tested on each other": ("datasets=[rendered, surveillance-fight]",),
    "events of a camera, and a data set that is only tested on": (
        "datasets=[ucf-crime]",
        "events={ucf-crime: ucf-crime-dvs}",
        "only_tested=[cctv-fights]",
    ),
    "imported features": (
        "datasets=[ucf-crime]",
        "features={ucf-crime: {layout: vadclip, folder: given, crops: [0]}}",
        "table1=[image-only]",
        "radar=[image-only]",
    ),
}


def filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{item\.(\w+)\}", lambda name: values[name[1]], text)


@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
def test_dvc_tracks_the_files_of_a_unit_and_no_others(root, monkeypatch, pairs):
    monkeypatch.chdir(root)
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    config = load_files([], pairs=pairs)
    units = units_of(plan(config))
    owners: dict[str, str] = {}
    for unit in units:
        values = entry(unit, config, ())
        stage = stages[unit.stage]["do"]
        outs = [out for kind in ("outs", "plots", "metrics") for out in stage.get(kind, ())]
        named = {filled(next(iter(out)), values) for out in outs}
        assert named == set(unit.outs), unit.name
        parameters = [filled(next(iter(each)), values) for each in stage.get("params", ())]
        assert all(Path(file).is_file() for file in parameters), unit.name
        for out in unit.outs:
            assert owners.setdefault(out, unit.name) == unit.name
    # DVC takes no output inside another one.
    inside = {out for out in owners for other in owners if out.startswith(f"{other}/")}
    assert not inside


def test_the_values_that_commands_have_are_known(root):
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"].values()
    commands = " ".join(stage["do"]["cmd"] for stage in stages)
    assert set(re.findall(r"\$\{item\.(\w+)\}", commands)) == IN_COMMANDS


def test_all_studies_of_a_data_set_are_one_unit(root, monkeypatch):
    """They are files of one folder, and a file of another unit would be sent with it."""
    monkeypatch.chdir(root)
    (studies,) = [each for each in units_of(plan(load_files([]))) if each.stage == "studies"]
    assert studies.outs == ("results/rendered/studies",)
    stages = {job.stage for job in studies.jobs}
    assert {"study-alarms", "study-locality", "study-masking"} <= stages
