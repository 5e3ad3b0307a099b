"""A motion-cue tower learned from training videos: what it reads, learns, keeps and says."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from fusevad.config.forms.encoders import AlignChoice
from fusevad.cues.reading import CueShards
from fusevad.cues.settings import CueSettings
from fusevad.data.manifest import read_manifest
from fusevad.embed import align as align_module
from fusevad.embed.align import align
from fusevad.embed.settings import AlignSettings
from fusevad.encoders import contrastive
from fusevad.encoders.clip import load_cue_tower, new_cue_tower
from fusevad.errors import FusevadError
from fusevad.parsing import parse
from fusevad.plan.stage import STAGES
from fusevad.video.crops import crop_images
from tests.made_up_cues import write_made_up_shard
from tests.made_up_embeddings import write_stream
from tests.made_up_tables import write_table
from tests.tiny_clip import make_encoder

CROPS = (0, 2, 6)
CUES = CueSettings("paper", (8, 16), (10,))
KINDS = 6


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny CLIP of random weights, without a motion-cue tower."""
    whole = make_encoder(tmp_path_factory.mktemp("aligned"))
    return dataclasses.replace(whole, motion_cue_weights=None)


def settings_for(encoder, **others) -> AlignSettings:
    values = {
        "seed": 0, "epochs": 3, "batch_size": 12, "learning_rate": 1e-3, "weight_decay": 0.1,
        "segments_per_video": 4,
    }  # fmt: skip
    return AlignSettings(encoder, CROPS, CUES, **values | others)


def kind_of(video: int, segment: int) -> int:
    return (video + segment) % KINDS


