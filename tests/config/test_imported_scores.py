"""Experiments with imported scores: rows of tables that nothing is trained for."""

import shutil
from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load_files
from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs
from fusevad.plan.stages import plan

CONFIG = Path(__file__).parents[2] / "config"
ENTRY = {"label": "Theirs", "imported": {"scores": {"rendered": "given"}, "form": "per-frame"}}


@pytest.fixture
def configured(tmp_path):
    """Load the default configuration with an entry more, and values laid over it."""
    folder = shutil.copytree(CONFIG, tmp_path / "config")

    def run(entry: dict = ENTRY, *, table: dict | None = None, **over) -> Config:
        (folder / "experiments" / "theirs.yaml").write_text(yaml.safe_dump({"theirs": entry}))
        if table is not None:
            (folder / "tables" / "mine.yaml").write_text(yaml.safe_dump(table))
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(over))
        return load_files([tmp_path / "mine.yaml"], folder)

    run.folder = folder
    return run


def test_a_row_of_table_1_reads_imported_scores_and_nothing_trains_them(configured):
    config = configured(add={"table1": ["theirs"]})
    jobs, made = Jobs(config), plan(config)
    job = made.jobs["import-scores/rendered/theirs"]
    run = "results/mine/rendered/runs/theirs"
    assert job.outputs == tuple(
        f"{run}/{name}" for name in ("seeds.csv", "classes.csv", "scores.parquet", "sources.csv")
    )
    assert job.settings == {"form": "per-frame"}
    assert "train/rendered/theirs" not in made.jobs
    assert f"{run}/seeds.csv" in made.jobs["report/table1"].inputs
    row = jobs.row("theirs")
    assert (row["label"], row["imported"]) == ("Theirs (scores imported)", True)


def test_rows_without_imported_scores_are_as_before(configured):
    assert set(Jobs(configured()).row("gating")) == {"label", "name", "runs"}


def test_data_sets_without_scores_are_no_run_of_the_row(configured):
    config = configured(datasets=["rendered", "surveillance-fight"], add={"table1": ["theirs"]})
    made = plan(config)
    assert "import-scores/surveillance-fight/theirs" not in made.jobs
    assert set(Jobs(config).row("theirs")["runs"]) == {"rendered"}
    assert "report/table1" in made.jobs


def test_a_table_of_experiments_may_list_them_and_counts_no_parameters(configured):
    table = {"title": "Mine", "experiments": ["gating", "theirs"], "parameters": True}
    config = configured(table=table)
    inputs = plan(config).jobs["report/mine"].inputs
    own = [file for file in inputs if "/theirs/" in file]
    assert own == ["results/mine/rendered/runs/theirs/seeds.csv"]


def test_the_table_of_all_methods_lists_them_without_a_search_or_costs(configured):
    table = {"title": "All", "study": "methods", "experiments": ["gating", "theirs"]}
    (configured.folder / "tables" / "methods.yaml").write_text(yaml.safe_dump(table))
    config = configured()
    assert config.study_tables["methods"]["experiments"] == ["gating.searched", "theirs"]
    made = plan(config)
    own = [file for file in made.jobs["report/methods"].inputs if "/theirs/" in file]
    assert own == ["results/mine/rendered/runs/theirs/seeds.csv"]
    studied = [name for name, job in made.jobs.items() if any("/theirs/" in f for f in job.inputs)]
    assert studied == ["report/methods"]


def test_a_table_of_alarms_lists_them_without_scores_of_normal_videos(configured):
    table = {"title": "Alarms", "study": "alarms", "experiments": ["gating", "theirs"]}
    made = plan(configured(table=table))
    own = [file for file in made.jobs["report/mine"].inputs if "theirs" in file]
    assert own == ["results/mine/rendered/runs/theirs/scores.parquet"]
    studies = [name for name in made.jobs if name.startswith("study-") and "theirs" in name]
    assert studies == []


def test_the_order_of_a_list_is_each_data_sets_own(configured):
    entry = {"label": "Theirs", "imported": ENTRY["imported"] | {"order": {"rendered": "a.list"}}}
    settings = Jobs(configured(entry)).imported_scores("rendered", "theirs")
    assert settings == {"form": "per-frame", "order": "a.list"}


@pytest.mark.parametrize(
    ("entry", "over", "message"),
    [
        (ENTRY | {"method": "gating"}, {}, "has a `method`, or `imported` scores; name one"),
        ({"label": "Theirs"}, {}, "has a `method`, or `imported` scores; name one"),
        (ENTRY | {"set": {"epochs": 3}}, {}, "set: nothing is trained where scores are imported"),
        (ENTRY, {"timelines": "theirs"}, "has imported scores, and this needs one that is trained"),
    ],
)
def test_what_makes_no_sense_is_one_line(configured, entry, over, message):
    with pytest.raises(FusevadError) as caught:
        configured(entry, **over)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_without_intervals_neither_imported_scores_nor_oracle_have_frames_to_be_judged_by(
    configured,
):
    file = configured.folder / "datasets" / "rendered.yaml"
    file.write_text(file.read_text().replace("metrics: [AUC, AP, Ano-AUC]", "metrics: [Video-AUC]"))
    with pytest.raises(FusevadError, match="'theirs': scores of data set 'rendered', whose test"):
        configured()
    elsewhere = ENTRY | {"imported": {"scores": {"paper": "given"}, "form": "per-frame"}}
    with pytest.raises(FusevadError, match=r"oracle chooses by frames .* 'rendered' have no inter"):
        configured(elsewhere, protocol="oracle")
    assert configured(elsewhere, protocol="last").protocol == "last"
