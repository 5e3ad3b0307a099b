"""Training on made-up embeddings: reproducible, resumable, honest about the test split."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch

from fusevad.cli import results
from fusevad.config.protocols import PROTOCOLS
from fusevad.data.manifest import read_manifest
from fusevad.embed.shards import write_shard
from fusevad.embed.store import (
    open_streams,
)
from fusevad.errors import FusevadError
from fusevad.evaluate.run import evaluate
from fusevad.evaluate.scoring import weights_file
from fusevad.files import keep
from fusevad.models.base import build
from fusevad.train import run as training
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.sampling import training_videos
from fusevad.train.seed_run import SeedData, SeedRun
from tests.made_up_embeddings import write_index
from tests.made_up_training import CROPS, DIM, small, write_training_data

SETTINGS = small("student-t")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    return write_training_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(SETTINGS, data, [0, 1, 2], folder, workers=2)
    evaluate(folder, data.manifest, data.manifest.with_name("intervals.csv"), "AUC")
    return folder


def test_a_seed_alone_gives_the_numbers_of_its_group(data, run, tmp_path):
    train(SETTINGS, data, [2], tmp_path, workers=1)
    alone = load_file(tmp_path / "epoch-scores.safetensors")["seed-2"]
    np.testing.assert_array_equal(alone, load_file(run / "epoch-scores.safetensors")["seed-2"])
    for protocol in ("last", "validation"):
        name = f"weights/seed-2-{protocol}.safetensors"
        first, second = load_file(tmp_path / name), load_file(run / name)
        assert all(np.array_equal(first[key], second[key]) for key in second)


@pytest.mark.parametrize("seeds", ["-1", str(10**15), "0,0", "x"])
def test_seeds_of_the_command_line_are_those_that_a_configuration_may_have(data, tmp_path, seeds):
    with pytest.raises(FusevadError, match=r"^--seeds: "):
        results.train(data.manifest, [], tmp_path / "settings.json", tmp_path / "run", seeds=seeds)


def test_seeds_differ(run):
    scores = load_file(run / "epoch-scores.safetensors")
    assert not np.allclose(scores["seed-0"], scores["seed-1"])


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_numbers(data, run, tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.made_up_training import small\n"
        "from fusevad.train.inputs import TrainData\n"
        "from fusevad.train.run import train\n"
        "if __name__ == '__main__':\n"
        "    run, manifest, rgb, motion = map(Path, sys.argv[1:])\n"
        "    data = TrainData(manifest, {'rgb': rgb, 'motion': motion})\n"
        "    train(small('student-t'), data, [0, 1, 2], run, 2)\n"
    )
    script = tmp_path / "killed.py"
    script.write_text(program)
    paths = [str(path) for path in (data.manifest, *data.streams.values())]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "run"), *paths],
        env=os.environ | {"PYTHONPATH": f"{root}:{root / 'workflow'}"},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    while not list(tmp_path.glob("run/.progress/*/seed-*.pt")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run" / "history.csv").exists()
    train(SETTINGS, data, [0, 1, 2], tmp_path / "run", workers=2)
    resumed = load_file(tmp_path / "run" / "epoch-scores.safetensors")
    whole = load_file(run / "epoch-scores.safetensors")
    for seed in whole:
        np.testing.assert_array_equal(resumed[seed], whole[seed])
    assert (tmp_path / "run" / "history.csv").read_text() == (run / "history.csv").read_text()
    assert not (tmp_path / "run" / ".progress").exists()


def test_image_only_needs_no_motion_cues_and_gives_the_same_numbers_without(data, tmp_path):
    settings = small("image-only", epochs=1)
    rgb = replace(data, streams={"rgb": data.streams["rgb"]})
    train(settings, data, [0], tmp_path / "both", workers=1)
    train(settings, rgb, [0], tmp_path / "rgb", workers=1)
    both, alone = (load_file(tmp_path / n / "epoch-scores.safetensors") for n in ("both", "rgb"))
    np.testing.assert_array_equal(alone["seed-0"], both["seed-0"])


def test_a_method_without_one_of_its_streams_is_one_clear_line(data, tmp_path):
    rgb = replace(data, streams={"rgb": data.streams["rgb"]})
    with pytest.raises(
        FusevadError, match=r"'student-t' needs stream motion too.*--stream motion="
    ):
        train(SETTINGS, rgb, [0], tmp_path, workers=1)
    assert not (tmp_path / "history.csv").exists()


@pytest.mark.slow
def test_the_memory_of_a_seed_does_not_grow_with_the_data(tmp_path):
    """What is no mapped file (and so can't be shared by seeds) stays, though all data are read."""
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("this system does not tell the memory of a process by kind")
    videos = {f"video-{number}": (400, CROPS, 768) for number in range(40)}
    for stream in ("rgb", "motion"):
        arrays = (np.ones(shape, np.float16) for shape in videos.values())
        write_shard(tmp_path / stream / "shard-0.safetensors", videos, arrays, {})
        write_index(tmp_path / stream, videos)
    program = (
        "import re, sys\nimport torch\nfrom pathlib import Path\n"
        "from fusevad.embed.store import open_streams\n"
        "def unmapped():\n"
        "    text = Path('/proc/self/smaps_rollup').read_text()\n"
        "    return int(re.search(r'Anonymous: +(\\d+)', text)[1]) / 1024\n"
        "torch.set_num_threads(1)\n"
        "paths = dict(zip(('rgb', 'motion'), map(Path, sys.argv[1:])))\n"
        "streams = open_streams(paths, paths, 'test')\n"
        "def read(video, crop):\n"
        "    streams.training_samples([(video, crop)], lambda x: x[:64])\n"
        "read('video-0', 0)\n"
        "before = unmapped()\n"
        "for number in range(40):\n"
        f"    for crop in range({CROPS}):\n"
        "        read(f'video-{number}', crop)\n"
        "print(unmapped() - before)\n"
    )
    paths = [tmp_path / stream / "index.csv" for stream in ("rgb", "motion")]
    result = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True
    )
    megabytes = sum(path.with_name("shard-0.safetensors").stat().st_size for path in paths) / 2**20
    assert megabytes > 90
    assert float(result.stdout) < 20


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU, seeds train one by one")
def test_seeds_at_a_time_are_counted_for_the_widest_stream(data, tmp_path, monkeypatch):
    widths = []
    monkeypatch.setattr(
        training, "seeds_at_a_time", lambda workers, *rest: widths.append(rest[-1]) or workers
    )
    train(SETTINGS, data, [0], tmp_path / "run", workers=1, memory_mb=1)
    assert widths == [max(pd.read_csv(index)["dim"].max() for index in data.streams.values())]


