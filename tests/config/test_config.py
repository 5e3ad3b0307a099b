"""The configuration: complete, checked before any job, and wrong in one clear line."""

import shutil
from dataclasses import fields, replace

import pytest
import yaml

from fusevad.config.load import load, load_files
from fusevad.config.reading import merge
from fusevad.config.streams import MotionCue
from fusevad.errors import FusevadError
from fusevad.models import ModelSettings, method_names
from fusevad.parsing import from_text_or_file, parse
from fusevad.plan.jobs import Jobs
from fusevad.plan.study_jobs import StudyJobs
from fusevad.train.losses import LossSettings
from fusevad.train.seed_run import TrainSettings


@pytest.fixture(scope="module")
def folder(root):
    return root / "config"


@pytest.fixture
def values(folder):
    return yaml.safe_load((folder / "config.yaml").read_text())


def test_the_default_configuration_names_only_what_exists(values, folder):
    config = load(values, folder)
    assert list(config.datasets) == ["rendered"]
    assert {e.method for e in config.experiments.values()} <= set(method_names())


def test_the_tiny_configuration_lays_over_the_default(values, folder):
    over = yaml.safe_load((folder / "tiny.yaml").read_text())
    assert list(load(merge(values, over), folder).datasets) == ["rendered-tiny"]


@pytest.mark.parametrize("name", ["paper", "released", "rendered", "tiny"])
def test_every_hyperparameter_set_makes_settings_of_training(values, folder, name):
    config = load(values | {"hyperparameters": name}, folder)
    for dataset in ("rendered", "shanghaitech", "xd-violence"):
        settings = Jobs(config).train(*_named(config, dataset), "student-t")
        assert parse(TrainSettings, settings, name).method == "student-t"


def _named(config, dataset):
    rendered = config.datasets["rendered"]
    config.datasets.setdefault(dataset, replace(rendered, key=dataset, source=dataset))
    return (dataset,)


def test_released_values_differ_by_data_set(values, folder):
    config = load(values | {"hyperparameters": "released"}, folder)
    for dataset in ("ucf-crime", "xd-violence"):
        _named(config, dataset)
    assert config.train_settings("ucf-crime", "gaussian")["loss"]["kl"] == 1
    xd = config.train_settings("xd-violence", "gaussian")
    assert (xd["loss"]["kl"], xd["batch_size"], xd["loss"]["top_k_divisor"]) == (0.01, 2, 16)


def test_the_schema_knows_exactly_the_fields_of_the_settings(root):
    schema = yaml.safe_load((root / "workflow/schemas/hyperparameters.schema.yaml").read_text())
    known = schema["$defs"]["values"]["properties"]
    assert set(known) == {f.name for f in fields(TrainSettings)} - {"method"}
    assert set(known["model"]["properties"]) == {f.name for f in fields(ModelSettings)} - {"dim"}
    assert set(known["loss"]["properties"]) == {f.name for f in fields(LossSettings)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sedes": [1]}, r"config\.yaml.*: top level: .*'sedes' was unexpected"),
        ({"seeds": []}, r"config\.yaml.*: seeds: \[\] "),
        ({"seeds": [1, 1]}, r"config\.yaml.*: seeds: .*non-unique"),
        ({"protocol": "best"}, r"config\.yaml.*: protocol: 'best' is not one of"),
        ({"datasets": ["atlantis"]}, r"atlantis\.yaml: no such file; datasets known: .*rendered"),
        ({"encoder": "none"}, r"none\.yaml: no such file; encoders known: fusevad-small"),
        ({"table1": ["magic"]}, r"table1: no experiment 'magic'"),
        (
            {"motion_cue": {"definition": "paper", "window": 7, "threshold": 10}},
            r"motion_cue\.window",
        ),
        (
            {"cues": {"windows": [4], "thresholds": [10], "clamp": 16}},
            r"needs motion cues motion-T16-thr10, which `cues` does not make",
        ),
        ({"timelines": "magic"}, r"timelines: no experiment 'magic'"),
        ({"hyperparameters": "secret"}, r"secret\.yaml: no such file"),
        ({"studied": "image-only"}, r"studied: experiment 'image-only' learns without motion cues"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_remedy(values, folder, change, message):
    with pytest.raises(FusevadError, match=message) as error:
        load(values | change, folder)
    assert "\n" not in str(error.value)


def test_an_impossible_hyperparameter_names_its_file(values, tmp_path, folder):
    copy = tmp_path / "config"
    shutil.copytree(folder, copy)
    (copy / "hyperparameters" / "rendered.yaml").write_text(
        "source: x\nall: {epochs: -3}\n", encoding="utf-8"
    )
    with pytest.raises(FusevadError, match=r"rendered\.yaml: all\.epochs: -3 is less than"):
        load(values, copy)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("datasets/rendered.yaml", "", r"rendered\.yaml: top level: .* is a required property"),
        ("datasets/rendered.yaml", "- a\n", r"rendered\.yaml: not keys and values"),
        ("experiments/table1.yaml", "[a, b]\n", r"table1\.yaml: not keys and values"),
        (
            "tables/selection.yaml",
            "title: x\nstudy: selection\nexperiments: [magic]\n",
            r"selection\.yaml: no experiment 'magic' in",
        ),
        (
            "encoders/fusevad-small.yaml",
            "{model: a, pretrained: b, motion_cue_weights: null, cue_normalisation: none}\n",
            r"fusevad-small\.yaml: top level: 'align' is a required property",
        ),
        (
            "tables/leaks.yaml",
            "title: x\nstudy: leaks\n",
            r"leaks\.yaml: top level: 'experiments' is a required property",
        ),
        (
            "tables/table5.yaml",
            "title: x\nstudy: noise\nexperiments: [gating]\n",
            r"table5\.yaml: experiments: \['gating'\] is expected to be empty",
        ),
        (
            "tables/mine.yaml",
            "title: x\nbase: student-t\n"
            "sweeps: {nu: {label: ν of mine, set: model.epsilon, values: [4]}}\n",
            r"table8\.yaml: experiment 'student-t\.nu-4' is another one elsewhere",
        ),
    ],
)
def test_a_mistake_in_a_file_that_is_named_is_one_line(
    values, folder, tmp_path, file, content, message
):
    copy = tmp_path / "config"
    shutil.copytree(folder, copy)
    (copy / file).write_text(content)
    with pytest.raises(FusevadError, match=message) as error:
        load(values, copy)
    assert "\n" not in str(error.value)


