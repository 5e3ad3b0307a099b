"""Attention of the encoders: maps against slow computations, areas, their table and figure."""

import dataclasses
import json

import av
import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from safetensors.numpy import save_file
from torch import nn

from fusevad.csv_tables import write_csv
from fusevad.cues.settings import CueSettings
from fusevad.cues.store import make_cues
from fusevad.encoders.attention import attention_maps
from fusevad.encoders.clip import load_cue_tower, load_image_tower, round_weights
from fusevad.encoders.settings import EncoderSettings
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.report import attention_maps as figure_module
from fusevad.report import make_report
from fusevad.report.attention_maps import borders, choose_classes, make_attention_maps
from fusevad.report.attention_table import make_attention_table
from fusevad.report.runs import TableDataset
from fusevad.report.style import PAGE
from fusevad.studies.attention import attended, study_attention
from fusevad.studies.settings import AttentionSettings
from tests.made_up_tables import with_a_changed_video, write_table

TEXT = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
VISION = {
    "transformer": {
        "image_size": 48, "layers": 3, "width": 32, "head_width": 8, "patch_size": 16,
    },
    "residual": {"image_size": 80, "layers": [1, 1, 1, 1], "width": 4},
    "averaging": {
        "image_size": 48, "layers": 1, "width": 32, "head_width": 8, "patch_size": 16,
        "pool_type": "avg",
    },
}  # fmt: skip
CUES = CueSettings(windows=(16,), thresholds=(10,))
# Frames, class, and the frames [start, end) of its anomalies.
VIDEOS = {
    "calm": (40, "normal", []),
    "fight-1": (64, "fighting", [(16, 48)]),
    "fight-2": (37, "fighting", [(8, 9)]),
    "mixed": (48, "fighting;fire", [(0, 16), (16, 32)]),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Several threads on busy cores mostly wait for each other with such small towers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_encoder(folder, kind):
    (folder / f"{kind}.json").write_text(
        json.dumps({"embed_dim": 24, "vision_cfg": VISION[kind], "text_cfg": TEXT})
    )
    open_clip.add_model_config(folder / f"{kind}.json")
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        states.append(
            {name: 3 * value for name, value in open_clip.create_model(kind).state_dict().items()}
        )
    arrays = [{name: value.numpy() for name, value in state.items()} for state in states]
    save_file(arrays[0], folder / f"{kind}.safetensors")
    visual = {name: value for name, value in arrays[1].items() if name.startswith("visual.")}
    save_file(visual, folder / f"{kind}-cues.safetensors")
    return EncoderSettings(
        name=kind,
        model=str(folder / f"{kind}.json"),
        pretrained=str(folder / f"{kind}.safetensors"),
        motion_cue_weights=str(folder / f"{kind}-cues.safetensors"),
    )


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """Encoders of random weights, enlarged so that their attention is not uniform."""
    folder = tmp_path_factory.mktemp("encoders")
    return {kind: make_encoder(folder, kind) for kind in VISION}


def pictures(count, size):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def tokens_of(tower, images):
    """What the blocks of a transformer get, and the blocks."""
    visual = tower.model.visual
    return visual._embeds(tower.normalised(torch.from_numpy(images))), visual.transformer.resblocks


def weights_of(block, tokens):
    """(images, tokens, tokens) by PyTorch itself, the mean over heads."""
    normed = block.ln_1(tokens)
    return block.attn(normed, normed, normed, need_weights=True, average_attn_weights=True)[1]


def as_map(row):
    return (row / row.sum(dim=1, keepdim=True)).reshape(len(row), 3, 3).numpy()


# Maps


@pytest.mark.usefixtures("on_cpu")
def test_last_is_the_class_tokens_attention_as_pytorch_gives_it(encoders):
    tower = load_image_tower(encoders["transformer"])
    images = pictures(2, 48)
    tokens, blocks = tokens_of(tower, images)
    for block in blocks[:-1]:
        tokens = block(tokens)
    expected = as_map(weights_of(blocks[-1], tokens)[:, 0, 1:])
    found = attention_maps(tower, images, "last")
    assert expected.std() > 0.01
    np.testing.assert_allclose(found.weights, expected, atol=1e-5)
    assert found.patch == 16 / 48


@pytest.mark.usefixtures("on_cpu")
def test_rollout_multiplies_the_attention_of_all_blocks_with_the_residual(encoders):
    tower = load_image_tower(encoders["transformer"])
    images = pictures(2, 48)
    tokens, blocks = tokens_of(tower, images)
    total = torch.eye(10)
    for block in blocks:
        total = (weights_of(block, tokens) + torch.eye(10)) / 2 @ total
        tokens = block(tokens)
    expected = as_map(total[:, 0, 1:])
    found = attention_maps(tower, images, "rollout").weights
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - attention_maps(tower, images, "last").weights).max() > 0.01


