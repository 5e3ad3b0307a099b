"""The explorer of the tiny data set, by the real `snakemake`, and in Snakemake's reports."""

import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow_runs import TINY, planned_jobs, run

pytestmark = pytest.mark.timeout(2400)

EXPLORER = "results/tiny/explorer/index.html"


@pytest.fixture(scope="module")
def project(tiny_made, tmp_path_factory) -> Path:
    """A copy of the project with Table 1 of the tiny data set and the explorer made."""
    folder = shutil.copytree(tiny_made, tmp_path_factory.mktemp("explorer") / "project")
    run(folder, "snakemake", "--cores", "2", EXPLORER, *TINY)
    return folder


def planned(project: Path) -> dict[str, int]:
    """Rules and numbers of jobs that a dry run of the explorer would execute."""
    return planned_jobs(run(project, "snakemake", "--dry-run", EXPLORER, *TINY).stdout)


def test_every_test_video_has_a_film_and_every_method_its_scores(project):
    films = pd.read_csv(project / "results/tiny/explorer/films/rendered-tiny/films.csv")
    manifest = pd.read_csv(project / "results/rendered-tiny/manifest.csv")
    assert films["video"].tolist() == manifest.loc[manifest["split"] == "test", "video"].tolist()
    folder = project / "results/tiny/explorer"
    for film in films["film"]:
        assert (folder / "films/rendered-tiny" / film).stat().st_size > 1000
    scores = list((folder / "page/data/0").glob("*/scores-*.js"))
    assert len(scores) == 7 * 3  # rows of Table 1; two seeds and their mean
    assert not planned(project)


def test_the_page_is_made_again_without_its_films(project):
    (project / EXPLORER).unlink()
    assert planned(project) == {"explorer": 1, "total": 1}
    run(project, "snakemake", "--cores", "2", EXPLORER, *TINY)


def test_the_report_as_a_zip_has_the_page_and_as_one_file_a_link_to_it(project):
    run(project, "snakemake", EXPLORER, "--report", "report.zip", *TINY)
    names = zipfile.ZipFile(project / "report.zip").namelist()
    (index,) = (name for name in names if name.endswith("/index.html"))
    for part in ("app.js", "data/index.js", "data/0/0/scores-mean.js", "vendor/uPlot.iife.min.js"):
        assert f"{index.removesuffix('index.html')}{part}" in names
    run(project, "snakemake", EXPLORER, "--report", "report.html", *TINY)
    assert "explorer/index.html" in (project / "report.html").read_text()
