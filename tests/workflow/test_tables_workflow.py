"""Every table and figure of the paper on the tiny data set, by the real `snakemake`."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.workflow_runs import copy_project, copy_tiny_data, planned_jobs, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

TABLES = [f"table{number}" for number in range(1, 15)]
TABLES += ["beyond", "checks", "equivalence", "selection", "leaks", "alarms", "localisation"]
LATEXMK = shutil.which("latexmk") is not None
# What a test can afford: a few methods, two values of a sweep, or one that is the experiment's own.
SWEEPS = {
    "T": [8, 16],
    "thr": [10],
    "nu": [4, 8],
    "N": [0, 2],
    "epsilon": [1.0e-8],
    "lambda_r": [0.5],
}
METHODS = ["image-only", "motion-only", "gating", "gaussian", "student-t"]
ROWS = {
    "alarms": ["gating", "student-t"],
    "baselines": ["image-only", "mil"],
    "beyond": ["student-t", "gating"],
    "checks": ["student-t", "gaussian"],
    "localisation": ["vadclip"],
    "selection": METHODS,
    "table10": ["student-t.loss-cls", "student-t"],
}
FEW = {
    "table1": METHODS,
    "studies": {
        "masking": {"levels": [0, 0.5]},
        "noise": {"levels": [0, 0.1]},
        "attention": {"segments_per_video": 2},
    },
}
LEFT_OUT = {"cross-attention", "concat", "student-t.loss-cls-reg", "student-t.loss-cls-kl"}
# Methods that need further streams.
OF_STREAMS = ("avadclip", "pi-vad")
OVER = ("--configfile", "config/tiny.yaml", "few.yaml")


def change(path: Path, edit: Callable[[dict], None]) -> None:
    """Edit a YAML file."""
    values = yaml.safe_load(path.read_text())
    edit(values)
    path.write_text(yaml.safe_dump(values, sort_keys=False))


def shorten_table(name: str, table: dict) -> None:
    """Leave few rows in a table."""
    for key, sweep in table.get("sweeps", {}).items():
        sweep["values"] = SWEEPS.get(key, sweep["values"])
    if name in ROWS:
        table["experiments"] = ROWS[name]


def shorten_claims(claims: dict) -> None:
    """Leave IEF-VAD's claims and every kind of test, with few rivals and few resamples."""
    claims["resamples"] = 100
    claims["claims"] = [
        claim
        for claim in claims["claims"]
        if not any(test["experiment"].startswith(OF_STREAMS) for test in claim["tests"])
    ]
    for test in (test for claim in claims["claims"] for test in claim["tests"]):
        if "against" in test:
            test["against"] = [name for name in test["against"] if name not in LEFT_OUT]


@pytest.fixture(scope="module")
def project(root, tiny_made, tmp_path_factory) -> Path:
    """A copy of the project whose tables have fewer rows."""
    folder = copy_project(root, tmp_path_factory.mktemp("tables"))
    copy_tiny_data(tiny_made, folder)
    for path in (folder / "config" / "tables").glob("*.yaml"):
        change(path, partial(shorten_table, path.stem))
    change(folder / "config/claims.yaml", shorten_claims)
    (folder / "few.yaml").write_text(yaml.safe_dump(FEW))
    return folder


@pytest.fixture(scope="module")
def finished(project) -> Path:
    """The project with all tables, figures and the claims made, by one call."""
    figures = ["figure2", "figure3", "figure4-rendered-tiny", "confusion-rendered-tiny", "alarms"]
    targets = ["results/few/claims.md", *(f"results/few/{name}.tex" for name in TABLES)]
    targets += [f"results/few/figures/{name}.pdf" for name in figures]
    targets += ["results/few/all.pdf"] if LATEXMK else []
    run(project, "snakemake", "--cores", "2", *targets, *OVER)
    return project


def test_one_value_more_in_a_sweep_trains_that_one_alone(finished):
    path = finished / "config/tables/table8.yaml"
    before = path.read_text()
    change(path, lambda table: table["sweeps"]["nu"]["values"].append(6))
    try:
        output = run(finished, "snakemake", "-n", "results/few/table8.tex", *OVER).stdout
    finally:
        path.write_text(before)
    assert planned_jobs(output) == {"train": 1, "evaluate": 1, "ablation": 1, "total": 3}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_made_with_its_numbers_beside_it(finished, table):
    assert r"\toprule" in (finished / f"results/few/{table}.tex").read_text()
    numbers = pd.read_csv(finished / f"results/few/{table}.csv")
    assert numbers.block.eq("measured").any()


def test_rows_of_an_ablation_are_the_means_of_their_runs(finished):
    table = pd.read_csv(finished / "results/few/table8.csv")
    assert set(table.experiment) == {"student-t.nu-4", "student-t.N-0", "student-t"}
    for experiment in ("student-t.N-0", "student-t"):
        seeds = pd.read_csv(finished / f"results/few/rendered-tiny/runs/{experiment}/seeds.csv")
        expected = seeds.groupby(["protocol", "metric"]).value.mean() * 100
        rows = table[table.experiment == experiment]
        assert len(rows) > 0
        for row in rows.itertuples():
            assert row.mean == pytest.approx(expected[row.protocol, row.metric], abs=0.006)


def test_every_claim_gets_a_verdict(finished):
    # Without the backslashes before what Markdown would take for a mark.
    page = re.sub(r"\\(?=[\W_])", "", (finished / "results/few/claims.md").read_text())
    claims = yaml.safe_load((finished / "config/claims.yaml").read_text())["claims"]
    for claim in claims:
        assert claim["claim"] in page
    assert "undecided" in page or "does not hold" in page
    assert (finished / "results/few/claims.html").stat().st_size > 5000


@pytest.mark.skipif(not LATEXMK, reason="latexmk is not installed")
def test_the_book_of_all_tables_compiles(finished):
    assert (finished / "results/few/all.pdf").read_bytes()[:5] == b"%PDF-"
    text = (finished / "results/few/all.tex").read_text()
    assert r"\textbf{Table 14.}" in text
    # No data set here has a released split.
    assert "released split" not in text


@pytest.mark.skipif(LATEXMK, reason="latexmk is installed")
def test_without_latexmk_the_book_says_what_is_missing(finished):
    tables = [f"results/few/{name}.tex" for name in TABLES]
    result = run(finished, "fusevad", "book", "results/few/all.pdf", *tables, check=False)
    assert result.returncode == 1
    assert "latexmk is not installed" in result.stderr
    assert (finished / "results/few/all.tex").is_file()