def counts_of(kind: int, window: int) -> np.ndarray:
    """A blob whose place tells the kind, half as bright in the shorter cue."""
    counts = np.zeros((256, 340), np.uint8)
    left, top = 60 + 70 * (kind % 3), 40 + 100 * (kind // 3)
    counts[top : top + 60, left : left + 60] = 4 if window == 8 else 16
    return counts


def segments_of(video: int) -> int:
    return 3 + video % 5


def write_cues(file: Path, shift: int = 0) -> None:
    """Write the training videos' motion cues; with a shift, each segment has another kind."""
    cues = {}
    for video in range(12):
        kinds = [kind_of(video, segment) + shift for segment in range(segments_of(video))]
        cues[f"v{video}"] = {
            f"T{window}-thr10": [counts_of(kind % KINDS, window) for kind in kinds]
            for window in CUES.windows
        }
    write_made_up_shard(file, cues)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve training and two test videos; there are no files of pictures at all.

    The frames of a segment of kind k have the embedding k, but for a little noise. The test videos
    have no motion cues, and embeddings that would spoil whatever reads them.
    """
    folder = tmp_path_factory.mktemp("data")
    targets = np.random.default_rng(0).normal(size=(KINDS, 24))
    rows, tensors = [], {}
    for number in range(14):
        name, split = f"v{number}", "train" if number < 12 else "test"
        segments = segments_of(number)
        rows.append((name, f"{name}.mp4", split, "normal", 16 * segments, 20.0, 64, 48, name))
        kinds = [kind_of(number, segment) for segment in range(segments)]
        noise = np.random.default_rng(number).normal(size=(segments, len(CROPS), 24))
        tensors[name] = (targets[kinds][:, None] + 0.1 * noise).astype(np.float16)
        if split == "test":
            tensors[name][:] = np.nan
    write_cues(folder / "cues/shard-0.h5")
    write_table(folder, "manifest", rows)
    write_stream(folder, tensors)
    return folder, targets


def run(data, settings, out):
    folder, _ = data
    cues = [folder / "cues/shard-0.h5"]
    align(folder / "manifest.csv", folder / "index.csv", cues, settings, out)
    return out


def right_answers(tower, targets) -> float:
    """Share of kinds whose cue is nearest to the embedding of their frames."""
    cues = np.concatenate([crop_images(counts_of(k, 16) / 16, (0,), 32) for k in range(KINDS)])
    vectors = tower.embed(cues.astype(np.float32))
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (vectors, targets)]
    return float(((unit[0] @ unit[1].T).argmax(axis=1) == np.arange(KINDS)).mean())


def test_cues_learn_the_embeddings_of_their_frames(encoder, data, tmp_path):
    out = run(data, settings_for(encoder, epochs=25), tmp_path / "new/motion-cue.safetensors")
    learned = dataclasses.replace(encoder, motion_cue_weights=str(out))
    assert right_answers(new_cue_tower(encoder), data[1]) <= 0.5
    assert right_answers(load_cue_tower(learned), data[1]) >= 0.8
    with safe_open(out, "numpy") as store:
        provenance = json.loads(store.metadata()["provenance"])
    assert float(provenance["loss"]) < float(provenance["chance_loss"])
    assert provenance["image_tower_sha256"] == new_cue_tower(encoder).weights_sha256
    assert [file.name for file in out.parent.iterdir()] == ["motion-cue.safetensors"]


def test_no_video_and_nothing_of_a_test_video_is_opened(encoder, data, tmp_path, monkeypatch):
    """There are no pictures; test videos have no cues, and embeddings that are no numbers."""
    folder, _ = data
    read = set()
    real = CueShards.chosen

    def watched(self, video, *rest):
        read.add(video.name)
        return real(self, video, *rest)

    monkeypatch.setattr(CueShards, "chosen", watched)
    out = run(data, settings_for(encoder), tmp_path / "x.safetensors")
    training = {v.name for v in read_manifest(folder / "manifest.csv") if v.split == "train"}
    assert read == training
    assert all(np.isfinite(tensor).all() for tensor in load_file(out).values())


def test_a_sample_is_one_crop_of_one_cue_and_its_own_target(encoder, data):
    folder, _ = data
    videos = [v for v in read_manifest(folder / "manifest.csv") if v.split == "train"]
    tower = new_cue_tower(encoder)
    settings = settings_for(encoder, segments_per_video=3)
    samples = align_module._Samples(
        videos, folder / "index.csv", [folder / "cues/shard-0.h5"], settings, tower
    )
    assert len(samples) == 3 * 12
    with safe_open(folder / "shard-0.safetensors", "numpy") as store:
        tensors = {video.name: store.get_tensor(video.name) for video in videos}
    places = {
        tuple(vector): (number, segment, crop)
        for number, video in enumerate(videos)
        for (segment, crop), vector in (
            ((s, c), tensors[video.name][s, c].astype(np.float32))
            for s, c in np.ndindex(tensors[video.name].shape[:2])
        )
    }
    seen, windows = set(), set()
    generator = np.random.default_rng(0)
    for _ in range(100):
        images, targets = samples.draw(np.arange(len(samples)), generator)
        drawn = [places[tuple(target)] for target in targets.numpy()]
        assert len({(number, segment) for number, segment, _ in drawn}) == len(samples)
        seen |= set(drawn)
        for image, (number, segment, crop) in zip(images, drawn, strict=True):
            cue = (counts_of(kind_of(number, segment), 16) / 16).astype(np.float32)
            bright = crop_images(cue, (CROPS[crop],), 32)[0]
            share = image.max() / bright.max()
            np.testing.assert_allclose(image, share * bright, atol=1e-6)
            windows.add(round(float(share), 3))
    assert seen == set(places.values())  # every segment and crop has its turn
    assert windows == {0.5, 1.0}  # and every cue


def test_a_killed_run_goes_on_to_the_same_bytes(encoder, data, tmp_path, monkeypatch):
    settings = settings_for(encoder)
    fresh = run(data, settings, tmp_path / "fresh/x.safetensors").read_bytes()
    real, epochs = contrastive._Training.save, []

    def save_or_die(self, file):
        if len(epochs) == 2 and not (tmp_path / "restarted").exists():
            raise KeyboardInterrupt
        epochs.append(self.epoch)
        real(self, file)

    monkeypatch.setattr(contrastive._Training, "save", save_or_die)
    with pytest.raises(KeyboardInterrupt):
        run(data, settings, tmp_path / "killed/x.safetensors")
    assert not (tmp_path / "killed/x.safetensors").exists()
    (tmp_path / "restarted").touch()
    assert run(data, settings, tmp_path / "killed/x.safetensors").read_bytes() == fresh
    assert epochs == [1, 2, 3]
    # What was kept with other settings is no start for these.
    (tmp_path / "restarted").unlink()
    epochs.clear()
    with pytest.raises(KeyboardInterrupt):
        run(data, settings_for(encoder, seed=5), tmp_path / "other/x.safetensors")
    (tmp_path / "restarted").touch()
    assert run(data, settings, tmp_path / "other/x.safetensors").read_bytes() == fresh
    assert [file.name for file in (tmp_path / "other").iterdir()] == ["x.safetensors"]


@pytest.mark.parametrize("changed", ["version", "cues"])
def test_a_run_of_another_version_or_on_other_cues_is_not_resumed(
    encoder, data, tmp_path, monkeypatch, changed
):
    settings = settings_for(encoder)
    folder = shutil.copytree(data[0], tmp_path / "data")
    real = contrastive._Training.save

    def die_after_two(self, file):
        if self.epoch > 2:
            raise KeyboardInterrupt
        real(self, file)

    with monkeypatch.context() as patch:
        patch.setattr(contrastive._Training, "save", die_after_two)
        with pytest.raises(KeyboardInterrupt):
            run((folder, None), settings, tmp_path / "killed/x.safetensors")
    if changed == "cues":
        write_cues(folder / "cues/shard-0.h5", shift=1)
    else:
        raised = dataclasses.replace(STAGES["align"], version=99)
        monkeypatch.setitem(STAGES, "align", raised)
    epochs = []

    def watched(self, file):
        epochs.append(self.epoch)
        real(self, file)

    monkeypatch.setattr(contrastive._Training, "save", watched)
    run((folder, None), settings, tmp_path / "killed/x.safetensors")
    assert epochs == [1, 2, 3]


def test_another_seed_gives_other_weights(encoder, data, tmp_path):
    files = [
        run(data, settings_for(encoder, seed=seed, epochs=1), tmp_path / f"{seed}.safetensors")
        for seed in (0, 1)
    ]
    first, second = (load_file(file)["visual.proj"] for file in files)
    assert (first != second).any()


def test_embeddings_of_other_crops_or_encoders_are_named(encoder, data, tmp_path):
    settings = dataclasses.replace(settings_for(encoder), crops=(0,))
    with pytest.raises(FusevadError, match=r"index\.csv: 3 crops of 24 .* instead of 1 of 24"):
        run(data, settings, tmp_path / "x.safetensors")


@pytest.mark.parametrize("segments", [1, 9])
def test_embeddings_of_other_videos_of_the_same_names_are_named(encoder, data, tmp_path, segments):
    """Segments beyond their end, or others in silence."""
    folder = shutil.copytree(data[0], tmp_path / "data")
    tensors = load_file(folder / "shard-0.safetensors")
    write_stream(folder, tensors | {"v1": np.ones((segments, len(CROPS), 24), np.float16)})
    with pytest.raises(FusevadError, match=rf"index\.csv: {segments} segments of v1, which has 4;"):
        run((folder, None), settings_for(encoder), tmp_path / "x.safetensors")


def test_the_run_of_a_tower_with_a_longer_name_is_left_alone(encoder, data, tmp_path):
    other, own = (tmp_path / f".{name}-0123456789ab.checkpoint" for name in ("vit-l", "vit"))
    for file in (other, own):
        file.write_bytes(b"hours")
    run(data, settings_for(encoder, epochs=1), tmp_path / "vit.safetensors")
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / "vit.safetensors"]


def test_missing_motion_cues_are_named(encoder, data, tmp_path):
    folder, _ = data
    shards = [tmp_path / "shard-0.h5"]
    with pytest.raises(FusevadError, match=r"shard-0\.h5: no such motion cues"):
        align(
            folder / "manifest.csv", folder / "index.csv", shards, settings_for(encoder),
            tmp_path / "x.safetensors",
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "value"),
    [("epochs", 0), ("batch_size", 0), ("batch_size", 1), ("segments_per_video", 0)],
)
def test_impossible_settings_are_refused(encoder, wrong, value):
    with pytest.raises(FusevadError, match=f"{wrong} {value}"):
        settings_for(encoder, **{wrong: value})


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("learning_rate", 0),
        ("learning_rate", -1.0),
        ("weight_decay", -0.1),
        ("batch_size", 1),
    ],
)
def test_settings_that_learn_nothing_are_refused_when_the_configuration_is_read(wrong, value):
    values = dataclasses.asdict(settings_for(None))
    given = {name: values[name] for name in values if name not in ("encoder", "crops", "cues")}
    parse(AlignChoice, given, "align")
    with pytest.raises(FusevadError, match=f"align.*{wrong}"):
        parse(AlignChoice, given | {wrong: value}, "align")