@pytest.mark.usefixtures("on_cpu")
def test_a_residual_network_is_read_at_its_attention_pooling(encoders):
    tower = load_image_tower(encoders["residual"])
    images = pictures(2, 80)
    visual = tower.model.visual
    pool = visual.attnpool
    features = visual.layer4(
        visual.layer3(
            visual.layer2(visual.layer1(visual.stem(tower.normalised(torch.from_numpy(images)))))
        )
    )
    tokens = features.flatten(2).transpose(1, 2)
    tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1) + pool.positional_embedding
    slow = nn.MultiheadAttention(tokens.shape[-1], pool.num_heads, batch_first=True)
    parts = (pool.q_proj, pool.k_proj, pool.v_proj)
    slow.in_proj_weight.data = torch.cat([part.weight for part in parts])
    slow.in_proj_bias.data = torch.cat([part.bias for part in parts])
    with torch.no_grad():
        row = slow(tokens, tokens, tokens)[1][:, 0, 1:]
    expected = (row / row.sum(1, keepdim=True)).reshape(2, *features.shape[2:]).numpy()
    found = attention_maps(tower, images, "last")
    assert expected.std() > 0.001
    np.testing.assert_allclose(found.weights, expected, atol=1e-5)
    assert found.patch == 32 / 80 and found.weights.shape[1:] == (2, 2)


@pytest.mark.parametrize("kind", ["transformer", "residual"])
def test_a_map_says_where_the_embedding_comes_from(encoders, kind):
    """Reading the attention changes nothing of the tower, and motion cues have maps too."""
    tower = load_cue_tower(encoders[kind])
    cues = pictures(3, tower.image_size)[..., 0].astype(np.float32) / 255
    before = tower.embed(cues)
    weights = attention_maps(tower, cues, "last").weights
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, atol=1e-5)
    np.testing.assert_array_equal(tower.embed(cues), before)


@pytest.mark.parametrize("kind", ["transformer", "residual"])
def test_a_tower_in_bfloat16_as_on_a_gpu_has_maps_too(encoders, kind):
    """Random weights enlarge each rounding, so that the maps themselves can't be compared."""
    tower = load_image_tower(encoders[kind])
    round_weights(tower.model, torch.bfloat16)
    rounded = dataclasses.replace(tower, precision=torch.bfloat16)
    weights = attention_maps(rounded, pictures(3, tower.image_size), "last").weights
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, atol=1e-5)
    norms = [m for m in rounded.model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(norm.running_var.dtype == torch.float32 for norm in norms)


def test_encoders_without_such_attention_are_refused(encoders):
    with pytest.raises(FusevadError, match="rollout goes through the blocks"):
        attention_maps(load_image_tower(encoders["residual"]), pictures(1, 80), "rollout")
    with pytest.raises(FusevadError, match="cannot be read from"):
        attention_maps(load_image_tower(encoders["averaging"]), pictures(1, 48), "last")


# Areas


def test_the_threshold_is_relative_to_the_maximum_or_the_mean_of_a_map():
    weights = np.array([[[0.4, 0.3], [0.2, 0.1]], [[0.25, 0.25], [0.25, 0.25]]])
    assert attended(weights, "maximum", 0.5).tolist() == [
        [[True, True], [False, False]],
        [[True, True], [True, True]],
    ]
    assert attended(weights, "mean", 1.0).sum(axis=(1, 2)).tolist() == [2, 0]
    assert attended(weights, "mean", 0.5).sum(axis=(1, 2)).tolist() == [3, 4]


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": 1.0}, {"threshold": 0.0, "relative_to": "mean"}, {"segments_per_video": 0}],
)
def test_settings_that_measure_nothing_are_refused(encoders, wrong):
    with pytest.raises(FusevadError, match="attention: "):
        AttentionSettings("motion-T16-thr10", encoders["residual"], CUES, **wrong)


