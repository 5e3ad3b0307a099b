"""A searched learning rate in the plan: what its search reads, and who depends on it."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from fusevad.artifacts.units import units_of
from fusevad.cli import app
from fusevad.config.load import load
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import read_about, weights_file
from fusevad.plan.job import Job
from fusevad.plan.jobs import Jobs
from fusevad.plan.lineage import Plan
from fusevad.plan.records import read_record
from fusevad.plan.stages import plan
from fusevad.train.settings import SEARCHED
from tests.made_up_training import VALUES, write_training_data

RATES = "learning-rates.csv"


@pytest.fixture
def values(root, monkeypatch) -> dict:
    monkeypatch.chdir(root)
    return yaml.safe_load((root / "config" / "config.yaml").read_text())


def with_factors(values: dict, *factors: float) -> Plan:
    search = values["learning_rates"] | {"factors": list(factors)}
    return plan(load(values | {"learning_rates": search}, Path("config")))


def test_no_search_reads_a_label_of_a_frame_or_the_scores_of_another_run(values):
    whole = plan(load(values, Path("config")))
    searches = [job for job in whole.jobs.values() if job.stage == "search"]
    assert len(searches) > 5
    for job in searches:
        assert not [path for path in job.inputs if "intervals" in path or "/runs/" in path]
        embeddings = [path for path in job.inputs if "/embeddings/" in path]
        texts = [path for path in job.inputs if path.endswith("/class-texts.safetensors")]
        known = ["results/rendered/manifest.csv", *embeddings, *texts]
        assert sorted(job.inputs) == sorted(known)


def test_every_row_of_the_table_of_methods_is_searched_alike(values):
    config = load(values, Path("config"))
    possible = set(config.possible("rendered"))
    rows = config.study_tables["methods"]["experiments"]
    names = [name for name in rows if name in possible and not config.experiments[name].teacher]
    settings = [Jobs(config).search("rendered", name) for name in names]
    shared = ("epochs", "batch_size", "sampling", "crops_per_epoch", "max_segments", "milestones")
    for key in (*shared, "validation_share", "test_crops"):
        assert len({str(each.get(key)) for each in settings}) == 1, key
    assert {each["loss"]["top_k_divisor"] for each in settings} == {16}
    for name, each in zip(names, settings, strict=True):
        own = config.train_settings("rendered", name)["learning_rate"]
        assert each["learning_rate"] == pytest.approx([0.1 * own, own, 10 * own])
    jobs = [plan(config).jobs[f"search/rendered/{name}"] for name in names]
    assert [job.options["seeds"] for job in jobs] == [[100, 101, 102, 103]] * len(names)


def test_a_row_with_a_teacher_keeps_its_methods_own_learning_rate(values):
    config = load(values, Path("config"))
    rows = config.study_tables["methods"]["experiments"]
    assert {"avadclip.searched", "avadclip-student", "pi-vad"} <= set(rows)
    assert config.experiments["pi-vad"].searched_for is None
    assert Jobs(config).train("rendered", "pi-vad")["learning_rate"] == 1e-4


def test_other_candidates_are_another_run_of_searched_experiments_alone(values):
    first, second = with_factors(values, 0.1, 1, 10), with_factors(values, 0.3, 1, 3)
    changed = {
        name
        for name in first.jobs
        if first.lineage(first.jobs[name]) != second.lineage(second.jobs[name])
    }
    assert {"search/rendered/mil.searched", "train/rendered/mil.searched"} <= changed
    runs = {name.split("/")[-1] for name in changed if name.startswith(("train", "search"))}
    assert all(name.endswith(".searched") for name in runs)
    assert "report/table1" not in changed


def test_a_run_names_its_learning_rate_as_searched_and_the_search_is_its_own_unit(values):
    whole = plan(load(values, Path("config")))
    job = whole.jobs["train/rendered/mil.searched"]
    assert job.settings["learning_rate"] == SEARCHED
    assert job.reads["learning_rates"] == [f"results/rendered/runs/mil.searched/{RATES}"]
    assert whole.jobs["train/rendered/mil"].settings["learning_rate"] == 0.01
    (unit,) = [unit for unit in units_of(whole) if unit.name == "runs@rendered.mil.searched"]
    assert [each.stage for each in unit.jobs] == ["search", "train", "evaluate"]


def test_a_seed_of_a_run_in_the_search_is_refused(values):
    with pytest.raises(FusevadError, match=r"learning_rates\.seeds: 100 is among `seeds`"):
        load(values | {"seeds": [0, 100]}, Path("config"))


def test_weights_and_record_say_which_learning_rate_was_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = write_training_data(tmp_path / "results")
    row = {"seed": 9, "epoch": 0, "validation_auc": 0.5, "validation_loss": 0.5}
    table = [{"learning_rate": rate, **row, "chosen": rate > 0.01} for rate in (0.002, 0.02)]
    pd.DataFrame(table).to_csv(RATES, index=False)
    settings = VALUES | {"method": "image-only", "epochs": 1, "learning_rate": SEARCHED}
    index = Path(data.streams["rgb"]).relative_to(tmp_path)
    reads = {"manifest": "results/manifest.csv", "learning_rates": RATES, "streams": str(index)}
    job = Job("train/x/y", "train", settings, reads, ("run/history.csv",))
    words = ["train", "--manifest", str(data.manifest), "--stream", f"rgb={data.streams['rgb']}"]
    words += ["--settings", Plan([job]).write_settings(job), "run"]
    without = CliRunner().invoke(app, words)
    assert "learning_rate" in str(without.exception)
    done = CliRunner().invoke(app, [*words, "--learning-rates", RATES])
    assert done.exit_code == 0, done.output
    assert read_record(Path(job.record)).found == {"learning_rate": 0.02}
    assert read_about(weights_file(Path("run"), 0, "last")).settings.learning_rate == 0.02
