"""The configuration: complete, checked before any job, and wrong in one clear line."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml

from fusevad.config.load import load, load_dataset, load_files
from fusevad.config.reading import merge
from fusevad.cues.settings import MotionCue
from fusevad.data.truth import LabelledVideo
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import LabelledTest
from fusevad.models.registry import METHODS
from fusevad.parsing import from_text_or_file
from fusevad.plan.jobs import Jobs
from fusevad.plan.study_jobs import StudyJobs
from fusevad.train.settings import train_settings

ONE_DATASET = """title: x
metrics: [AUC]
crops: [0]
frame_stride: 1
shards: 1
hyperparameters: tiny
"""
SWEEP = "title: x\nbase: student-t\nsweeps: {{w: {{label: W, set: {}, values: {}}}}}\n"


@pytest.fixture(scope="module")
def folder(root):
    return root / "config"


@pytest.fixture
def values(folder):
    return yaml.safe_load((folder / "config.yaml").read_text())


def test_the_default_configuration_names_only_what_exists(values, folder):
    config = load(values, folder)
    assert list(config.datasets) == ["rendered"]
    assert {e.method for e in config.experiments.values()} <= set(METHODS)


def test_the_tiny_configuration_lays_over_the_default(values, folder):
    over = yaml.safe_load((folder / "tiny.yaml").read_text())
    assert list(load(merge(values, over), folder).datasets) == ["rendered-tiny"]


@pytest.mark.parametrize("name", ["paper", "released", "rendered", "tiny"])
def test_every_hyperparameter_set_makes_settings_of_training(values, folder, name):
    config = load(values | {"hyperparameters": name}, folder)
    for dataset in ("rendered", "shanghaitech", "xd-violence"):
        settings = Jobs(config).train(*_named(config, dataset), "student-t")
        assert train_settings(settings, name).method == "student-t"


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sedes": [1]}, r"config\.yaml.*: sedes: unknown; did you mean 'seeds'\?"),
        ({"seeds": []}, r"config\.yaml.*: seeds: .*at least 1 item"),
        ({"seeds": [2**32]}, r"config\.yaml.*: seeds\.0: .*less than 4294967296"),
        ({"seeds": [1, 1]}, r"config\.yaml.*: seeds: 1 is named twice"),
        ({"seeds": [True]}, r"config\.yaml.*: seeds\.0: true or false where a number belongs"),
        ({"seeds": [float("inf")]}, r"config\.yaml.*: seeds\.0: .*finite"),
        ({"protocol": "best"}, r"config\.yaml.*: protocol: 'best': .*'validation'"),
        ({"datasets": ["atlantis"]}, r"atlantis\.yaml: no such file; datasets known: .*rendered"),
        ({"encoder": "none"}, r"none\.yaml: no such file; encoders known: fusevad-small"),
        ({"table1": ["magic"]}, r"table1: no experiment 'magic'"),
        (
            {"motion_cue": {"definition": "paper", "window": 7, "threshold": 10}},
            r"motion_cue: .*window 7 is not an even number",
        ),
        (
            {"cues": {"windows": [4], "thresholds": [10], "clamp": 16}},
            r"needs motion cues motion-T16-thr10, which `cues` does not list",
        ),
        ({"timelines": "magic"}, r"timelines: no experiment 'magic'"),
        ({"hyperparameters": "secret"}, r"secret\.yaml: no such file"),
        ({"studied": "student-t"}, r"studied: is called `studies\.experiment` now; rename it"),
        ({"add": {"table1": ["gating"]}}, r"add\.table1: 'gating' is named twice"),
        ({"add": {"tabel1": ["x"]}}, r"add\.tabel1: unknown; did you mean 'table1'\?"),
        ({"cues": {"windos": [4]}}, r"cues\.windos: unknown; did you mean 'windows'\?"),
        (
            {"features": {"rendered": {"layout": "i3d", "folder": "x", "crop": [0]}}},
            r"features\.rendered\.crop: unknown; did you mean 'crops'\?",
        ),
        ({"features": {"rendered": {"layout": "i3d"}}}, r"features\.rendered\.folder: missing"),
        ({"hyperparameters": {"epoch": 3}}, r"hyperparameters\.epoch: .*mean 'epochs'\?"),
        ({"hyperparameters": {"model": {"mu": 3}}}, r"hyperparameters\.model\.mu: .*mean 'nu'\?"),
        (
            {"data_root": {"rendered": "--help"}},
            r"data_root\.rendered: '--help': starts with a dash.*write \./--help",
        ),
        ({"data_root": {"rendered": "a\0b"}}, r"data_root\.rendered: 'a\\x00b': not a path"),
        ({"data_root": {"rendered": "a\ud800"}}, r"data_root\.rendered: .*: not a path"),
        ({"data_root": {"rendered": ""}}, r"data_root\.rendered: '': not a path"),
        (
            {"features": {"rendered": {"layout": "i3d", "folder": "-x"}}},
            r"features\.rendered\.folder: '-x': starts with a dash",
        ),
        ({"data_root": {"rendered": "a{b}"}}, r"data_root\.rendered: 'a\{b\}': has braces"),
        (
            {"features": {"rendered": {"layout": "i3d", "folder": "x", "streams": {"../a": "x"}}}},
            r"features\.rendered\.streams\.\.\./a: ",
        ),
        (
            {"features": {"rendered": {"layout": "i3d", "folder": "x", "streams": {"rgb": "-a"}}}},
            r"features\.rendered\.streams\.rgb: '-a': starts with a dash",
        ),
        ({"streams": {"audio": {"weights": "a\nb"}}}, r"streams\.audio\.weights: .*not a path"),
        ({"hyperparameters": {"epochs": 10**12}}, r"hyperparameters\.epochs: .*equal to 100000"),
        ({"hyperparameters": {"epochs": -3}}, r"hyperparameters\.epochs: -3: .*greater"),
        ({"hyperparameters": {"base": "secret"}}, r"secret\.yaml: no such file"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_remedy(values, folder, change, message):
    with pytest.raises(FusevadError, match=message) as error:
        load(values | change, folder)
    assert "\n" not in str(error.value)


def test_footage_of_no_data_set_is_one_line_and_of_one_that_is_not_configured_none(values, folder):
    footage = {"rendred": "rendered-normal"}
    with pytest.raises(FusevadError, match=r"rendred\.yaml: no such file; datasets known"):
        load(merge(values, {"studies": {"footage": footage}}), folder)
    assert not load(values | {"datasets": ["ucf-crime"]}, folder).footage


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"studies": {"alarms": {"rates": [1, 5, 5.0]}}}, "alarms: rates: 5.0 is named twice"),
        ({"studies": {"alarms": {"overlaps": [0.2, 0.2]}}}, "alarms: overlaps: 0.2 is named twice"),
        ({"studies": {"masking": {"levels": [0.1, 0.1]}}}, "masking: levels: 0.1 is named twice"),
        ({"cues": {"windows": [16, 16]}}, "motion cues: windows: 16 is named twice"),
        ({"cues": {"thresholds": [10, 10]}}, "motion cues: thresholds: 10 is named twice"),
        ({"table1_ours": ["student-t.local"] * 2}, "table1_ours: 'student-t.local' is named twice"),
    ],
)
def test_a_value_that_makes_rows_or_columns_is_named_once(values, folder, change, message):
    with pytest.raises(FusevadError, match=rf"config\.yaml.*: {re.escape(message)}"):
        load(merge(values, change), folder)


@pytest.mark.parametrize("key", ["set", "motion_cue", "hyperparameters", "teacher"])
def test_null_in_an_experiment_is_nothing(values, folder, tmp_path, key):
    folder = shutil.copytree(folder, tmp_path / "config")
    file = folder / "experiments" / "mine.yaml"
    file.write_text(f"mine: {{label: A, method: concat, {key}: null}}\n")
    null = load(values, folder).experiments["mine"]
    file.write_text("mine: {label: A, method: concat}\n")
    assert null == load(values, folder).experiments["mine"]


@pytest.mark.parametrize("section", ["model", "loss"])
def test_null_is_no_section_of_hyperparameters(values, folder, section):
    with pytest.raises(FusevadError, match=rf"hyperparameters\.{section}: None"):
        load(values | {"hyperparameters": {section: None}}, folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("datasets/rendered.yaml", "", r"rendered\.yaml: title: missing; add it"),
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
            r"fusevad-small\.yaml: align: missing; without `motion_cue_weights`",
        ),
        (
            "tables/leaks.yaml",
            "title: x\nstudy: leaks\n",
            r"leaks\.yaml: experiments: missing; the study needs some",
        ),
        (
            "tables/table5.yaml",
            "title: x\nstudy: noise\nexperiments: [gating]\n",
            r"table5\.yaml: experiments: a study of noise uses `studies\.experiment`",
        ),
        (
            "datasets/rendered.yaml",
            ONE_DATASET + "render: {crff: 27}\n",
            r"rendered\.yaml: render\.crff: unknown; did you mean 'crf'\?",
        ),
        (
            "datasets/rendered.yaml",
            ONE_DATASET + "render: {crf: 99}\n",
            r"rendered\.yaml: render: crf can't be 99",
        ),
        (
            "datasets/rendered.yaml",
            ONE_DATASET + "recorded: {layout: {sufixes: [.mp4]}}\nfetch: {}\n",
            r"rendered\.yaml: recorded\.layout\.sufixes: unknown; did you mean 'suffixes'\?",
        ),
        (
            "datasets/rendered.yaml",
            ONE_DATASET + "render: {}\nfetch: {licence: {text: x}, files: [{nam: y}]}\n",
            r"rendered\.yaml: fetch\.files\.0\.nam: unknown; did you mean 'name'\?",
        ),
        (
            "datasets/rendered.yaml",
            ONE_DATASET + "splice: {seed: 1}\n",
            r"rendered\.yaml: splice\.\w+: missing; add it",
        ),
        ("datasets/rendered.yaml", ONE_DATASET, r"rendered\.yaml: none of render, recorded"),
        ("datasets/rendered.yaml", "title: a\ntitle: b\n", r"line 2: key 'title' is given twice"),
        (
            "encoders/fusevad-small.yaml",
            "{model: a, pretraned: b}\n",
            r"fusevad-small\.yaml: pretraned: unknown; did you mean 'pretrained'\?",
        ),
        (
            "encoders/fusevad-small.yaml",
            "{model: a, align: {seed: 1, epoch: 2}}\n",
            r"fusevad-small\.yaml: align\.epoch: unknown; did you mean 'epochs'\?",
        ),
        (
            "tables/table5.yaml",
            "title: x\nstudy: noize\n",
            r"table5\.yaml: study: 'noize': .*'noise'",
        ),
        (
            "hyperparameters/rendered.yaml",
            "source: x\nall: {epochs: -3}\n",
            r"rendered\.yaml: all\.epochs: -3: .*greater",
        ),
        (
            "hyperparameters/rendered.yaml",
            "source: x\nall: {}\ndatasets: {msad: {loss: {kll: 1}}}\n",
            r"rendered\.yaml: datasets\.msad\.loss\.kll: unknown; did you mean 'kl'\?",
        ),
        (
            "experiments/ablations.yaml",
            "student-t.mine: {label: x, method: student-t, set: {model: {nuu: 2}}}\n",
            r"ablations\.yaml: student-t\.mine\.set\.model\.nuu: unknown; did you mean 'nu'\?",
        ),
        (
            "experiments/mine.yaml",
            "gating.mine: {label: x, method: gating, set: {model: {nu: 2}}}\n",
            r"'gating\.mine': set: method 'gating': model\.nu: unknown",
        ),
        (
            "experiments/table1.yaml",
            "gating: {label: x, method: gating, sett: {}}\n",
            r"table1\.yaml: gating\.sett: unknown; did you mean 'set'\?",
        ),
        *(
            ("tables/mine.yaml", SWEEP.format(*swept), message)
            for *swept, message in (
                ("motion_cue.wndow", "[8]", r"mine\.yaml: .*set: motion_cue\.wndow is no number"),
                ("motion_cue", "[8]", "set: motion_cue is no number of a cue"),
                ("motion_cue.window", "[8.0]", r"values: of motion_cue\.window are whole numbers"),
                # Else rows of the base's numbers would have the other methods' names.
                ("method", "[gating]", r"mine\.yaml: .*method: unknown"),
                ("test_crops", "[0, 5]", r"mine\.yaml: .*test_crops: "),
                ("test_crops", "['05']", r"mine\.yaml: .*test_crops: "),
                ("loss", "[1]", r"mine\.yaml: .*loss: "),
                ("model.", "[1]", r"mine\.yaml: .*model: "),
                ("model.nu.x", "[1]", r"mine\.yaml: .*model\.nu\.x: unknown"),
                ("learning_rate", "[fast]", r"mine\.yaml: .*learning_rate: "),
            )
        ),
        (
            "tables/mine.yaml",
            "title: x\nbase: student-t\n"
            "sweeps: {nu: {label: ν of mine, set: model.epsilon, values: [4]}}\n",
            r"another file has a different experiment 'student-t\.nu-4'",
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


def test_a_name_that_is_no_motion_cue_is_an_error():
    with pytest.raises(FusevadError, match="stream 'event-foo': names no motion cue"):
        MotionCue.from_stream("event-foo")


def test_test_crops_are_numbers_of_crops_and_become_places_in_the_embeddings(values, folder):
    config = load(values | {"datasets": ["rendered-tiny"]}, folder)
    chosen = replace(config.experiments["gating"], overrides={"test_crops": [5]})
    config.experiments["gating"] = chosen
    assert config.train_settings("rendered-tiny", "gating")["test_crops"] == [1]
    config.experiments["gating"] = replace(chosen, overrides={"test_crops": [7]})
    with pytest.raises(FusevadError, match=r"\[7\] are not all among the crops \[0, 5\]"):
        config.train_settings("rendered-tiny", "gating")


@pytest.mark.parametrize(
    ("crops", "wanted", "place"), [([4, 3, 2, 1, 0], [0], [4]), ([5], [5], [0]), ([0, 5], [5], [1])]
)
def test_crops_of_imported_features_are_known_by_number(values, folder, crops, wanted, place):
    features = {"rendered": {"layout": "i3d", "folder": "x", "crops": crops}}
    changed = {"features": features, "hyperparameters": {"test_crops": wanted}}
    config = load(values | changed, folder)
    assert config.train_settings("rendered", "gating")["test_crops"] == place
    shown = Jobs(config).table_dataset("rendered")
    assert (shown["crops"], shown["scored_crops"]) == (len(crops), wanted)
    assert shown["features"] == "i3d"
    assert Jobs(config).features("rendered")["crops"] == crops


def test_each_table_is_told_the_crops_of_its_own_rows(values, folder):
    config = load(values, folder)
    gating = config.experiments["gating"]
    config.experiments["gating"] = replace(gating, overrides={"test_crops": [5, 0]})
    jobs = Jobs(config)
    alone, among, others = (
        jobs.table_dataset("rendered", rows)
        for rows in (["gating"], ["gating", "concat", "student-t"], ["concat", "student-t"])
    )
    assert alone["scored_crops"] == [0, 5] and "own_crops" not in alone
    assert among["scored_crops"] == [0] and among["own_crops"] == {"gating": [0, 5]}
    assert others["scored_crops"] == [0] and "own_crops" not in others
    assert jobs.table_dataset("rendered", [])["scored_crops"] == []


@pytest.mark.parametrize("first", ["Video-AUC", "AUC", "AP", "Ano-AUC", "Ano-AP"])
def test_classes_are_shown_in_a_metric_that_evaluation_measures_by_class(values, folder, first):
    config = load(values, folder)
    config.datasets["rendered"] = replace(config.datasets["rendered"], metrics=(first, "AUC"))
    shown = Jobs(config).table_dataset("rendered")["class_metric"]
    video = LabelledVideo("a", np.arange(32) < 9, (("fire", 0, 9),))
    measured = LabelledTest([video]).class_metrics(np.array([0.9, 0.1]))["fire"]
    assert shown in measured
    assert (shown == "AP") == first.endswith("AP")


def test_a_crop_that_was_not_imported_is_one_line_before_any_job(values, folder):
    features = {"rendered": {"layout": "i3d", "folder": "x", "crops": [5]}}
    with pytest.raises(FusevadError, match=r"test_crops \[0\] are not all among the crops \[5\]"):
        load(values | {"features": features}, folder)


def test_one_hyperparameter_is_changed_for_all_experiments_and_the_run_is_told_the_result(
    values, folder
):
    changed = {"base": "rendered", "epochs": 3, "model": {"nu": 4}, "learning_rate": "5e-4"}
    told = Jobs(load(values | {"hyperparameters": changed}, folder)).train("rendered", "student-t")
    before = Jobs(load(values, folder)).train("rendered", "student-t")
    expected = {"epochs": 3, "learning_rate": 5e-4, "model": before["model"] | {"nu": 4}}
    assert told == before | expected
    assert isinstance(told["learning_rate"], float)


def test_without_a_base_each_data_set_starts_from_its_own_set(values, folder):
    datasets = {"datasets": ["rendered", "rendered-tiny"]}
    config = load(values | datasets | {"hyperparameters": {"epochs": 3}}, folder)
    found = {key: config.train_settings(key, "gating") for key in config.datasets}
    assert [settings["epochs"] for settings in found.values()] == [3, 3]
    assert [settings["batch_size"] for settings in found.values()] == [16, 4]


def test_an_experiment_has_a_set_of_its_own_with_one_value_changed(values, folder, tmp_path):
    copy = tmp_path / "config"
    shutil.copytree(folder, copy)
    (copy / "experiments" / "mine.yaml").write_text(
        "mine:\n  label: x\n  method: gating\n"
        "  hyperparameters: {base: paper, epochs: 3}\n  set: {batch_size: 8}\n"
    )
    settings = load(values, copy).train_settings("rendered", "mine")
    assert (settings["epochs"], settings["batch_size"], settings["max_segments"]) == (3, 8, 256)


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


def test_a_value_that_the_hyperparameters_leave_to_the_method_is_the_base_too(values, folder):
    named = yaml.safe_load((folder / "hyperparameters/tiny.yaml").read_text())["all"]["model"]
    assert named.keys() & {"nu", "epsilon", "refinement_rate"} == set()
    config = load(values | {"datasets": ["rendered-tiny"]}, folder)
    rows = {row.key: row.experiment for row in config.ablations["table8"].rows}
    assert rows["nu-8"] == rows["epsilon-1e-08"] == rows["lambda_r-0.5"] == "student-t"
    assert rows["N-10"] == "student-t.N-10", "tiny.yaml has two steps of refinement"
    settings = [
        train_settings(config.train_settings("rendered-tiny", name), name)
        for name in dict.fromkeys(rows.values())
    ]
    assert all(settings.count(each) == 1 for each in settings), "no experiment is there twice"


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


def test_a_data_set_may_have_another_origin_than_the_one_it_is_based_on(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "config")
    own = "{labels: labels.csv, intervals: intervals.csv}"
    (copy / "datasets" / "shop.yaml").write_text(f"based_on: rendered\nrender: null\nown: {own}\n")
    dataset = load_dataset(copy, "shop")
    assert (dataset.origin, dataset.settings["labels"]) == ("own", "labels.csv")


def test_a_data_set_is_based_on_one_that_stands_alone(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "config")
    (copy / "datasets" / "mine.yaml").write_text("based_on: rendered-normal\n")
    with pytest.raises(FusevadError, match=r"mine\.yaml: based_on: 'rendered-normal' is based on"):
        load_dataset(copy, "mine")


@pytest.mark.parametrize("name", ["seeds", "runs", "figures", "bundles"])
def test_a_data_set_is_not_called_like_another_folder_of_results(folder, tmp_path, name):
    """`fusevad gc` took runs of a data set called `seeds` for finished seeds, and removed them."""
    copy = shutil.copytree(folder, tmp_path / "config")
    (copy / "datasets" / f"{name}.yaml").write_text("based_on: rendered\n")
    with pytest.raises(FusevadError, match=f"data set '{name}': .*rename it"):
        load_dataset(copy, name)


@pytest.mark.parametrize("value", ["{a: 1}", "null", "3"])
def test_a_data_set_is_based_on_a_name_alone(values, folder, tmp_path, value):
    copy = tmp_path / "config"
    shutil.copytree(folder, copy)
    file = copy / "datasets" / "rendered-normal.yaml"
    file.write_text(file.read_text().replace("based_on: rendered", f"based_on: {value}"))
    with pytest.raises(FusevadError, match=r"rendered-normal\.yaml: based_on: .* is no name"):
        load(values, copy)


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


def test_loading_imports_nothing_heavy_and_no_validator_of_schemas(root):
    code = (
        "import sys; from pathlib import Path; from fusevad.config.load import load_files;"
        "load_files([Path('config/paper.yaml')]);"
        "heavy = 'torch pandas numpy cv2 av h5py sklearn scipy jsonschema'.split();"
        "print([name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=root, capture_output=True, check=True).stdout == b"[]\n"


def test_a_data_set_without_fetch_is_told_which_keys_it_needs(root, tmp_path):
    shutil.copytree(root / "config", tmp_path / "config")
    file = tmp_path / "config/datasets/ucf-crime.yaml"
    values = yaml.safe_load(file.read_text())
    del values["fetch"]
    file.write_text(yaml.safe_dump(values))
    says = "fetch: a recorded data set needs it; say its `licence` and which `files` it has"
    with pytest.raises(FusevadError, match=says):
        load_dataset(tmp_path / "config", "ucf-crime")
