"""`dvc.yaml` with the real `dvc` command: what it shows, compares and makes again."""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fusevad.artifacts.tracked import TRACKED, parse_records, parse_tracked, with_units
from fusevad.artifacts.units import units_of
from fusevad.config.load import load_files
from fusevad.plan.lineage import Plan
from fusevad.plan.stages import plan
from tests.made_up_clone import fill, plan_in
from tests.workflow_runs import TINY, copy_dvc, copy_project, planned_jobs, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
DATA = "results/rendered-tiny"
TARGETS = ("results/tiny/table1.tex", "results/tiny/metrics.json")
MADE = ("metrics@tiny.metrics", "tables@tiny.table1")
EMBEDDINGS = "embeddings@rendered-tiny.fusevad-small.stride-16"
RUNS = {"runs@tiny.rendered-tiny.image-only", "runs@tiny.rendered-tiny.student-t"}
AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@b")
PROTOCOLS = {"last": 0.0, "validation": 0.1, "oracle": 0.2}
METRICS = ("AUC", "AP", "Ano-AUC")
_SEEDS = "/seeds.csv"


def _needed(whole: Plan, targets: tuple[str, ...]) -> set[str]:
    """Jobs that make the targets, and all before them."""
    names: set[str] = set()
    waiting = [job for target in targets if (job := whole.producer(target))]
    while waiting:
        job = waiting.pop()
        names.add(job.name)
        waiting += whole.upstream(job)
    return names


def _values(path: str) -> str:
    """Metrics of a run: under a protocol's own level, 0.02 apart for two seeds."""
    base = 0.5 if "student-t" in path else 0.4
    rows = [
        f"{seed},{protocol},1,{metric},{base + shift + 0.02 * seed + 0.01 * place:.6f}"
        for seed in (0, 1)
        for protocol, shift in PROTOCOLS.items()
        for place, metric in enumerate(METRICS)
    ]
    return "\n".join(["seed,protocol,epoch,metric,value", *rows]) + "\n"


