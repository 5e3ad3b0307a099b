"""A seed is trained once for its settings, data and teacher, and reused by every run."""

import errno
import json
import os
import shutil
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from fusevad.embed.store import default_device
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import trained_on
from fusevad.files import sha256, temporary_path
from fusevad.models.registry import METHODS
from fusevad.train import run as run_module
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.seed_key import SeedKey
from fusevad.train.seed_run import SeedRun
from fusevad.train.seed_store import KeptSeed
from tests.made_up_training import small, write_training_data

SETTINGS = small("concat", epochs=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    return write_training_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Which seeds are trained: a file for each, as they are trained in other processes."""
    marks = tmp_path / "marks"
    marks.mkdir()
    original = SeedRun.run

    def marked(self, after_epoch):
        (marks / f"{self.seed}-{len(list(marks.iterdir()))}").touch()
        return original(self, after_epoch)

    monkeypatch.setattr(SeedRun, "run", marked)

    def since_last() -> list[int]:
        seeds = sorted(int(mark.name.split("-")[0]) for mark in marks.iterdir())
        for mark in marks.iterdir():
            mark.unlink()
        return seeds

    return since_last


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU, seeds train in one process")
def test_two_seeds_then_more_trains_the_missing_ones_alone_in_one_start(
    data, tmp_path, trained, monkeypatch
):
    starts = []
    original = run_module.train_in_processes
    monkeypatch.setattr(
        run_module,
        "train_in_processes",
        lambda tasks, *rest: starts.append([seed for _, seed in tasks]) or original(tasks, *rest),
    )
    store = tmp_path / "store"
    train(SETTINGS, data, [0, 1], tmp_path / "run", workers=1, store=store)
    assert trained() == [0, 1]
    train(SETTINGS, data, [0, 1, 2, 3], tmp_path / "run", workers=1, store=store)
    assert trained() == [2, 3]
    assert starts == [[0, 1], [2, 3]]
    assert sorted(load_file(tmp_path / "run" / "epoch-scores.safetensors")) == [
        f"seed-{seed}" for seed in range(4)
    ]


def test_a_new_version_of_the_method_trains_its_seeds_again(data, tmp_path, trained, monkeypatch):
    store = tmp_path / "store"
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    trained()
    monkeypatch.setitem(METHODS, "gating", replace(METHODS["gating"], version=2))
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == []
    monkeypatch.setitem(METHODS, "concat", replace(METHODS["concat"], version=2))
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == [0]


def test_a_run_of_fewer_seeds_holds_those_alone_and_trains_nothing(data, tmp_path, trained):
    store = tmp_path / "store"
    train(SETTINGS, data, [0, 1], tmp_path / "run", workers=1, store=store)
    whole = files(tmp_path / "run")
    trained()
    train(SETTINGS, data, [1], tmp_path / "run", workers=1, store=store)
    assert trained() == []
    weights = {name for name in files(tmp_path / "run") if name.startswith("weights/")}
    assert weights == {f"weights/seed-1-{p}.safetensors" for p in ("last", "validation")}
    assert set(pd.read_csv(tmp_path / "run" / "history.csv")["seed"]) == {1}
    train(SETTINGS, data, [0, 1], tmp_path / "run", workers=1, store=store)
    assert trained() == []
    assert files(tmp_path / "run") == whole


def test_a_learning_rate_that_is_tried_and_taken_back_trains_nothing_twice(data, tmp_path, trained):
    store, other = tmp_path / "store", small("concat", epochs=1, learning_rate=1e-3)
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    first = files(tmp_path / "run")
    train(other, data, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == [0, 0]
    assert files(tmp_path / "run") != first
    for settings in (SETTINGS, other, SETTINGS):
        train(settings, data, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == []
    assert files(tmp_path / "run") == first


def test_other_data_are_other_seeds_and_streams_that_nobody_reads_are_no_matter(
    data, tmp_path, trained
):
    store, settings = tmp_path / "store", small("image-only", epochs=1)
    train(settings, data, [0], tmp_path / "run", workers=1, store=store)
    rgb = replace(data, streams={"rgb": data.streams["rgb"]})
    train(settings, rgb, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == [0]
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(data.manifest.read_text().replace("20.0", "25.0"))
    train(settings, replace(rgb, manifest=manifest), [0], tmp_path / "run", workers=1, store=store)
    assert trained() == [0]


@pytest.mark.parametrize("kind", ["last", "scores", "json"])
def test_a_damaged_seed_is_dropped_with_one_line_and_trained_again(
    data, tmp_path, trained, capfd, kind
):
    store = tmp_path / "store"
    train(SETTINGS, data, [0, 1], tmp_path / "run", workers=1, store=store)
    whole = files(tmp_path / "run")
    trained()
    name = "seed-1.json" if kind == "json" else f"seed-1-{kind}.safetensors"
    (damaged,) = store.glob(f"*/{name}")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    capfd.readouterr()
    train(SETTINGS, data, [0, 1], tmp_path / "run", workers=1, store=store)
    assert trained() == [1]
    said = [line for line in capfd.readouterr().err.splitlines() if "damaged" in line]
    assert len(said) == 1
    assert "seed 1 is trained again" in said[0]
    assert files(tmp_path / "run") == whole


def test_a_seed_is_finished_only_when_all_of_it_is_stored(data, tmp_path, trained):
    store = tmp_path / "store"
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    (record,) = store.glob("*/seed-0.json")
    record.unlink()
    assert trained() == [0]
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == [0]


# One copy on the disk


def weights(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("seed-*.safetensors") if "scores" not in path.name)


def test_a_run_and_the_store_share_the_bytes_of_weights_and_a_second_run_has_its_own(
    data, tmp_path
):
    store = tmp_path / "store"
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    stored, first = weights(store), weights(tmp_path / "run")
    assert len(stored) == 2
    assert all(map(os.path.samefile, stored, first))
    for _ in range(2):  # made again in its place, the run shares them still
        train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
        assert all(map(os.path.samefile, stored, weights(tmp_path / "run")))
    # Snakemake dates what a job has made: runs that shared a file would age each other.
    train(SETTINGS, data, [0], tmp_path / "other", workers=1, store=store)
    for path in weights(tmp_path / "other"):
        os.utime(path, (1, 1))
    assert all(path.stat().st_mtime > 1 for path in first)
    assert files(tmp_path / "other") == files(tmp_path / "run")


def test_what_is_written_over_a_run_leaves_the_store_as_it_was(data, tmp_path, trained):
    store, other = tmp_path / "store", small("concat", epochs=1, learning_rate=1e-3)
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    stored = files(store)
    train(other, data, [0], tmp_path / "run", workers=1, store=store)
    assert stored.items() <= files(store).items()
    shutil.rmtree(tmp_path / "run")
    trained()
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == []


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_where_files_cannot_be_linked_they_are_copied(data, tmp_path, monkeypatch, reason):
    def refuse(self, target):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=tmp_path / "store")
    stored, of_run = weights(tmp_path / "store"), weights(tmp_path / "run")
    assert [path.read_bytes() for path in stored] == [path.read_bytes() for path in of_run]
    assert not any(map(os.path.samefile, stored, of_run))


def test_the_seeds_of_a_finished_run_are_taken_as_if_they_had_been_trained_here(data, tmp_path):
    store, taken = tmp_path / "store", tmp_path / "taken"
    train(small("gaussian"), data, [0, 1], tmp_path / "run", workers=1, store=store)
    (folder,) = store.iterdir()
    for seed in (0, 1):
        KeptSeed(taken / folder.name, seed).take(tmp_path / "run", small("gaussian").epochs)
    found, expected = files(taken), files(store)
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        if name.endswith(".json"):  # where and when it was trained, the run does not say
            known = [json.loads(each) | {"made": None} for each in (found[name], content)]
            assert known[0] == known[1]
        else:
            assert found[name] == content


def test_a_finished_seed_notes_the_machine_and_the_time_of_its_training(data, tmp_path):
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=tmp_path / "store")
    (file,) = (tmp_path / "store").glob("*/seed-0.json")
    made = json.loads(file.read_text())["made"]
    assert made["machine"]
    assert made["seconds"] >= 0


def test_a_seed_stands_in_for_one_of_the_same_kind_of_device_and_version_of_torch_alone(
    data, tmp_path
):
    store = tmp_path / "store"
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    (folder,) = store.iterdir()
    device = default_device().type
    assert folder.name.startswith(f"{device}-")
    assert trained_on(weights(store)[0]) == device
    indices = (data.streams["rgb"], data.streams["motion"])
    key = SeedKey(
        SETTINGS,
        tuple(map(sha256, (data.manifest, *indices))),
        teacher=None,
        device=device,
        torch=version("torch"),
    )
    assert key.folder(store) == folder
    other, older = replace(key, device="another"), replace(key, torch="2.0.0")
    assert other.folder(store).name.startswith("another-")
    assert len({each.folder(store) for each in (key, other, older)}) == 3


def test_scores_that_are_none_are_refused_even_if_their_hash_is_noted(data, tmp_path):
    train(small("concat", epochs=1), data, [0], tmp_path / "run", 1, store=tmp_path / "store")
    (record,) = (tmp_path / "store").glob("*/seed-0.json")
    scores = record.with_name("seed-0-scores.safetensors")
    with safe_open(scores, framework="numpy") as content:
        changed, about = {"scores": 50 * content.get_tensor("scores")}, content.metadata()
    save_file(changed, scores, about)
    noted = json.loads(record.read_text())
    noted["files"][scores.name] = sha256(scores)
    record.write_text(json.dumps(noted))
    with pytest.raises(FusevadError, match=r"scores outside \[0, 1\]; train this run again"):
        train(small("concat", epochs=1), data, [0], tmp_path / "run", 1, store=tmp_path / "store")


def test_temporary_files_of_killed_trainings_are_removed_from_the_store(data, tmp_path):
    settings = small("concat", epochs=1)
    train(settings, data, [0], tmp_path / "run", 1, store=tmp_path / "store")
    (record,) = (tmp_path / "store").glob("*/seed-0.json")
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = temporary_path(record.with_name("seed-0.pt"))
    left = left.with_name(left.name.replace(str(os.getpid()), str(dead.pid)))
    left.write_bytes(b"half")
    train(settings, data, [0, 1], tmp_path / "run", 1, store=tmp_path / "store")
    assert not left.exists()


# Phases, optimisers and bins


def test_a_phase_has_its_own_losses_and_the_epochs_after_it_those_of_the_run(data, tmp_path):
    warm = small("gaussian", epochs=2, phases=[{"epochs": 1, "loss": {"kl": 0, "norm": 0}}])
    train(warm, data, [0], tmp_path / "warm", workers=1)
    history = pd.read_csv(tmp_path / "warm" / "history.csv")
    assert history["warm_up"].tolist() == [1, 0]
    assert history["loss_kl"][0] == 0
    assert history["loss_kl"][1] > 0
    without = small("gaussian", epochs=1, loss={"kl": 0, "norm": 0})
    train(without, data, [0], tmp_path / "without", workers=1)
    first, alone = (
        load_file(tmp_path / name / "epoch-scores.safetensors")["seed-0"]
        for name in ("warm", "without")
    )
    np.testing.assert_array_equal(first[0], alone[0])


def test_a_share_of_the_epochs_is_a_phase_of_any_training():
    def kl(epochs: int) -> list[float]:
        phases = [{"share": 0.25, "loss": {"kl": 0}}]
        return [
            loss.kl for loss in small("gaussian", epochs=epochs, phases=phases).losses_by_epoch()
        ]

    assert kl(8) == [0, 0, 1, 1, 1, 1, 1, 1]
    assert kl(1) == [1]


@pytest.mark.parametrize("name", ["adamw", "adam", "adagrad", "sgd"])
def test_any_optimiser_learns(data, tmp_path, name):
    parameters = {"momentum": 0.9} if name == "sgd" else {}
    settings = small("concat", epochs=2, optimizer={"name": name, "parameters": parameters})
    train(settings, data, [0], tmp_path, workers=1)
    scores = load_file(tmp_path / "epoch-scores.safetensors")["seed-0"]
    assert not np.array_equal(scores[0], scores[1])


def test_training_on_bins_scores_every_segment(data, tmp_path):
    train(small("concat", epochs=1, bins=4), data, [0], tmp_path / "bins", workers=1)
    train(small("concat", epochs=1), data, [0], tmp_path / "pooled", workers=1)
    binned, pooled = (
        load_file(tmp_path / name / "epoch-scores.safetensors")["seed-0"]
        for name in ("bins", "pooled")
    )
    assert binned.shape == pooled.shape
    assert not np.array_equal(binned, pooled)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phases": [{"epochs": 3}]}, "3 epochs of phases in a training of 3; at least one"),
        ({"phases": [{"epochs": 1, "share": 0.5}]}, "a phase has `epochs` or a `share` of them"),
        ({"phases": [{"epochs": 1, "loss": {"kll": 1}}]}, r"phases: loss: kll: unknown.*'kl'"),
        ({"optimizer": {"name": "lion"}}, r"optimizer\.name: 'lion'"),
        ({"model": {"nu": 0}}, r"model: nu: 0: .*greater than 0"),
        ({"model": {"covariance_rank": 2}}, r"'student-t': model\.covariance_rank: unknown"),
        ({"method": "magic"}, "method 'magic' is unknown; choose one of avadclip"),
        ({"epoch": 3}, r"epoch: unknown; did you mean 'epochs'"),
    ],
)
def test_settings_that_do_not_fit_are_one_line_with_the_key(changes, message):
    with pytest.raises(FusevadError, match=message):
        small(**({"method": "student-t"} | changes))


@pytest.mark.parametrize(
    ("name", "value"),
    [("momentum", 0.9), ("betas", [0.9]), ("differentiable", True), ("lr", 1), ("eps", "x")],
)
def test_parameters_that_an_optimiser_cannot_use_are_one_line(data, tmp_path, name, value):
    settings = small("concat", optimizer={"name": "adam", "parameters": {name: value}})
    with pytest.raises(FusevadError, match=rf"optimizer adam: parameters .*{name}.*correct them"):
        train(settings, data, [0], tmp_path, workers=1)
    assert not (tmp_path / "history.csv").exists()


def _pipe(file: Path) -> None:
    os.mkfifo(file)


@pytest.mark.parametrize("make", [_pipe, Path.mkdir, lambda file: file.symlink_to("/dev/zero")])
def test_what_is_no_file_in_the_store_is_dropped_like_a_damaged_one(data, tmp_path, trained, make):
    """Reading a pipe or a device would never end."""
    store = tmp_path / "store"
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    whole = files(tmp_path / "run")
    trained()
    (file,) = store.glob("*/seed-0-last.safetensors")
    file.unlink()
    make(file)
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == [0]
    assert files(tmp_path / "run") == whole


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda record: record["history"][0].update(validation_auc=0.123), [0]),
        (lambda record: record.update(history=[]), [0]),
        (lambda record: record.update(history=[], digest=None), [0]),
        (lambda record: record.pop("digest"), []),  # as earlier versions wrote it
    ],
)
def test_a_history_that_changed_in_the_record_is_noticed(data, tmp_path, trained, change, again):
    store = tmp_path / "store"
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    whole = files(tmp_path / "run")
    trained()
    (file,) = store.glob("*/seed-0.json")
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, store=store)
    assert trained() == again
    assert files(tmp_path / "run") == whole
