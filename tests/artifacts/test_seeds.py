"""Seeds of a run that fits go into the store; `fusevad gc` names those that no plan takes."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from fusevad.artifacts.adopt import adopt
from fusevad.artifacts.gc import delete, unused
from fusevad.files import sha256
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import recorded
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.settings import train_settings
from tests.made_up_training import VALUES, write_training_data

DATA = "results/tiny"
RUN = f"{DATA}/runs/concat"
STORE = f"{DATA}/seeds/concat"
STREAMS = [f"{DATA}/rgb/index.csv", f"{DATA}/motion/index.csv"]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def plan(*seeds: int, rate: float = 3e-3) -> Plan:
    """A run on data that no job makes."""
    weights = [
        f"{RUN}/weights/seed-{seed}-{protocol}.safetensors"
        for seed in seeds
        for protocol in ("last", "validation")
    ]
    job = Job(
        "train/tiny/concat",
        "train",
        VALUES | {"method": "concat", "epochs": 1, "learning_rate": rate},
        {"manifest": f"{DATA}/manifest.csv", "streams": STREAMS, "teacher": [], "texts": []},
        (f"{RUN}/history.csv", f"{RUN}/epoch-scores.safetensors", *weights),
        {"seeds": list(seeds)},
        seed_store=STORE,
    )
    return Plan([job])


def make(chosen: Plan) -> None:
    """Train as the rule does: what was there of the run is removed before."""
    (job,) = chosen.jobs.values()
    if not Path(DATA).is_dir():
        write_training_data(Path(DATA))
    shutil.rmtree(RUN, ignore_errors=True)
    data = TrainData(
        Path(DATA, "manifest.csv"), dict(zip(("rgb", "motion"), map(Path, STREAMS), strict=True))
    )
    with recorded(chosen.write_settings(job)) as assigned:
        settings, seeds = train_settings(assigned.settings, "test"), job.options["seeds"]
        train(settings, data, seeds, Path(RUN), workers=1, store=Path(STORE))


def stored() -> dict[str, tuple[bytes, int]]:
    """Records of the seeds of the store, and when they were written."""
    found = sorted(Path(STORE).glob("*/seed-*.json"))
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def contents(found: dict[str, tuple[bytes, int]]) -> dict[str, dict]:
    """What records say of the seeds, but for where and when they were trained."""
    return {name: json.loads(text) | {"made": None} for name, (text, _) in found.items()}


def listed(*plans: Plan) -> Sequence[str]:
    return sorted(each.path for each in unused(plans) if "/seeds/" in each.path)


def test_one_seed_more_of_a_run_that_was_pulled_trains_that_seed_alone():
    make(plan(0, 1))
    here = stored()
    shutil.rmtree(STORE)  # as after a pull, which brings the run alone
    assert not adopt(plan(0, 1), dry_run=True).moved and not Path(STORE).exists()
    adopt(plan(0, 1))
    taken = stored()
    assert contents(taken) == contents(here)
    first = f"{RUN}/weights/seed-0-last.safetensors"
    assert os.path.samefile(first, next(Path(STORE).glob("*/seed-0-last.safetensors")))
    adopt(plan(0, 1))
    assert stored() == taken
    make(plan(0, 1, 2))
    assert sorted(stored()) == ["seed-0.json", "seed-1.json", "seed-2.json"]
    assert taken.items() <= stored().items()


def test_a_run_that_is_not_whole_or_does_not_fit_gives_no_seeds():
    make(plan(0, 1))
    shutil.rmtree(STORE)
    Path(RUN, "weights/seed-1-last.safetensors").unlink()
    adopt(plan(0, 1))
    assert not Path(STORE).exists()
    adopt(plan(0, 1, rate=1e-3))
    assert not Path(STORE).exists()


def test_seeds_that_a_plan_takes_are_kept_and_others_are_listed():
    make(plan(0, 1))
    make(plan(0, rate=1e-3))
    assert listed(plan(0, 1), plan(0, rate=1e-3)) == []
    (tried,) = listed(plan(0, 1))
    assert Path(tried).is_dir() and Path(tried).parent == Path(STORE)
    delete(each for each in unused([plan(0, 1)]) if each.path == tried)
    assert not Path(tried).exists()
    before = stored()
    make(plan(0, 1))
    assert stored() == before
    of_one = listed(plan(1))
    assert {Path(path).name for path in of_one} == {
        "seed-0.json",
        "seed-0-last.safetensors",
        "seed-0-validation.safetensors",
        "seed-0-scores.safetensors",
    }


def test_all_seeds_are_listed_of_an_experiment_that_is_no_more():
    make(plan(0))
    assert [Path(path).parent for path in listed(Plan([]))] == [Path(STORE)]


def test_nothing_is_listed_while_what_training_reads_is_not_there():
    make(plan(0))
    Path(STREAMS[0]).unlink()
    assert listed(plan(1)) == []


def changed_record(change) -> None:
    """Change the record of the run in `plan(0, 1)`."""
    job = plan(0, 1).jobs["train/tiny/concat"]
    values = json.loads(Path(job.record).read_text())
    change(values)
    Path(job.record).write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (DATA, "which its job does not make"),
        (f"{DATA}/manifest.csv", "which its job does not make"),
        (f"{RUN}/weights", "which its job does not make"),
        ("results/a\ud800", "not a record"),
        (f"results/{'a' * 300}", "outside results"),
    ],
)
def test_a_foreign_record_moves_nothing_that_is_not_its_jobs(path, reason):
    make(plan(0, 1))
    changed_record(lambda values: values["outputs"].update({path: {"sha256": "0", "size": 1}}))
    before = sorted(Path(DATA).rglob("*.safetensors"))
    adopted = adopt(plan(0, 1), dry_run=True)
    assert reason in adopted.moved["train/tiny/concat"]
    adopt(plan(0, 1))
    assert Path(DATA, "manifest.csv").is_file()
    moved = {each for each in before if each.is_relative_to(RUN)}
    assert all(each.is_file() for each in before if each not in moved)


def test_a_pipe_in_place_of_an_output_does_not_hang():
    make(plan(0, 1))
    Path(RUN, "history.csv").unlink()
    os.mkfifo(f"{RUN}/history.csv")
    changed_record(lambda values: values["outputs"][f"{RUN}/history.csv"].update(size=0))
    assert "history.csv" in adopt(plan(0, 1)).moved["train/tiny/concat"]


def test_settings_that_a_job_takes_from_no_file_make_a_record_foreign():
    """Else a run would be kept as one of other settings."""
    make(plan(0, 1))
    shutil.rmtree(STORE)
    changed_record(lambda values: values.update(found={"learning_rate": 5.0}))
    assert "from no file" in adopt(plan(0, 1)).moved["train/tiny/concat"]
    assert not Path(STORE).exists()


def test_a_crafted_learning_rate_stops_nothing_and_keeps_no_seeds(capfd):
    make(plan(0, 1))
    shutil.rmtree(STORE)
    searched = replace(
        plan(0, 1).jobs["train/tiny/concat"],
        reads={**plan(0, 1).jobs["train/tiny/concat"].reads, "learning_rates": "rates.csv"},
    )
    changed_record(lambda values: values.update(found={"learning_rate": "abc"}))
    Path("rates.csv").write_text("")
    changed_record(lambda values: values.update(lineage=Plan([searched]).lineage(searched)))
    assert not adopt(Plan([searched])).moved
    assert "'abc': input should be a valid number" in capfd.readouterr().err
    assert not Path(STORE).exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("history.csv", b"", "not 1 epochs"),
        ("history.csv", b"a,b\n1,2\n", "no history of a run"),
        ("history.csv", b"seed,epoch\n0,x\n", "no history of a run"),
        ("history.csv", b"seed\n" + b"1" * 200_000, "no history of a run"),
        ("epoch-scores.safetensors", b"", "unreadable scores"),
        ("epoch-scores.safetensors", save({"seed-0": np.zeros((1, 1, 1))}), "unreadable scores"),
        (
            "epoch-scores.safetensors",
            save({"seed-0": np.zeros((1, 2, 3), np.float32)}, {"columns": "score"}),
            "no scores by epoch",
        ),
        ("weights/seed-0-last.safetensors", b"", "unreadable weights"),
    ],
)
def test_a_run_with_fitting_hashes_and_other_content_is_not_kept(name, content, reason, capfd):
    make(plan(0))
    shutil.rmtree(STORE)
    (job,) = plan(0).jobs.values()
    file = Path(RUN, name)
    file.write_bytes(content)
    values = json.loads(Path(job.record).read_text())
    values["outputs"][str(file)] = {"sha256": sha256(file), "size": len(content)}
    Path(job.record).write_text(json.dumps(values))
    adopt(plan(0))
    (line,) = [each for each in capfd.readouterr().err.splitlines() if "fusevad" in each]
    assert reason in line and "seed 0 is not kept" in line
    assert not stored()
    values["inputs"] = {}  # nor is a run of unknown data
    Path(job.record).write_text(json.dumps(values))
    adopt(plan(0))
    assert not stored()
