"""The table and the figure of alarms in the plan: which runs score which videos."""

import shutil
from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs
from fusevad.plan.lineage import Plan
from fusevad.plan.stages import plan


@pytest.fixture
def values(root, monkeypatch) -> dict:
    monkeypatch.chdir(root)
    return yaml.safe_load((root / "config" / "config.yaml").read_text())


@pytest.fixture
def folder(root, tmp_path) -> Path:
    """A copy of `config/` to change."""
    return Path(shutil.copytree(root / "config", tmp_path / "config"))


def planned(values: dict, *datasets: str) -> Plan:
    return plan(load(values | {"datasets": list(datasets)}, Path("config")))


def transferred(jobs: Plan) -> dict[str, str]:
    """Outputs of the jobs that score other data sets, by name."""
    found = (job for job in jobs.jobs.values() if "/transferred/" in job.outputs[0])
    return {job.name: job.outputs[0] for job in found}


def test_runs_score_each_others_videos_and_the_footage_of_the_tested(values):
    jobs = planned(values, "rendered", "surveillance-fight")
    on_rendered = "study-alarms/rendered/surveillance-fight/gating"
    on_fights = "study-alarms/surveillance-fight/rendered/gating"
    found = transferred(jobs)
    assert {on_fights + "/other", on_rendered + "/other", on_rendered + "/footage"} == {
        name for name in found if "/gating/" in name
    }
    job = jobs.jobs[on_fights + "/other"]
    assert "/rendered/runs/gating/" in job.reads["run"]
    assert all("results/surveillance-fight/" in path for path in job.reads["embeddings"])
    job = jobs.jobs[on_rendered + "/footage"]
    assert all("results/rendered-normal/" in path for path in job.reads["embeddings"])
    assert set(found.values()) <= set(jobs.jobs["report/alarms"].reads["files"])


def test_a_data_set_alone_is_scored_by_its_own_runs_only(values):
    assert not transferred(planned(values, "rendered"))


def test_the_figure_marks_the_thresholds_of_the_table(values):
    jobs = planned(values, "rendered")
    job = jobs.jobs["report/figures/alarms"]
    assert job.reads["table"] in jobs.jobs["report/alarms"].outputs
    assert job.outputs == ("results/figures/alarms.pdf", "results/figures/alarms.png")


def scored_crops(jobs: Plan, name: str) -> set[tuple[int, ...]]:
    """Numbers of the crops that a job scores, in each stream: those embedded at its places."""
    job = jobs.jobs[name]
    indices = [next(each for each in jobs.jobs.values() if path in each.outputs)
               for path in job.reads["streams"]]  # fmt: skip
    embeds = [jobs.jobs[index.name.replace("index/", "embed/") + "/0"] for index in indices]
    run = next(each for each in jobs.jobs.values() if job.reads["run"] in each.outputs)
    places = job.settings.get("test_crops", run.settings["test_crops"])
    return {tuple(embed.settings["crops"][place] for place in places) for embed in embeds}


@pytest.mark.parametrize("crops", [[0], [5], [5, 0], list(range(10))])
def test_a_threshold_is_certified_on_the_crops_that_are_scored(values, crops):
    jobs = planned(values | {"hyperparameters": {"test_crops": crops}}, "rendered")
    assert jobs.jobs["train/rendered/gating"].settings["test_crops"] == crops  # all ten in order
    for name in ("gating", "image-only"):
        assert scored_crops(jobs, f"study-footage/rendered/{name}") == {tuple(crops)}
    assert "report/alarms" in jobs.jobs


def test_footage_is_embedded_in_more_crops_only_where_they_are_scored(values):
    config = load(values, Path("config"))
    assert config.crops("rendered-normal") == (0,)
    assert "test_crops" not in plan(config).jobs["study-footage/rendered/gating"].settings


def footage_shards(jobs: Plan) -> dict[str, str]:
    """Settings files of the embeddings of `rendered-normal`, by shard."""
    footage = [each for name, each in jobs.jobs.items() if "embed/rendered-normal/" in name]
    return {path: jobs.settings_file(each) for each in footage for path in each.outputs}


def test_configurations_that_score_other_crops_do_not_embed_footage_over_each_other(values):
    usual, released = (
        footage_shards(planned(values | over, "rendered"))
        for over in ({}, {"hyperparameters": "released"})
    )
    assert "results/rendered-normal/embeddings/fusevad-small.stride-16/rgb/shard-0.safetensors" in (
        usual
    )
    shared = usual.keys() & released.keys()
    assert shared, "streams without crops have one folder"
    assert all(usual[path] == released[path] for path in shared)


def test_configurations_that_learn_other_towers_do_not_embed_footage_over_each_other(values):
    first, second = (
        footage_shards(
            planned(
                values
                | {"encoder": "vit-b-32", "hyperparameters": "rendered"}
                | {"studies": values["studies"] | {"footage": {key: "rendered-normal"}}},
                key,
            )
        )
        for key in ("rendered", "rendered-tiny")
    )
    shared = first.keys() & second.keys()
    assert shared, "streams without a tower have one folder"
    assert all(first[path] == second[path] for path in shared)