def _clone(root: Path, folder: Path) -> Path:
    """A git and DVC repository of the project with a folder as its remote."""
    copy_project(root, folder)
    copy_dvc(root, folder)
    (folder / ".dvc/config").write_text(
        f"[core]\n    analytics = false\n    remote = folder\n"
        f"['remote \"folder\"']\n    url = {folder.parent / 'remote'}\n"
    )
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def first(root, tmp_path_factory) -> Path:
    """A clone that has made Table 1 and its metrics from made-up runs, and pushed everything."""
    folder = _clone(root, tmp_path_factory.mktemp("dvc") / "first")
    with (folder / TINY[1]).open("a") as file:
        file.write("table1: [image-only, student-t]\n")
    # The page of plots is the default configuration's.
    _replace(folder / "dvc.yaml", "- results/metrics.csv:", f"- {TARGETS[1][:-5]}.csv:")
    whole = plan_in(folder, *TINY[1:])
    with contextlib.chdir(folder):
        whole.write_all_settings()
    jobs = [name for name in whole.jobs if name in _needed(whole, TARGETS)]
    contents = {f"{DATA}/skipped.csv": "video,path,reason\n"} | {
        path: _values(path) for name in jobs for path in whole.jobs[name].outputs if _SEEDS in path
    }
    made = {producer.name for path in TARGETS if (producer := whole.producer(path))}
    fill(folder, whole, [name for name in jobs if name not in made], contents=contents)
    run(folder, "snakemake", "--cores", "2", *TARGETS, *TINY)
    run(folder, "fusevad", "push", *TINY)
    for command in (["add", "."], [*AUTHOR, "commit", "--quiet", "-m", "made"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture
def clone(first, tmp_path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(first, tmp_path / "clone"))


def _dvc(folder: Path, *arguments: str) -> str:
    return run(folder, "dvc", *arguments).stdout


def _status(folder: Path) -> dict[str, list]:
    return json.loads(_dvc(folder, "status", "--json"))


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _ran(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def _repro(folder: Path, *stages: str) -> tuple[list[str], list[str]]:
    """Stages for which `dvc repro` called Snakemake, and the rules that that ran; both sorted."""
    result = run(folder, "dvc", "repro", *stages)
    rules = re.findall(r"^(?:local)?rule (\w+):", result.stdout + result.stderr, re.MULTILINE)
    return sorted(_ran(result.stdout)), sorted(rules)


def test_the_graph_leads_from_data_to_the_table(first):
    output = _dvc(first, "dag", "--dot")
    edges = {tuple(line.strip(' ;"').split('" -> "')) for line in output.splitlines()}
    table = [
        ("data@rendered-tiny", "cues@rendered-tiny.paper"),
        ("cues@rendered-tiny.paper", f"{EMBEDDINGS}.motion-T16-thr10"),
        ("data@rendered-tiny", f"{EMBEDDINGS}.rgb"),
        (f"{EMBEDDINGS}.motion-T16-thr10", "runs@tiny.rendered-tiny.student-t"),
        (f"{EMBEDDINGS}.rgb", "runs@tiny.rendered-tiny.student-t"),
        ("runs@tiny.rendered-tiny.student-t", "tables@tiny.table1"),
        ("runs@tiny.rendered-tiny.student-t", "metrics@tiny.metrics"),
    ]
    assert set(table) <= edges
    assert (f"{EMBEDDINGS}.motion-T16-thr10", "runs@tiny.rendered-tiny.image-only") not in edges


def test_after_a_push_nothing_differs(first):
    assert _status(first) == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "stages"),
    [
        ("config/hyperparameters/tiny.yaml", "1.0e-3", "2.0e-3", RUNS),
        ("config/config.yaml", "protocol: validation", "protocol: last", set(MADE)),
        (
            "config/experiments/table1.yaml",
            "(Student-t), method: student-t",
            "(Student-t), method: gaussian",
            {"runs@tiny.rendered-tiny.student-t"},
        ),
        (
            f"{DATA}/cues/paper/shard-0.h5",
            "shard-0.h5",
            "shard-X.h5",
            {"cues@rendered-tiny.paper", f"{EMBEDDINGS}.motion-T16-thr10"},
        ),
    ],
    ids=["training", "protocol", "one-experiment", "input"],
)
def test_the_status_names_the_stages_that_a_change_concerns(clone, file, old, new, stages):
    _replace(clone / file, old, new)
    assert set(_status(clone)) == stages


def test_a_new_experiment_concerns_no_other(clone):
    with (clone / "config/experiments/table1.yaml").open("a") as file:
        file.write("more: {label: nu 3, method: student-t, set: {model: {nu: 3}}}\n")
    assert _status(clone) == {}


def test_a_changed_hyperparameter_is_named_with_both_values(clone):
    _replace(clone / "config/hyperparameters/tiny.yaml", "1.0e-3", "2.0e-3")
    assert json.loads(_dvc(clone, "params", "diff", "--json")) == {
        "config/hyperparameters/tiny.yaml": {
            "all.learning_rate": {"old": 0.001, "new": 0.002, "diff": 0.001}
        }
    }


def test_the_metrics_are_the_tables_numbers(first):
    shown = json.loads(_dvc(first, "metrics", "show", "--json"))
    shown = shown[""]["data"]["results/tiny/metrics.json"]["data"]
    text = (first / TARGETS[0]).read_text()
    for experiment, base in {"image-only": 0.51, "student-t": 0.61}.items():
        for place, metric in enumerate(METRICS):
            assert shown["rendered-tiny"][experiment][metric] == round(base + 0.01 * place, 4)
            assert f"{100 * base + place:.2f}" in text


def test_another_protocol_is_evaluated_alone_and_its_change_shown(clone):
    _replace(clone / "config/config.yaml", "protocol: validation", "protocol: last")
    assert _repro(clone) == (list(MADE), ["metrics", "table1"])
    assert _status(clone) == {}
    shutil.rmtree(clone / ".dvc/cache")
    _dvc(clone, "fetch", "-A", "metrics@tiny.metrics")
    changes = json.loads(_dvc(clone, "metrics", "diff", "--json"))["results/tiny/metrics.json"]
    change = changes["rendered-tiny.student-t.AUC"]
    assert change == {"old": 0.61, "new": 0.51, "diff": pytest.approx(-0.1)}
    assert len(changes) == 2 * len(METRICS)
    page = _plots(clone, "diff", "HEAD", "workspace")
    assert {row["rev"] for row in page["data"]["values"]} == {"HEAD", "workspace"}


def _plots(folder: Path, *command: str) -> dict:
    """What the page of `dvc plots` gives to Vega-Lite."""
    _dvc(folder, "plots", *command, "--out", "plots")
    text = (folder / "plots/index.html").read_text()
    return json.JSONDecoder().raw_decode(text[text.index("= {", text.index("var spec")) + 2 :])[0]


def test_the_plots_show_each_seed_of_each_experiment(first):
    specification = _plots(first, "show")
    rows = specification["data"]["values"]
    assert len(rows) == 2 * 2 * len(METRICS)
    assert {(row["dataset"], row["experiment"], row["seed"]) for row in rows} == {
        ("rendered-tiny", name, seed) for name in ("image-only", "student-t") for seed in "01"
    }
    encoding = specification["spec"]["encoding"]
    assert (encoding["x"]["field"], encoding["y"]["field"]) == ("value", "experiment")
    assert "<DVC" not in json.dumps(specification)


def test_repro_makes_what_is_missing_and_nothing_a_second_time(clone):
    for target in TARGETS:
        (clone / target).unlink()
    before = (clone / "dvc.lock").read_text()
    assert _repro(clone, *MADE) == (list(MADE), ["metrics", "table1"])
    assert (clone / "dvc.lock").read_text() == before
    assert _repro(clone, *MADE) == ([], [])
    assert planned_jobs(run(clone, "snakemake", "--dry-run", *TARGETS, *TINY).stdout) == {}


def test_on_an_empty_clone_repro_plans_table_1_of_the_shipped_configuration(root, tmp_path):
    folder = _clone(root, tmp_path / "clone")
    output = _dvc(folder, "repro", "--dry", "--force")
    stages = [name.partition("@")[0] for name in _ran(output)]
    config = load_files([], root / "config")
    assert stages.count("runs") == len(config.table1) + len(config.table1_ours)
    assert set(stages) == {"data", "cues", "embeddings", "runs", "tables", "metrics"}
    assert list(dict.fromkeys(stages))[:2] == ["data", "cues"]
    commands = [line[2:] for line in output.splitlines() if line.startswith("> ")]
    assert len(commands) == len(stages)
    assert all(line.startswith("snakemake --cores all results/") for line in commands)


def test_a_file_is_one_word_of_the_commands_whatever_its_name(root, monkeypatch):
    monkeypatch.chdir(root)
    config = load_files([])
    units = [unit for unit in units_of(plan(config)) if unit.stage == "data"]
    files = [Path("my configs/tiny.yaml"), Path("$(touch ran).yaml")]
    (entry, *_) = parse_tracked(with_units("", units, (), config, files))["data"].values()
    assert shlex.split(entry["configfile"]) == list(map(str, files))


def test_the_shipped_units_are_those_of_table_1_as_a_push_would_write_them(root, monkeypatch):
    monkeypatch.chdir(root)
    config = load_files([])
    whole = plan(config)
    needed = _needed(whole, ("results/table1.tex", "results/metrics.json"))
    units = [unit for unit in units_of(whole) if needed & {job.name for job in unit.jobs}]
    text = Path(TRACKED).read_text()
    shipped = {
        f"{stage}@{key}" for stage, keys in parse_records(text, TRACKED).items() for key in keys
    }
    assert shipped == {unit.name for unit in units}
    assert with_units("", units, (), config, []) == text
