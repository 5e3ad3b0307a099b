"""The jobs of the explorer: what they read, of which data sets, and that DVC leaves them alone."""

from pathlib import Path

import pytest

from fusevad.artifacts.units import units_of
from fusevad.config.load import load_files
from fusevad.plan.lineage import Plan
from fusevad.plan.stages import plan


@pytest.fixture(scope="module")
def rendered(root: Path) -> Plan:
    """The plan of the default configuration."""
    return plan(load_files([], root / "config"))


def test_the_page_reads_every_row_of_table_1_and_the_films_of_its_data_set(rendered):
    table, page = rendered.jobs["report/table1"], rendered.jobs["explorer"]
    runs = {path for path in table.inputs if path.endswith("/seeds.csv")}
    assert runs <= set(page.inputs)
    scores = {path.replace("seeds.csv", "scores.parquet") for path in runs}
    assert scores <= set(page.inputs)
    assert set(rendered.jobs["films/rendered"].outputs) <= set(page.inputs)


def test_features_without_videos_have_a_page_without_films(root, tmp_path):
    over = tmp_path / "imported.yaml"
    over.write_text(
        "datasets: [ucf-crime]\nfeatures: {ucf-crime: {folder: f, layout: released, crops: [0]}}\n"
    )
    jobs = plan(load_files([over], root / "config")).jobs
    assert not [name for name in jobs if name.startswith("films/")]
    page = jobs["explorer"]
    assert page.reads["films"] == page.reads["videos"] == []
    assert page.outputs[0] == "results/imported/explorer/index.html"


def test_dvc_tracks_neither_page_nor_films(rendered):
    tracked = {job.name for unit in units_of(rendered) for job in unit.jobs}
    assert {"explorer", "films/rendered"} == set(rendered.jobs) - tracked
