"""Training on made-up embeddings: reproducible, resumable, honest about the test split."""

import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from fusevad.config.protocols import PROTOCOLS
from fusevad.config.streams import METHODS_WITHOUT
from fusevad.embed.shards import write_shard
from fusevad.embed.store import EmbeddingStore, Streams, pool_segments
from fusevad.errors import FusevadError
from fusevad.evaluate.run import evaluate
from fusevad.files import keep, settings_hash
from fusevad.models import ModelSettings, method_names, needs_motion_cue
from fusevad.train.run import TrainData, train
from fusevad.train.sampling import TrainVideo, epoch_batches, split_validation
from fusevad.train.seed_run import EpochRecord, TrainSettings, best_epoch
from tests.made_up_embeddings import write_index, write_stream
from tests.made_up_tables import write_table

DIM, CROPS = 8, 2
SETTINGS = TrainSettings(
    method="student-t",
    model=ModelSettings(heads=2, refinement_steps=2),
    epochs=3,
    batch_size=8,
    learning_rate=3e-3,
    milestones=(2,),
    max_segments=10,
    crops_per_epoch=1,
    validation_share=0.2,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    """Thirty-two videos whose anomalous segments are shifted in both streams."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    videos, intervals, streams = [], [], {"rgb": {}, "motion": {}}
    for i in range(32):
        split, kind = ("train" if i < 20 else "test"), ("normal" if i % 2 else "fire")
        frames = int(rng.integers(40, 230))
        segments = -(-frames // 16)
        name = f"{kind}_{i:02d}"
        videos.append([name, f"{name}.mp4", split, kind, frames, 20.0, 320, 240, "0" * 64])
        shift = np.zeros((segments, 1, 1))
        if kind != "normal":
            shift[:2] = 2.0
            if split == "test":
                intervals.append([name, kind, 0, 32])
        for stream in streams.values():
            noise = rng.normal(size=(segments, CROPS, DIM))
            stream[name] = (noise + shift).astype(np.float16)
    write_table(folder, "manifest", videos)
    write_table(folder, "intervals", intervals)
    for stream, tensors in streams.items():
        write_stream(folder / stream, tensors)
    return TrainData(
        folder / "manifest.csv", folder / "rgb" / "index.csv", folder / "motion" / "index.csv"
    )


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


def test_seeds_differ(run):
    scores = load_file(run / "epoch-scores.safetensors")
    assert not np.allclose(scores["seed-0"], scores["seed-1"])


def test_a_killed_training_resumes_to_the_same_numbers(data, run, tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.train.test_train import SETTINGS, TrainData\n"
        "from fusevad.train.run import train\n"
        "if __name__ == '__main__':\n"
        "    run, *data = map(Path, sys.argv[1:])\n"
        "    train(SETTINGS, TrainData(*data), [0, 1, 2], run, 2)\n"
    )
    script = tmp_path / "killed.py"
    script.write_text(program)
    paths = [str(path) for path in (data.manifest, data.rgb, data.motion)]
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
    settings = replace(SETTINGS, method="image-only", epochs=1)
    train(settings, data, [0], tmp_path / "both", workers=1)
    train(settings, TrainData(data.manifest, data.rgb), [0], tmp_path / "rgb", workers=1)
    both, alone = (load_file(tmp_path / n / "epoch-scores.safetensors") for n in ("both", "rgb"))
    np.testing.assert_array_equal(alone["seed-0"], both["seed-0"])


def test_a_fused_method_without_motion_cues_is_one_clear_line(data, tmp_path):
    with pytest.raises(FusevadError, match="method 'student-t' needs motion cues too"):
        train(SETTINGS, TrainData(data.manifest, data.rgb), [0], tmp_path, workers=1)
    assert not (tmp_path / "history.csv").exists()


def test_methods_without_motion_cues_are_listed_for_readers_without_torch():
    without = [name for name in method_names() if not needs_motion_cue(name)]
    assert without == list(METHODS_WITHOUT)


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
        "from fusevad.embed.store import EmbeddingStore, Streams\n"
        "def unmapped():\n"
        "    text = Path('/proc/self/smaps_rollup').read_text()\n"
        "    return int(re.search(r'Anonymous: +(\\d+)', text)[1]) / 1024\n"
        "torch.set_num_threads(1)\n"
        "stores = [EmbeddingStore(Path(p), torch.device('cpu')) for p in sys.argv[1:]]\n"
        "streams = Streams(*stores)\n"
        "streams.training_batch([('video-0', 0)], 64, False)\n"
        "before = unmapped()\n"
        "for number in range(40):\n"
        f"    for crop in range({CROPS}):\n"
        "        streams.training_batch([(f'video-{number}', crop)], 64, False)\n"
        "print(unmapped() - before)\n"
    )
    paths = [tmp_path / stream / "index.csv" for stream in ("rgb", "motion")]
    result = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True
    )
    megabytes = sum(path.with_name("shard-0.safetensors").stat().st_size for path in paths) / 2**20
    assert megabytes > 90
    assert float(result.stdout) < 20


def test_a_full_disk_is_one_clear_line_and_no_artifact(data, tmp_path):
    program = (
        "import resource, sys\nfrom fusevad.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    script = tmp_path / "full.py"
    script.write_text(program)
    settings = '{"method": "concat", "epochs": 1, "model": {"heads": 2}, "validation_share": 0.2}'
    paths = ["--manifest", data.manifest, "--rgb", data.rgb, "--motion", data.motion]
    result = subprocess.run(
        [sys.executable, script, "train", *paths, "--settings", settings, tmp_path / "run"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "the disk is full; free some space" in result.stderr
    assert "Traceback" not in result.stderr
    assert not [p for p in tmp_path.glob("run/**/*") if p.is_file()]


def test_a_checkpoint_of_other_shapes_is_one_clear_line(data, tmp_path):
    key = settings_hash(asdict(SETTINGS) | {"data": data.fingerprint()})
    checkpoint = tmp_path / ".progress" / key / "seed-0.pt"
    content = io.BytesIO()
    torch.save({"model": {"classifier.weight": torch.zeros(1, 99)}}, content)
    keep(content.getvalue(), checkpoint)
    with pytest.raises(FusevadError, match=r"seed-0.pt: not a checkpoint of this run.*delete"):
        train(SETTINGS, data, [0], tmp_path, workers=1)
    assert not (tmp_path / "history.csv").exists()


@pytest.mark.parametrize("damage", [lambda x: b"", lambda x: x[:-1] + bytes([x[-1] ^ 4])])
def test_a_damaged_checkpoint_is_dropped_and_the_seed_trained_to_the_same_numbers(
    data, run, tmp_path, monkeypatch, capsys, damage
):
    with monkeypatch.context() as patch:
        patch.setattr("fusevad.train.run.shutil.rmtree", lambda _: None)
        train(SETTINGS, data, [1], tmp_path, workers=1)
    (checkpoint,) = tmp_path.glob(".progress/*/seed-1.pt")
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    train(SETTINGS, data, [1], tmp_path, workers=1)
    weights = "weights/seed-1-last.safetensors"
    assert (tmp_path / weights).read_bytes() == (run / weights).read_bytes()


@pytest.mark.parametrize("stream", ["rgb", "motion"])
def test_no_flipped_bit_of_an_embedding_is_trained_on(data, tmp_path, stream):
    folder = shutil.copytree(data.rgb.parent.parent, tmp_path / "data")
    shard = folder / stream / "shard-0.safetensors"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    changed = replace(data, rgb=folder / "rgb/index.csv", motion=folder / "motion/index.csv")
    message = rf"{stream}/shard-0\.safetensors: damaged embeddings.*; delete it and run"
    with pytest.raises(FusevadError, match=message):
        train(SETTINGS, changed, [0], tmp_path / "run", workers=1)
    shard.unlink()
    with pytest.raises(FusevadError, match=r"shard-0\.safetensors: missing embeddings"):
        train(SETTINGS, changed, [0], tmp_path / "run", workers=1)


def test_training_learns_what_there_is_to_learn(data, tmp_path):
    settings = replace(SETTINGS, method="concat", epochs=15, crops_per_epoch=2, milestones=())
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
        assert json.loads(file.metadata()["settings"])["method"] == "student-t"


GROUPS = ("normal", "fire", "fall")
VIDEOS = [
    TrainVideo(f"{group}{i}", group != "normal", group) for group in GROUPS for i in range(12)
]


def test_validation_holds_out_a_share_of_each_class():
    split = split_validation(VIDEOS, 0.25, seed=3)
    assert [sum(v.group == group for v in split.validation) for group in GROUPS] == [3, 3, 3]
    assert {v.name for v in split.fit}.isdisjoint(v.name for v in split.validation)
    assert len(split.fit) + len(split.validation) == len(VIDEOS)


def test_a_training_split_of_one_kind_is_an_error():
    with pytest.raises(FusevadError, match="not both normal and anomalous"):
        split_validation([v for v in VIDEOS if v.anomalous], 0.1, seed=0)


def test_balanced_batches_are_half_anomalous_and_use_all_crops_once():
    batches = list(epoch_batches(VIDEOS, 4, 4, 8, "balanced", False, seed=0, epoch=0))
    assert all(sum(s.video.anomalous for s in b) * 2 == len(b) for b in batches)
    samples = [(s.video.name, s.crop) for b in batches for s in b]
    assert len(samples) == len(set(samples)) == 2 * 12 * 4  # the normal videos run out first


def test_joint_batches_see_every_sample():
    batches = list(epoch_batches(VIDEOS, 4, 2, 10, "joint", False, seed=0, epoch=0))
    assert len({(s.video.name, s.crop) for b in batches for s in b}) == len(VIDEOS) * 2


def test_a_last_batch_that_is_not_full_can_be_left_out():
    sizes = [len(b) for b in epoch_batches(VIDEOS, 4, 1, 10, "balanced", True, seed=0, epoch=0)]
    assert sizes == [10, 10]  # of 12 normal videos, two would be left for a third batch


def test_epochs_draw_other_crops_and_seeds_other_orders():
    def order(seed: int, epoch: int) -> list[tuple[str, int]]:
        batches = epoch_batches(VIDEOS, 4, 1, 8, "balanced", False, seed=seed, epoch=epoch)
        return [(s.video.name, s.crop) for b in batches for s in b]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_ties_in_validation_auc_go_to_the_lower_loss_then_the_earlier_epoch():
    def record(epoch: int, auc: float, loss: float) -> EpochRecord:
        return EpochRecord(epoch, 0, 0, 0, 0, auc, loss)

    rows = [record(0, 0.8, 0.1), record(1, 0.9, 0.5), record(2, 0.9, 0.4), record(3, 0.9, 0.4)]
    assert best_epoch(rows) == 2


@pytest.mark.parametrize("n", [11, 40, 299])
def test_long_videos_are_pooled_by_the_mean_of_each_bin(n):
    x = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    borders = np.linspace(0, n, 11, dtype=np.int32)
    expected = np.stack([x[a:b].mean(0) for a, b in itertools.pairwise(borders)])
    pooled = pool_segments(torch.tensor(x), 10)
    np.testing.assert_allclose(pooled.numpy(), expected, atol=1e-6)


def test_test_videos_are_cut_in_chunks_that_keep_every_segment(data):
    device = torch.device("cpu")
    streams = Streams(EmbeddingStore(data.rgb, device), EmbeddingStore(data.motion, device))
    names = [name for name in pd.read_csv(data.rgb)["video"] if len(streams.rgb[name]) > 10][:2]
    batch = streams.test_batch(names, [1, 0], 10, pad_to_max=False)
    kept = batch.rgb[batch.mask]
    expected = torch.cat([streams.rgb[n][:, c].float() for n in names for c in (1, 0)])
    assert torch.equal(kept, expected)
    assert batch.rgb.shape[1] == 10


def test_streams_of_other_widths_are_an_error(data, tmp_path):
    index = write_stream(tmp_path, {"a": np.zeros((1, CROPS, 4), np.float16)})
    device = torch.device("cpu")
    with pytest.raises(FusevadError, match="extract both streams"):
        Streams(EmbeddingStore(data.rgb, device), EmbeddingStore(index, device))
