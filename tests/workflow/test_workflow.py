"""The whole workflow on the tiny data set, by the real `snakemake`, with the network blocked."""

import hashlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow_runs import planned_jobs, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

TINY = "config/tiny.yaml"


def snakemake(folder: Path, *arguments: str, over: str = TINY) -> subprocess.CompletedProcess:
    """Run the workflow on the tiny configuration, with `over` laid on it."""
    files = dict.fromkeys((TINY, over))
    return run(folder, "snakemake", "--cores", "2", *arguments, "--configfile", *files)


def jobs(folder: Path, *arguments: str, over: str = TINY) -> dict[str, int]:
    """Rules and numbers of jobs that a dry run would execute."""
    return planned_jobs(snakemake(folder, "--dry-run", *arguments, over=over).stdout)


def stored_seeds(folder: Path, experiment: str) -> dict[str, int]:
    """Finished seeds of an experiment and when each was stored, in ns: again if trained again."""
    store = folder / "results/rendered-tiny/seeds" / experiment
    return {file.name: file.stat().st_mtime_ns for file in store.glob("*/seed-?.json")}


@pytest.fixture(scope="module")
def project(tiny_made, tmp_path_factory) -> Path:
    """A copy of the project's workflow with Table 1 of the tiny data set made."""
    return shutil.copytree(tiny_made, tmp_path_factory.mktemp("workflow") / "project")


def test_the_block_refuses_connections(project):
    program = "import socket; socket.create_connection(('192.0.2.1', 9))"
    refused = run(project, sys.executable, "-c", program, check=False)
    assert "network is blocked" in refused.stderr


def test_table_1_has_every_method_under_every_protocol(project):
    table = pd.read_csv(project / "results/tiny/table1.csv")
    measured = table[table.block == "measured"]
    assert measured.groupby("protocol").experiment.nunique().to_dict() == {
        "last": 7,
        "oracle": 7,
        "validation": 7,
    }
    assert measured["n"].eq(2).all()
    assert measured["mean"].between(0, 100).all()


def test_the_table_holds_the_means_of_the_runs(project):
    table = pd.read_csv(project / "results/tiny/table1.csv")
    for experiment in ("gating", "student-t"):
        seeds = pd.read_csv(project / f"results/tiny/rendered-tiny/runs/{experiment}/seeds.csv")
        expected = seeds.groupby(["protocol", "metric"]).value.mean() * 100
        rows = table[(table.block == "measured") & (table.experiment == experiment)]
        for row in rows.itertuples():
            assert row.mean == pytest.approx(expected[row.protocol, row.metric], abs=0.006)


def test_the_numbers_of_artifact_check_are_those_of_the_code(project, root):
    """After an intended change: make artifact-check, and then its last line with --write."""
    options = ("--expected", str(root / "benchmarks/artifact-check.csv"), "--configfile", TINY)
    result = run(project, "fusevad", "artifact-check", *options, check=False)
    assert result.returncode == 0, result.stdout
    assert "FAIL" not in result.stdout


def test_a_second_run_does_nothing(project):
    output = snakemake(project, "results/tiny/table1.tex")
    assert "Nothing to be done" in output.stdout + output.stderr


def test_a_third_seed_trains_alone_and_two_again_train_nothing(project):
    """A run is its seeds: each is trained once, whichever configuration asks for it."""
    table, run_of_two = project / "results/tiny/table1.csv", "rendered-tiny/runs/gating"
    of_two = pd.read_csv(project / "results/tiny" / run_of_two / "seeds.csv")
    expected, first = table.read_bytes(), stored_seeds(project, "gating")
    assert sorted(first) == ["seed-0.json", "seed-1.json"]

    (project / "three.yaml").write_text("seeds: [0, 1, 2]\n")
    snakemake(project, f"results/three/{run_of_two}/seeds.csv", over="three.yaml")
    second = stored_seeds(project, "gating")
    assert sorted(second) == ["seed-0.json", "seed-1.json", "seed-2.json"]
    assert first.items() <= second.items()
    of_three = pd.read_csv(project / "results/three" / run_of_two / "seeds.csv")
    assert set(of_three.seed) == {0, 1, 2}
    pd.testing.assert_frame_equal(
        of_three[of_three.seed < 2].reset_index(drop=True), of_two.reset_index(drop=True)
    )
    assert table.read_bytes() == expected
    both = [f"results/{name}/{run_of_two}" for name in ("tiny", "three")]
    different = run(project, "fusevad", "diff", *both).stdout.splitlines()
    assert different[0] == "train/rendered-tiny/gating: seeds 0-1 -> 0-2"
    assert different[1].endswith("numbers moved")

    shutil.rmtree(project / "results/tiny" / run_of_two)
    table.unlink()
    planned = jobs(project, "results/tiny/table1.tex", "results/tiny/table1.csv")
    assert planned == {"train": 1, "evaluate": 1, "table1": 1, "total": 3}
    snakemake(project, "results/tiny/table1.tex", "results/tiny/table1.csv")
    assert stored_seeds(project, "gating") == second
    assert table.read_bytes() == expected


def test_a_seed_is_trained_again_to_the_byte_by_the_command_that_why_prints(project):
    words = ("why", "results/tiny/table1.tex", "student-t", "AUC", "--configfile", TINY)
    lines = run(project, "fusevad", *words).stdout.splitlines()
    of_seed = next(line.split() for line in lines if line.split()[0] == "0")
    run(project, *shlex.split(lines[-1]))
    again = project / "again/rendered-tiny/student-t/weights/seed-0-validation.safetensors"
    digest = hashlib.sha256(again.read_bytes()).hexdigest()
    assert digest.startswith(of_seed[3])
    assert "–" not in of_seed[5:], "machine and minutes are recorded"


