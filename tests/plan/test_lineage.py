"""Lineages: what an artifact depends on, known from the configuration alone."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load, load_files
from fusevad.config.reading import merge
from fusevad.errors import FusevadError
from fusevad.models.registry import METHODS
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.stage import STAGES
from fusevad.plan.stages import plan
from tests.workflow_runs import copy_project, run

# Those that read a run.
STUDIES = ("study-alarms", "study-equivalence", "study-locality", "study-masking", "study-noise")


@pytest.fixture
def values(root) -> dict:
    return yaml.safe_load((root / "config" / "config.yaml").read_text())


@pytest.fixture
def in_root(root, monkeypatch) -> Path:
    """Sources are hashed by their paths from the repository."""
    monkeypatch.chdir(root)
    return root


def _changed(first: Plan, second: Plan) -> set[str]:
    """Stages of the jobs whose lineage differs."""
    names = first.jobs.keys() & second.jobs.keys()
    return {
        first.jobs[name].stage
        for name in names
        if first.lineage(first.jobs[name]) != second.lineage(second.jobs[name])
    }


def test_a_jobs_lineage_holds_all_steps_before_it(values, in_root):
    whole = plan(load(values, Path("config")))
    steps = whole.lineage(whole.jobs["evaluate/rendered/student-t"])
    embeddings = "rendered/fusevad-small.stride-16"
    assert set(steps) == {
        "render/rendered",
        "manifest/rendered",
        "cues/rendered/paper",
        f"embed/{embeddings}/rgb",
        f"embed/{embeddings}/motion-T16-thr10",
        f"index/{embeddings}/rgb",
        f"index/{embeddings}/motion-T16-thr10",
        "train/rendered/student-t",
        "evaluate/rendered/student-t",
    }


def test_jobs_stand_after_all_that_they_need(values, in_root):
    whole = plan(load(values, Path("config")))
    seen: set[str] = set()
    for job in whole.jobs.values():
        assert {other.name for other in whole.upstream(job)} <= seen
        seen.add(job.name)


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        (
            {"seeds": [0, 1]},
            {"train", "evaluate", "localise", "report", "explorer", "leaderboard", "bundle"}
            | {"study-speed"}
            | {*STUDIES},
        ),
        (
            {"protocol": "last"},
            {"report", "explorer", "leaderboard", "bundle", *STUDIES} - {"study-equivalence"},
        ),
    ],
)
def test_a_changed_value_changes_its_stage_and_later_ones_alone(values, in_root, over, expected):
    first = plan(load(values, Path("config")))
    second = plan(load(merge(values, over), Path("config")))
    assert _changed(first, second) - {"book"} == expected


def test_changed_motion_cues_change_all_but_what_is_made_of_rgb_alone(values, in_root):
    first = plan(load(values, Path("config")))
    more = merge(values, {"cues": {"windows": [4, 8, 16, 32, 64], "thresholds": [10, 25, 40]}})
    second = plan(load(more, Path("config")))
    for name in ("train/rendered/image-only", "manifest/rendered"):
        assert first.lineage(first.jobs[name]) == second.lineage(second.jobs[name])
    assert {"cues", "embed", "index", "train", "evaluate", "report"} <= _changed(first, second)


@pytest.fixture
def newer(values, in_root, monkeypatch) -> Callable[[str], set[str]]:
    """Jobs whose settings file is another one once a method has its second version."""

    def files() -> dict[str, str]:
        whole = plan(load(values, Path("config")))
        return {job.name: whole.settings_file(job) for job in whole.jobs.values()}

    def otherwise(method: str) -> set[str]:
        before = files()
        monkeypatch.setitem(METHODS, method, replace(METHODS[method], version=2))
        return {name for name, file in files().items() if file != before[name]}

    return otherwise


def test_a_new_version_of_a_method_changes_its_runs_and_what_hangs_on_them_alone(values, newer):
    whole = plan(load(values, Path("config")))
    runs = {"search/rendered/gating.searched"}
    runs |= {f"train/rendered/{name}" for name in ("gating", "gating.window", "gating.local")}
    reading = {name for name, job in whole.jobs.items() if runs & whole.lineage(job).keys()}
    assert "report/table1" in reading
    assert "report/table8" not in reading
    assert newer("gating") == reading


def test_a_new_version_of_scoring_makes_bundles_alone_anew(values, in_root, monkeypatch):
    first = plan(load(values, Path("config")))
    monkeypatch.setitem(STAGES, "score", replace(STAGES["score"], version=99))
    assert _changed(first, plan(load(values, Path("config")))) == {"bundle"}


def test_a_method_counts_where_it_computes_with_the_parameters_of_another(newer):
    assert "study-equivalence/rendered" in newer("gaussian")


def test_first_versions_of_methods_leave_lineages_as_they_were_without_any(values, in_root):
    whole = plan(load(values, Path("config")))
    steps = whole.lineage(whole.jobs["report/table1"]).values()
    assert {tuple(step) for step in steps} == {("stage", "version", "settings", "sources")}


def test_a_source_file_counts_by_its_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = Job("align/x", "align", {}, {"weights": "weights.safetensors"}, ("out.csv",))
    Path("weights.safetensors").write_bytes(b"one")
    first = Plan([job]).lineage(job)
    Path("weights.safetensors").write_bytes(b"other")
    assert Plan([job]).lineage(job) != first


def test_two_jobs_cannot_make_one_file():
    jobs = [Job(name, "align", {}, {}, ("a.csv",)) for name in ("align/x", "align/y")]
    jobs += [replace(jobs[0], name="align/z", outputs=("a.tex",))]  # its record is a's, too
    with pytest.raises(
        FusevadError, match=r"a\.provenance\.json: made by both align/x and align/z"
    ):
        Plan([jobs[0], jobs[2]])
    with pytest.raises(FusevadError, match=r"a\.csv: made by both align/x and align/y"):
        Plan(jobs)


@pytest.mark.parametrize("name", ["table1", "metrics", "claims", "leaderboard"])
def test_a_table_of_ones_own_replaces_no_other_job_unseen(root, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(root / "config", "config")
    Path(f"config/tables/{name}.yaml").write_text("title: Mine\nexperiments: [student-t]\n")
    with pytest.raises(FusevadError, match=rf"results/tiny/{name}\..*rename"):
        plan(load_files([Path("config/tiny.yaml")]))


def test_other_settings_are_another_file_and_leave_the_first_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    jobs = [Job("align/x", "align", {"lr": lr}, {}, ("a.csv",)) for lr in (1, 2)]
    first = Plan(jobs[:1]).write_settings(jobs[0])
    time = Path(first).stat().st_mtime_ns
    second = Plan(jobs[1:]).write_settings(jobs[1])
    assert first != second
    assert Plan(jobs[:1]).write_settings(jobs[0]) == first
    assert Path(first).stat().st_mtime_ns == time
    assert json.loads(Path(second).read_text())["settings"] == {"lr": 2}


def test_settings_files_are_json_with_the_whole_lineage(values, in_root, tmp_path, monkeypatch):
    whole = plan(load(values, Path("config")))
    lineages = {name: whole.lineage(job) for name, job in whole.jobs.items()}
    monkeypatch.chdir(tmp_path)
    for name in ("render/rendered", "report/table1"):
        text = Path(whole.write_settings(whole.jobs[name])).read_text()
        content = json.loads(text)
        assert content["lineage"] == lineages[name]
        assert text == json.dumps(content, indent=1) + "\n"


def _snakemakes_jobs(output: str) -> dict[tuple[str, ...], set[str]]:
    """Inputs of each job by its outputs, from what a dry run printed."""
    found: dict[tuple[str, ...], set[str]] = {}
    inputs: set[str] = set()
    for line in output.splitlines():
        key, _, value = line.strip().partition(": ")
        if key.endswith(":") or key.startswith(("rule ", "localrule ")):
            inputs = set()
        if key == "input":
            inputs = {name for name in value.split(", ") if "/settings/" not in name}
        if key == "output":
            found[tuple(value.replace(" (update)", "").split(", "))] = inputs
    return found


BUNDLE = "results/over/rendered/bundles/student-t.fusevad"
WHOLE = ("results/over/table1.tex", "results/over/all.pdf", "results/over/claims.md", BUNDLE, "all")
ALL_METHODS = ("results/over/methods.tex", "results/over/leaderboard.json")
WITH_EVENTS = {"datasets": ["ucf-crime"], "events": {"ucf-crime": "ucf-crime-dvs"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("over", "targets", "expected"),
    [
        ({}, WHOLE, 150),
        (WITH_EVENTS, ("results/over/table3.tex",), 5 * 32),
        ({"datasets": ["rendered", "surveillance-fight"]}, ALL_METHODS, 100),
    ],
    ids=["default", "with-events", "methods"],
)
def test_the_plan_reads_and_makes_what_snakemake_does(
    root, tmp_path, values, over, targets, expected
):
    folder = copy_project(root, tmp_path)
    (folder / "over.yaml").write_text(yaml.safe_dump(over))
    dry_run = ("snakemake", "--dry-run", "--forceall", *targets, "--configfile", "over.yaml")
    output = run(folder, *dry_run).stdout
    found = _snakemakes_jobs(output)
    whole = plan(load(merge(values, over), folder / "config", "over"))
    assert len(found) > expected
    for outputs, inputs in found.items():
        job = whole.producer(outputs[0])
        assert job is not None, outputs
        assert job.outputs == outputs
        assert set(job.inputs) == inputs, job.name


def test_a_job_that_cannot_run_names_the_file_that_nothing_makes():
    made = Job("align/x", "align", {}, {}, ("results/x.csv",))
    lacks = Job("align/y", "align", {}, {"a": "results/none.tex"}, ("results/y.csv",))
    both = {"a": ["results/x.csv", "results/y.csv"]}
    book = Job("book", "book", {}, both, ("results/all.pdf",))
    with pytest.raises(FusevadError, match=r"^book: needs results/none\.tex, which nothing makes"):
        Plan([made], every=[made, lacks, book]).inputs("book")