def test_footage_is_embedded_for_its_data_sets_hyperparameters_not_its_own(values, folder):
    own = folder / "datasets" / "rendered-normal.yaml"
    own.write_text(own.read_text() + "hyperparameters: released\nframe_stride: 1\n")
    jobs = plan(load(values, folder))
    assert scored_crops(jobs, "study-footage/rendered/gating") == {(0,)}
    rgb = [each for name, each in jobs.jobs.items() if name.endswith("/rgb/0")]
    assert {each.settings["frame_stride"] for each in rgb} == {16}


def test_footage_is_embedded_with_the_tower_that_its_data_set_learns(values):
    jobs = planned(values | {"encoder": "vit-b-32"}, "rendered")
    towers = {
        each.settings["encoder"]["motion_cue_weights"]
        for name, each in jobs.jobs.items()
        if name.startswith(("embed/rendered/", "embed/rendered-normal/")) and "/motion-T16" in name
    }
    assert towers == {"results/rendered/encoders/vit-b-32/motion-cue.safetensors"}
    assert "study-footage/rendered/gating" in jobs.jobs
    assert "align/rendered-normal/vit-b-32" not in jobs.jobs


def with_features(
    values: dict, folder: Path, tower: str | None, rows: str = "image-only, student-t"
) -> Plan:
    """A plan with features of `rendered` that somebody imported, and alarms of some rows."""
    (folder / "tables" / "alarms.yaml").write_text(
        f"title: x\nstudy: alarms\nexperiments: [{rows}]\n"
    )
    features = {"layout": "released", "folder": "given", "crops": [0], "text_tower": tower}
    over = {"table1": ["image-only"], "radar": ["image-only"], "features": {"rendered": features}}
    return plan(load(values | over | {"encoder": "vit-l-14"}, folder))


def test_footage_certifies_rows_of_imported_features_whose_encoder_is_known(values, folder):
    """What embeds motion cues has no name in any features."""
    jobs = with_features(values, folder, "vit-l-14").jobs
    assert "study-footage/rendered/image-only" in jobs
    assert "study-footage/rendered/student-t" not in jobs
    files = jobs["report/alarms"].reads["files"]
    assert [Path(file).name for file in files if "/footage/" in file] == ["image-only.parquet"]


def test_a_table_has_footage_only_if_a_row_scores_it(values, folder):
    """Its note tells the hours that the rows have scored."""
    job = with_features(values, folder, "vit-l-14", rows="student-t").jobs["report/alarms"]
    assert job.settings["footage"] == {}
    assert not [path for path in job.inputs if "rendered-normal" in path]


@pytest.mark.parametrize("tower", [None, "vit-b-16"])
def test_footage_of_imported_features_is_not_embedded_by_another_encoder(values, folder, tower):
    jobs = with_features(values, folder, tower).jobs
    assert "report/alarms" in jobs
    assert not [name for name in jobs if "footage" in name or "rendered-normal" in name]


def test_footage_of_two_data_sets_has_the_crops_of_both_but_not_two_towers(values, folder):
    (folder / "tables" / "alarms.yaml").write_text(
        "title: x\nstudy: alarms\nexperiments: [student-t, student-t.crop-5]\n"
    )
    footage = {"rendered": "rendered-normal", "rendered-tiny": "rendered-normal"}
    over = {
        "studies": values["studies"] | {"footage": footage},
        "datasets": list(footage),
        "hyperparameters": "rendered",
    }
    jobs = plan(load(values | over, folder))
    for key in footage:
        assert scored_crops(jobs, f"study-footage/{key}/student-t") == {(0,)}
        assert scored_crops(jobs, f"study-footage/{key}/student-t.crop-5") == {(5,)}
    with pytest.raises(FusevadError, match="both name 'rendered-normal', and are embedded diff"):
        load(values | over | {"encoder": "vit-b-32"}, folder)


def test_footage_is_not_tested_on(values):
    with pytest.raises(FusevadError, match="'rendered-normal' of data set 'rendered' is among"):
        load(values | {"only_tested": ["rendered-normal"]}, Path("config"))


def test_a_run_is_tested_on_the_same_crops_of_another_data_set_if_it_has_them(values, folder):
    (folder / "tables" / "alarms.yaml").write_text(
        "title: x\nstudy: alarms\nexperiments: [student-t.crop-5, student-t.ten-crops]\n"
    )
    over = {"datasets": ["rendered", "rendered-tiny"], "hyperparameters": "rendered"}
    jobs = plan(load(values | over, folder))
    for on, learned in (("rendered", "rendered-tiny"), ("rendered-tiny", "rendered")):
        name = f"study-alarms/{on}/{learned}/student-t.crop-5/other"
        assert scored_crops(jobs, name) == {(5,)}
    name = "study-alarms/rendered/rendered-tiny/student-t.crop-5/footage"
    assert scored_crops(jobs, name) == {(5,)}
    assert not [name for name in transferred(jobs) if "ten-crops" in name]


def test_rows_of_sound_alone_are_known_as_such_and_no_others(values):
    jobs = Jobs(load(values, Path("config")))
    rows = {name: jobs.row(name) for name in jobs.config.experiments}
    sound = {name for name, row in rows.items() if not row.get("pictured", True)}
    assert sound == {"avadclip-student-sound", "avadclip-student-sound.untaught"}