def test_single_figures_are_targets(project):
    snakemake(project, "results/tiny/figures/figure2.pdf", "results/tiny/figures/curves.pdf")
    snakemake(
        project, "results/tiny/figures/timelines-rendered-tiny.pdf", "results/tiny/classes.tex"
    )
    for name in ("figure2", "curves", "timelines-rendered-tiny"):
        for suffix in (".pdf", ".png"):
            assert (project / "results/tiny/figures" / f"{name}{suffix}").stat().st_size > 5000


def test_a_changed_hyperparameter_reruns_training_and_what_follows_alone(project):
    (project / "epochs.yaml").write_text(
        (project / "config/hyperparameters/tiny.yaml").read_text().replace("epochs: 2", "epochs: 1")
    )
    shutil.copy(project / "epochs.yaml", project / "config/hyperparameters/shorter.yaml")
    (project / "shorter.yaml").write_text("hyperparameters: shorter\n")
    planned = jobs(project, "results/shorter/table1.tex", over="shorter.yaml")
    assert planned == {"train": 7, "evaluate": 7, "table1": 1, "total": 15}


def test_snakemake_sees_changed_settings_without_its_own_notes(project, tmp_path):
    """As in a clone that got its files from elsewhere: times alone would hide the change."""
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".snakemake"))
    (copy / "seeds.yaml").write_text("seeds: [0, 2]\n")
    planned = jobs(copy, "results/seeds/table1.tex", over="seeds.yaml")
    assert planned == {"train": 7, "evaluate": 7, "table1": 1, "total": 15}
    # The look at other seeds has not touched what there is.
    assert jobs(copy, "results/tiny/table1.tex") == {}


def test_results_passed_off_as_those_of_other_settings_are_refused(project, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    (copy / "config/hyperparameters/tiny.yaml").write_text(
        (project / "config/hyperparameters/tiny.yaml").read_text().replace("1.0e-3", "2.0e-3")
    )
    snakemake(copy, "--touch", "results/tiny/table1.tex")
    (copy / "results/tiny/table1.tex").unlink()
    command = ("snakemake", "--cores", "2", "results/tiny/table1.tex", "--configfile", TINY)
    result = run(copy, *command, check=False)
    assert result.returncode != 0
    assert "learning_rate: 0.001 recorded, 0.002 configured" in result.stdout + result.stderr


def test_one_experiment_more_trains_that_one_alone(project):
    experiments = project / "config/experiments/more.yaml"
    experiments.write_text(
        "student-t.nu-4: {label: nu 4, method: student-t, set: {model: {nu: 4}}}\n"
    )
    try:
        planned = jobs(project, "results/tiny/rendered-tiny/runs/student-t.nu-4/seeds.csv")
        assert planned == {"train": 1, "evaluate": 1, "total": 2}
    finally:
        experiments.unlink()


def test_a_wrong_configuration_stops_before_any_job(project):
    (project / "wrong.yaml").write_text("protocol: luck\n")
    command = (
        "snakemake",
        "--cores",
        "2",
        "--configfile",
        "wrong.yaml",
        "-n",
        "results/wrong/table1.tex",
    )
    result = run(project, *command, check=False)
    assert result.returncode != 0
    message = "protocol: 'luck': input should be 'last', 'validation' or 'oracle'"
    assert message in result.stdout + result.stderr


def test_the_report_is_one_page_with_captions_and_run_times(project):
    # As the README types it, without --cores.
    arguments = "results/tiny/table1.tex --report report.html --configfile config/tiny.yaml"
    run(project, "snakemake", *arguments.split())
    page = (project / "report.html").read_text()
    assert "paired t-test over the shared seeds" in page
    assert '"rule": "train", "runtime"' in page


def test_the_contact_sheet_is_made(project):
    shutil.copytree(project / "results/rendered-tiny", project / "results/rendered")
    run(project, "fusevad", "contact-sheet", "results/rendered/source", "sheet.png")
    assert (project / "sheet.png").stat().st_size > 20_000


def test_a_truncated_video_stops_the_manifest_in_one_line_each(project, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(project / "results/rendered-tiny/source", source)
    video = next(source.glob("videos/train/*.mp4"))
    video.write_bytes(video.read_bytes()[:3000])
    tables = [str(source / "labels.csv"), str(source / "intervals.csv"), str(tmp_path / "out")]
    result = run(project, "fusevad", "manifest", *tables, check=False)
    assert result.returncode == 1
    assert video.name in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out" / "manifest.csv").exists()
    run(project, "fusevad", "manifest", *tables, "--on-bad-video", "skip")
    skipped = pd.read_csv(tmp_path / "out" / "skipped.csv")
    assert skipped.video.tolist() == [video.stem]
    assert len(pd.read_csv(tmp_path / "out" / "manifest.csv")) == 15


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("fusevad train --manifest none.csv --stream rgb=a --settings {} out", "method"),
        ('fusevad render out --settings {"sede":1}', "render: sede: unknown; did you mean 'seed'?"),
        ("fusevad render out --settings missing.yaml", "missing.yaml: no such file"),
        ("fusevad evaluate nowhere --manifest no.csv --intervals no.csv", "no.csv: no such file"),
        ("fusevad report table9 a b --settings {}", "report 'table9' is unknown"),
    ],
)
def test_bad_input_is_one_line_and_a_status(project, command, message):
    result = run(project, *command.split(), check=False)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_help_lists_the_stages(project):
    output = run(project, "fusevad", "--help").stdout
    for verb in ("render", "manifest", "cues", "embed", "train", "evaluate", "report"):
        assert verb in output