def test_a_configuration_that_is_no_mapping_is_one_line(folder, tmp_path):
    (tmp_path / "mine.yaml").write_text("- student-t\n")
    with pytest.raises(FusevadError, match=r"mine\.yaml: not keys and values; correct the file"):
        load_files([tmp_path / "mine.yaml"], folder)


def test_settings_of_a_verb_that_are_no_mapping_are_one_line(tmp_path):
    (tmp_path / "settings.yaml").write_text("- 1\n")
    with pytest.raises(FusevadError, match=r"settings\.yaml: not keys and values"):
        from_text_or_file(str(tmp_path / "settings.yaml"))
    (tmp_path / "settings.yaml").write_text("# nothing: all defaults\n")
    assert from_text_or_file(str(tmp_path / "settings.yaml")) == {}


def test_a_name_that_is_no_stream_is_an_error():
    with pytest.raises(FusevadError, match="stream 'event-foo': unknown"):
        MotionCue.from_stream("event-foo")


def test_test_crops_are_numbers_of_crops_and_become_places_in_the_embeddings(values, folder):
    config = load(values | {"datasets": ["rendered-tiny"]}, folder)
    chosen = replace(config.experiments["gating"], overrides={"test_crops": [5]})
    config.experiments["gating"] = chosen
    assert config.train_settings("rendered-tiny", "gating")["test_crops"] == [1]
    config.experiments["gating"] = replace(chosen, overrides={"test_crops": [7]})
    with pytest.raises(FusevadError, match=r"\[7\] are not all among the crops \[0, 5\]"):
        config.train_settings("rendered-tiny", "gating")


def test_experiments_may_name_exactly_the_registered_methods(root):
    schema = yaml.safe_load((root / "workflow/schemas/experiments.schema.yaml").read_text())
    known = schema["additionalProperties"]["properties"]["method"]["enum"]
    assert sorted(known) == method_names()


@pytest.mark.parametrize("definition", ["paper", "released", "camera"])
def test_a_stream_name_and_its_cue_are_one(definition):
    cue = MotionCue(definition, 32, 25)
    assert MotionCue.from_stream(cue.stream) == cue


def test_a_job_is_told_only_what_its_result_depends_on(values, folder):
    jobs = Jobs(load(values, folder))
    more = values | {"cues": values["cues"] | {"windows": [16, 64]}, "protocol": "last"}
    changed = Jobs(load(more, folder))
    assert jobs.embed("rendered", "motion-T16-thr10") == changed.embed(
        "rendered", "motion-T16-thr10"
    )
    assert jobs.train("rendered", "gating") == changed.train("rendered", "gating")
    assert jobs.cues("paper") != changed.cues("paper")


def test_a_value_of_a_sweep_is_an_experiment_and_the_bases_own_value_is_the_base(values, folder):
    config = load(values, folder)
    rows = {row.key: row.experiment for row in config.ablations["table8"].rows}
    assert rows["nu-4"] == "student-t.nu-4"
    assert rows["nu-8"] == rows["N-10"] == rows["epsilon-1e-08"] == "student-t"
    assert config.train_settings("rendered", "student-t.nu-4")["model"]["nu"] == 4


def test_a_grid_crosses_its_sweeps(values, folder):
    config = load(values, folder)
    table = config.ablations["table4"]
    assert len(table.rows) == 10
    chosen = config.experiments["student-t.T-64-thr-25"].motion_cue
    assert (chosen.window, chosen.threshold) == (64, 25)


def test_a_data_set_is_based_on_another(values, folder, tmp_path):
    copy = tmp_path / "config"
    shutil.copytree(folder, copy)
    (copy / "datasets" / "xd-violence.released.yaml").write_text(
        "based_on: xd-violence\ntitle: XD (released)\nrecorded: {split: released}\n"
    )
    config = load(values | {"datasets": ["xd-violence.released"]}, copy)
    dataset = config.datasets["xd-violence.released"]
    assert (dataset.source, dataset.settings["split"]) == ("xd-violence", "released")
    assert Jobs(config).data_folder("xd-violence.released") == "data/xd-violence"


def test_every_table_of_the_paper_is_a_target(values, folder):
    config = load(values, folder)
    tables = {"table1", *config.ablations, *config.study_tables}
    assert {f"table{number}" for number in range(1, 15)} <= tables


def test_a_table_of_a_study_reads_only_runs_that_a_data_set_can_have(values, folder, tmp_path):
    copy = tmp_path / "config"
    shutil.copytree(folder, copy)
    (copy / "tables" / "selection.yaml").write_text(
        "title: x\nstudy: selection\nexperiments: [student-t, student-t.real-events]\n"
    )
    files = StudyJobs(Jobs(load(values, copy))).table_files("selection")
    assert "results/rendered/runs/student-t/seeds.csv" in files
    assert not [file for file in files if "real-events" in file], "there are no events of a camera"