def test_a_gpu_without_memory_is_one_clear_line(data, tmp_path, monkeypatch):
    class Scarce:
        def __init__(self, inputs):
            raise torch.OutOfMemoryError("made up")

    monkeypatch.setattr(training, "default_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(training, "Session", Scarce)
    with pytest.raises(FusevadError, match=r"run: GPU: out of memory; .*resumes at the last epoch"):
        train(SETTINGS, data, [0], tmp_path / "run", workers=1)


@pytest.mark.slow
def test_a_limit_of_file_sizes_is_one_clear_line_and_no_artifact(data, tmp_path):
    program = (
        "import resource, sys\nfrom fusevad.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    script = tmp_path / "full.py"
    script.write_text(program)
    settings = '{"method": "concat", "epochs": 1, "model": {"heads": 2}, "validation_share": 0.2}'
    paths = ["--manifest", data.manifest, *options(data)]
    result = subprocess.run(
        [sys.executable, "-B", script, "train", *paths, "--settings", settings, tmp_path / "run"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "larger than its file system or a limit allows" in result.stderr
    assert "Traceback" not in result.stderr
    assert not [p for p in tmp_path.glob("run/**/*") if p.is_file()]


def options(data: TrainData) -> list[str]:
    return [word for role, path in data.streams.items() for word in ("--stream", f"{role}={path}")]


def unfinished(data: TrainData, folder: Path) -> Path:
    """The place of a checkpoint of seed 1 in a store where it is not finished."""
    train(SETTINGS, data, [1], folder / "first", workers=1, store=folder / "store")
    (record,) = folder.glob("store/*/seed-1.json")
    record.unlink()
    return record.with_suffix(".pt")


def test_a_checkpoint_of_other_shapes_is_one_clear_line(data, tmp_path):
    content = io.BytesIO()
    torch.save({"model": {"classifier.weight": torch.zeros(1, 99)}}, content)
    keep(content.getvalue(), unfinished(data, tmp_path))
    with pytest.raises(FusevadError, match=r"seed-1.pt: not a checkpoint of this run.*delete"):
        train(SETTINGS, data, [1], tmp_path / "again", workers=1, store=tmp_path / "store")
    assert not (tmp_path / "again" / "history.csv").exists()


def test_a_checkpoint_of_another_seed_is_one_clear_line(data, tmp_path):
    streams = open_streams(data.streams, ("rgb", "motion"), "a test")
    videos = read_manifest(data.manifest)
    tests = [video.name for video in videos if video.split == "test"]
    checkpoint = tmp_path / "seed-0.pt"
    inputs = SETTINGS, SeedData(streams, training_videos(videos), tests)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        SeedRun(*inputs, 0, checkpoint).run(stop)
    for kept in tmp_path.glob("seed-0*"):  # the checkpoint and its checksum
        kept.rename(tmp_path / kept.name.replace("seed-0", "seed-1"))
    with pytest.raises(FusevadError, match=r"seed-1.pt: not a checkpoint of .*\(it is of seed 0\)"):
        SeedRun(*inputs, 1, tmp_path / "seed-1.pt").run(stop)


@pytest.mark.parametrize("damage", [lambda x: b"", lambda x: x[:-1] + bytes([x[-1] ^ 4])])
def test_a_damaged_checkpoint_is_dropped_and_the_seed_trained_to_the_same_numbers(
    data, run, tmp_path, damage
):
    checkpoint = unfinished(data, tmp_path)
    keep(b"what a killed training left", checkpoint)
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    train(SETTINGS, data, [1], tmp_path / "again", workers=1, store=tmp_path / "store")
    weights = "weights/seed-1-last.safetensors"
    assert (tmp_path / "again" / weights).read_bytes() == (run / weights).read_bytes()


@pytest.mark.parametrize("stream", ["rgb", "motion"])
def test_no_flipped_bit_of_an_embedding_is_trained_on(data, tmp_path, stream):
    folder = shutil.copytree(data.manifest.parent, tmp_path / "data")
    shard = folder / stream / "shard-0.safetensors"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    indices = {role: folder / role / "index.csv" for role in data.streams}
    changed = replace(data, streams=indices)
    message = rf"{stream}/shard-0\.safetensors: damaged embeddings.*; delete .*index\.csv and the"
    with pytest.raises(FusevadError, match=message):
        train(SETTINGS, changed, [0], tmp_path / "run", workers=1)
    shard.unlink()
    with pytest.raises(FusevadError, match=r"shard-0\.safetensors: missing embeddings"):
        train(SETTINGS, changed, [0], tmp_path / "run", workers=1)


def test_training_learns_what_there_is_to_learn(data, tmp_path):
    settings = small("concat", epochs=15, crops_per_epoch=2, milestones=[])
    train(settings, data, [0], tmp_path, workers=1)
    evaluate(tmp_path, data.manifest, data.manifest.with_name("intervals.csv"), "AUC")
    seeds = pd.read_csv(tmp_path / "seeds.csv")
    last = seeds[(seeds.protocol == "last") & (seeds.metric == "AUC")]
    assert last.value.item() > 0.9


def test_the_oracle_is_never_worse_than_the_other_protocols(run):
    seeds = pd.read_csv(run / "seeds.csv")
    auc = seeds[seeds.metric == "AUC"].pivot(index="seed", columns="protocol", values="value")
    assert sorted(auc.columns) == sorted(PROTOCOLS)
    assert (auc.oracle >= auc[["last", "validation"]].max(axis=1)).all()


def test_the_validation_epoch_is_the_one_that_history_names(run):
    seeds, history = pd.read_csv(run / "seeds.csv"), pd.read_csv(run / "history.csv")
    for seed, rows in history.groupby("seed"):
        best = rows.sort_values(["validation_auc", "validation_loss"], ascending=[False, True])
        chosen = seeds[(seeds.seed == seed) & (seeds.protocol == "validation")].epoch.unique()
        assert chosen.tolist() == [best.epoch.iloc[0]]


def test_scores_cover_every_segment_and_weights_sum_to_one(run, data):
    scores = pd.read_parquet(run / "scores.parquet")
    manifest = pd.read_csv(data.manifest).query("split == 'test'").set_index("video")
    one = scores[(scores.seed == 0) & (scores.protocol == "last")]
    assert one.groupby("video").end.max().to_dict() == manifest.frames.to_dict()
    assert ((scores.score >= 0) & (scores.score <= 1)).all()
    np.testing.assert_allclose(scores.weight_rgb + scores.weight_motion, 1, atol=1e-5)


def test_weights_carry_the_settings_that_made_them(run):
    with safe_open(run / "weights" / "seed-0-last.safetensors", "np") as file:
        about = json.loads(file.metadata()["detector"])
    assert about["settings"]["method"] == "student-t"
    assert about["widths"] == {"rgb": 8, "motion": 8}


def test_a_run_notes_each_of_the_methods_losses(run, data, tmp_path):
    history = pd.read_csv(run / "history.csv")
    terms = ["loss_classification", "loss_kl", "loss_alignment"]
    np.testing.assert_allclose(history[terms].sum(axis=1), history["loss"])
    train(small("concat", epochs=1), data, [0], tmp_path, workers=1)
    columns = [c for c in pd.read_csv(tmp_path / "history.csv") if c.startswith("loss")]
    assert columns == ["loss", "loss_classification"]


def test_scores_have_no_weights_where_a_method_has_none(data, tmp_path):
    train(small("concat", epochs=1), data, [0], tmp_path, workers=1)
    evaluate(tmp_path, data.manifest, data.manifest.with_name("intervals.csv"), "AUC")
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert [c for c in scores if c.startswith(("score", "weight"))] == ["score"]


def test_gradients_are_scaled_down_to_the_norm_that_is_set(data, tmp_path):
    # A step of plain gradient descent is as long as the rate times the gradients' norm.
    rate = 0.01
    descent = {"name": "sgd", "gradient_norm": 0.05}
    batch = {"epochs": 1, "batch_size": 64, "sampling": "joint", "learning_rate": rate}
    settings = small("image-only", optimizer=descent, weight_decay=0.0, milestones=[], **batch)
    train(settings, data, [0], tmp_path, workers=1)
    after = load_torch(weights_file(tmp_path, 0, "last"))
    torch.manual_seed(0)
    before = build(settings.method, settings.model, {"rgb": DIM}, settings.loss).state_dict()
    moved = torch.cat([(after[name] - before[name]).flatten() for name in before])
    assert moved.norm().item() == pytest.approx(rate * 0.05, rel=1e-3)