def write_clip(path, frames, seed):
    random = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(frames):
            coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            image = np.kron(coarse, np.ones((20, 20, 1), np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rows, spans = [], []
    for name, (frames, classes, anomalies) in VIDEOS.items():
        path = folder / f"{name}.mp4"
        write_clip(path, frames, seed=frames)
        rows.append((name, path, "test", classes, frames, 20.0, 160, 120, sha256(path)))
        names = classes.split(";") if len(anomalies) > 1 else [classes]
        spans += [(name, c, *span) for c, span in zip(names, anomalies, strict=False)]
    write_table(folder, "manifest", rows)
    write_table(folder, "intervals", spans)
    write_table(folder, "skipped")
    make_cues(folder / "manifest.csv", 0, 1, CUES, folder / "cues/shard-0.h5")
    return folder


def study(data, out, settings):
    files = out / "attention.csv", out / "attention-maps.csv"
    inputs = data / "manifest.csv", data / "intervals.csv", [data / "cues/shard-0.h5"]
    study_attention(*inputs, settings, *files)
    return files


@pytest.fixture(scope="module")
def measured(data, encoders, tmp_path_factory):
    settings = AttentionSettings("motion-T16-thr10", encoders["residual"], CUES)
    return study(data, tmp_path_factory.mktemp("study"), settings)


def test_a_segments_middle_frame_decides_its_type_and_class(measured):
    table = pd.read_csv(measured[0])
    for modality in ("image", "motion cue"):
        own = table[table["modality"] == modality].set_index(["video", "class", "frame_type"])
        assert own["segments"].to_dict() == {
            ("calm", "normal", "Normal"): 3,  # the last one, of 8 frames, has no frame 8
            ("fight-1", "fighting", "Anomaly"): 2,
            ("fight-1", "fighting", "Normal"): 2,
            ("fight-2", "fighting", "Anomaly"): 1,
            ("fight-2", "fighting", "Normal"): 2,
            ("mixed", "fighting", "Anomaly"): 1,
            ("mixed", "fire", "Anomaly"): 1,
            ("mixed", "fighting", "Normal"): 1,
            ("mixed", "fire", "Normal"): 1,
        }
    assert table["area"].between(0, 1).all() and set(table["patches"]) == {"2x2"}


def test_areas_and_example_maps_are_those_of_the_frame_that_is_named(data, encoders, measured):
    from fusevad.video.crops import crop_images
    from fusevad.video.decode import read_frames

    maps = pd.read_csv(measured[1])
    own = maps[(maps["class"] == "fire") & (maps["modality"] == "image")]
    assert (
        set(own["video"]) == {"mixed"} and set(own["segment"]) == {1} and set(own["frame"]) == {24}
    )
    frame = list(read_frames(data / "mixed.mp4"))[24]
    tower = load_image_tower(encoders["residual"])
    expected = attention_maps(tower, crop_images(frame, (0,), tower.image_size), "last").weights[0]
    np.testing.assert_allclose(own["weight"].to_numpy().reshape(2, 2), expected, atol=1e-5)
    areas = pd.read_csv(measured[0]).set_index(["class", "frame_type", "modality", "video"])["area"]
    above = (expected > 0.5 * expected.max()).mean()
    assert areas["fire", "Anomaly", "image", "mixed"] == above == own["attended"].mean()


def test_the_first_video_of_each_class_is_the_example_whatever_its_area(measured):
    maps = pd.read_csv(measured[1]).drop_duplicates("class")
    chosen = maps.set_index("class")[["video", "frame_type"]].to_dict("index")
    assert chosen == {
        "normal": {"video": "calm", "frame_type": "Normal"},
        "fighting": {"video": "fight-1", "frame_type": "Anomaly"},
        "fire": {"video": "mixed", "frame_type": "Anomaly"},
    }


def test_long_videos_are_sampled_evenly_in_both_frame_types(data, encoders, tmp_path):
    settings = AttentionSettings(
        "motion-T16-thr10", encoders["transformer"], CUES, method="rollout", segments_per_video=1
    )
    table = pd.read_csv(study(data, tmp_path, settings)[0])
    assert set(table["segments"]) == {1} and set(table["patches"]) == {"3x3"}
    maps = pd.read_csv(tmp_path / "attention-maps.csv")
    assert set(maps.loc[maps["class"] == "normal", "segment"]) == {1}  # the middle of three


def test_anomalous_videos_without_intervals_have_no_types_of_frames(data, encoders, tmp_path):
    write_table(tmp_path, "intervals")
    inputs = data / "manifest.csv", tmp_path / "intervals.csv", [data / "cues/shard-0.h5"]
    settings = AttentionSettings("motion-T16-thr10", encoders["residual"], CUES)
    with pytest.raises(FusevadError, match="no intervals of the anomalous test videos"):
        study_attention(*inputs, settings, tmp_path / "areas.csv", tmp_path / "maps.csv")


def test_the_cues_of_another_stream_are_refused(data, encoders, tmp_path):
    settings = AttentionSettings("motion-T8-thr10", encoders["residual"], CUES)
    with pytest.raises(FusevadError, match="change the stream or the cues"):
        study(data, tmp_path, settings)


# Report


def dataset(folder, source=""):
    files = (folder / f"{name}.csv" for name in ("manifest", "intervals", "skipped"))
    return TableDataset("made-up", "Made up", ("AUC",), *files, 1, 16, source=source)


def write_areas(path):
    """Anomaly is 0.1 above Normal for images, on average, and as high for motion cues."""
    rows = []
    for k, name in enumerate(["Abuse", "Abuse", "Arrest", "Arrest", "normal"]):
        for modality in ("image", "motion cue"):
            step = 0.05 + 0.02 * k if modality == "image" else 0.0
            for kind in ("Normal",) if name == "normal" else ("Anomaly", "Normal"):
                area = 0.4 + 0.1 * (k % 2) + step * (kind == "Anomaly")
                rows.append((name, kind, modality, f"v{k}", 4, area, "last", "maximum", 0.5, "3x3"))
    columns = ["class", "frame_type", "modality", "video", "segments", "area"]
    columns += ["method", "relative_to", "threshold", "patches"]
    write_csv(pd.DataFrame(rows, columns=columns), path)


@pytest.mark.parametrize("source", ["", "ucf-crime"])
def test_the_table_gives_means_over_videos_beside_the_papers(tmp_path, root, source):
    write_areas(tmp_path / "attention.csv")
    files = tmp_path / "table6.tex", tmp_path / "table6.csv"
    make_attention_table(
        "table6",
        "Attention area",
        [dataset(tmp_path, source)],
        {"made-up": tmp_path / "attention.csv"},
        root / "config/published/table06.csv",
        *files,
    )
    table = pd.read_csv(files[1]).set_index(["block", "class", "modality", "frame_type"])
    abuse = table.loc[("measured", "Abuse", "image", "Normal")]
    assert abuse["mean"] == pytest.approx(0.45)
    assert abuse["standard_error"] == pytest.approx(0.05)  # of 0.4 and 0.5
    assert abuse["videos"] == 2 and abuse["segments"] == 8
    everything = table.loc[("measured", "all classes", "image", "Anomaly")]
    assert everything["mean"] == pytest.approx(0.45 + 0.08) and everything["videos"] == 4
    text = files[0].read_text()
    assert "0.5 times the image's maximum" in text and "3 x 3" in text
    assert "image +0.080" in text and "motion cue +0.000" in text
    assert ("published" in table.index) == bool(source)
    assert (r"\textit{0.44}" in text) == bool(source)
    if source:
        assert table.loc[("published", "Abuse", "motion cue", "Anomaly"), "mean"] == 0.04
        assert len(table.loc["published"]) == 13 * 4


def test_a_video_of_two_classes_counts_once_among_all_classes(measured, data, tmp_path):
    files = tmp_path / "t.tex", tmp_path / "t.csv"
    values = {
        "name": "table6",
        "title": "Attention area",
        "datasets": [dataclasses.asdict(dataset(data))],
        "studies": {"made-up": measured[0]},
        "published": None,
    }
    make_report("attention", values, *files)
    table = pd.read_csv(files[1]).set_index(["class", "modality", "frame_type"])
    assert table.loc[("all classes", "image", "Normal"), "videos"] == 3
    # The segment of both classes that is normal is one segment; the anomalous ones are two.
    assert table.loc[("all classes", "image", "Normal"), "segments"] == 5
    assert table.loc[("all classes", "image", "Anomaly"), "segments"] == 5


def test_classes_are_shown_in_order_and_normal_last():
    assert choose_classes(["normal", "a", "b", "c"], 3) == ["a", "b", "normal"]
    assert choose_classes(["a", "b"], 8) == ["a", "b"]


def test_lines_run_where_attended_patches_end():
    lone = {tuple(map(tuple, line)) for line in borders(np.array([[False, True]])).astype(int)}
    assert lone == {((1, 0), (2, 0)), ((1, 1), (2, 1)), ((1, 0), (1, 1)), ((2, 0), (2, 1))}
    assert len(borders(np.ones((3, 4), bool))) == 2 * (3 + 4)
    assert len(borders(np.zeros((2, 2), bool))) == 0


def test_the_figure_lays_each_map_over_the_picture_that_was_seen(
    measured, data, tmp_path, monkeypatch
):
    kept: list[Figure] = []
    monkeypatch.setattr(figure_module, "save_figure", lambda figure, *_: kept.append(figure))
    files = tmp_path / "figure4.pdf", tmp_path / "figure4.png"
    make_attention_maps(dataset(data), measured[1], (data / "cues/shard-0.h5",), 16, 10, *files)
    assert kept[0].get_figwidth() == PAGE, "printed unscaled"
    texts = [text for text in kept[0].findobj(Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7
    shown = [axis for axis in kept[0].axes if axis.images]
    assert len(shown) == 3 * 4
    labels = [axis.get_ylabel() for axis in shown if axis.get_ylabel()]
    assert sorted(labels) == [
        "fighting\nfight-1\n2.0 s",
        "fire\nmixed\n1.2 s",
        "no anomaly\ncalm\n1.2 s",
    ]
    maps = pd.read_csv(measured[1])
    fire = next(k for k, axis in enumerate(shown) if axis.get_ylabel().startswith("fire"))
    for place, modality in ((1, "image"), (3, "motion cue")):
        own = maps[(maps["class"] == "fire") & (maps["modality"] == modality)]
        weights = own["weight"].to_numpy().reshape(2, 2)
        overlay = shown[fire + place].images[-1]
        np.testing.assert_allclose(overlay.get_array(), weights / weights.max())
        side = 32 / 80 * 224
        assert overlay.get_extent() == pytest.approx([58, 58 + 2 * side, 16 + 2 * side, 16])


def test_the_figure_is_written(measured, data, tmp_path):
    files = tmp_path / "figure4.pdf", tmp_path / "figure4.png"
    make_attention_maps(dataset(data), measured[1], (data / "cues/shard-0.h5",), 16, 10, *files)
    assert files[0].read_bytes()[:4] == b"%PDF" and files[1].read_bytes()[1:4] == b"PNG"


def test_the_figure_shows_no_picture_of_a_video_that_changed(measured, data, tmp_path):
    files = tmp_path / "figure4.pdf", tmp_path / "figure4.png"
    manifest = with_a_changed_video(data / "manifest.csv", "mixed", tmp_path)
    changed = dataclasses.replace(dataset(data), manifest=manifest)
    with pytest.raises(FusevadError, match=r"mixed\.mp4: not the file that the manifest was made"):
        make_attention_maps(changed, measured[1], (data / "cues/shard-0.h5",), 16, 10, *files)
    assert not files[1].exists()
