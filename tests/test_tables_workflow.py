"""Every table and figure of the paper on the tiny data set, by the real `snakemake`."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from .workflow_runs import copy_project, planned_jobs, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

TINY = "config/tiny.yaml"
TABLES = [f"table{number}" for number in range(2, 15)] + ["beyond", "checks"]
# Two values of each sweep, two methods beyond: what a test can afford.
SWEEPS = {
    "T": [8, 16],
    "thr": [10],
    "nu": [4, 8],
    "N": [0, 2],
    "epsilon": [1.0e-8],
    "lambda_r": [0.5],
}


@pytest.fixture(scope="module")
def project(root, tmp_path_factory) -> Path:
    """A copy of the project whose tables have fewer rows."""
    folder = copy_project(root, tmp_path_factory.mktemp("tables"))
    for path in (folder / "config" / "tables").glob("*.yaml"):
        table = yaml.safe_load(path.read_text())
        for name, sweep in table.get("sweeps", {}).items():
            sweep["values"] = SWEEPS[name]
        if path.stem == "beyond":
            table["experiments"] = ["student-t", "low-rank"]
        if path.stem == "checks":
            table["experiments"] = ["student-t", "student-t.crop-5"]
        path.write_text(yaml.safe_dump(table))
    claims = yaml.safe_load((folder / "config/claims.yaml").read_text()) | {"resamples": 100}
    (folder / "config/claims.yaml").write_text(yaml.safe_dump(claims))
    return folder


def snakemake(folder: Path, *arguments: str) -> str:
    """Run the workflow on the tiny configuration; returns what it printed."""
    result = run(folder, "snakemake", "--cores", "2", *arguments, "--configfile", TINY)
    return result.stdout + result.stderr


def test_an_ablation_trains_only_what_it_adds(project):
    snakemake(project, "results/rendered-tiny/runs/student-t/seeds.csv")
    output = run(project, "snakemake", "-n", "results/table8.tex", "--configfile", TINY).stdout
    planned = planned_jobs(output)
    # nu 4 and 8 and N 0: the tiny set names N = 2 alone, so nu 8 is a run of its own.
    assert planned["train"] == planned["evaluate"]
    assert not {"render", "manifest", "cues", "embed"} & set(planned)


@pytest.fixture(scope="module")
def finished(project) -> Path:
    """The project with all tables, figures and the claims made."""
    figures = ["figure2.pdf", "figure3.pdf", "figure4-rendered-tiny.pdf"]
    targets = [f"results/{name}.tex" for name in TABLES]
    figure_files = [f"results/figures/{name}" for name in figures]
    snakemake(project, *targets, *figure_files, "results/claims.md")
    return project


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_made_with_its_numbers_beside_it(finished, table):
    assert r"\toprule" in (finished / f"results/{table}.tex").read_text()
    numbers = pd.read_csv(finished / f"results/{table}.csv")
    assert numbers.block.eq("measured").any()


def test_rows_of_an_ablation_are_the_means_of_their_runs(finished):
    table = pd.read_csv(finished / "results/table8.csv")
    for experiment in ("student-t.N-0", "student-t"):
        seeds = pd.read_csv(finished / f"results/rendered-tiny/runs/{experiment}/seeds.csv")
        expected = seeds.groupby(["protocol", "metric"]).value.mean() * 100
        rows = table[table.experiment == experiment]
        assert len(rows) > 0
        for row in rows.itertuples():
            assert row.mean == pytest.approx(expected[row.protocol, row.metric], abs=0.006)


def test_every_claim_gets_a_verdict(finished):
    page = (finished / "results/claims.md").read_text()
    claims = yaml.safe_load((finished / "config/claims.yaml").read_text())["claims"]
    for claim in claims:
        assert claim["claim"] in page
    assert "not decided" in page or "does not hold" in page
    assert (finished / "results/claims.html").stat().st_size > 5000


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="latexmk is not installed")
def test_the_book_of_all_tables_compiles(finished):
    snakemake(finished, "results/all.pdf")
    assert (finished / "results/all.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.mark.skipif(shutil.which("latexmk") is not None, reason="latexmk is installed")
def test_without_latexmk_the_book_says_what_is_missing(finished):
    tables = [f"results/{name}.tex" for name in TABLES]
    result = run(finished, "fusevad", "book", "results/all.pdf", *tables, check=False)
    assert result.returncode == 1
    assert "latexmk is not installed" in result.stderr
    assert (finished / "results/all.tex").is_file()
