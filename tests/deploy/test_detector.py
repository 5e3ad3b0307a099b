"""A loaded bundle: its scores, and what it says of encoders and facts that do not fit."""

import errno
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fusevad
from fusevad import Detector
from fusevad.deploy.archive import unpack, write_archive
from fusevad.deploy.contents import ABOUT, EncoderFile
from fusevad.embed.embedder import load_embedder
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import (
    About,
    TrainedDetector,
    load_detector,
    read_about,
    save_weights,
)
from fusevad.files import sha256
from fusevad.models.base import build
from fusevad.video.crops import crop_images
from fusevad.video.decode import read_frames
from tests.made_up_bundles import members_of, threshold
from tests.made_up_training import small
from tests.made_up_videos import write_stamped, write_video


@pytest.fixture(scope="module")
def detector(made_up) -> Detector:
    torch.set_num_threads(1)
    return Detector.load(made_up.file)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "a.mp4", frames=150)


def rgb_of(path, settings) -> np.ndarray:
    """The RGB embeddings of crop 5, computed frame by frame: segments x D."""
    embedder = load_embedder(settings)
    vectors = [
        embedder.encoder.embed(crop_images(frame, (5,), 32)).numpy()[0]
        for frame in read_frames(path)
    ]
    return np.stack(
        [
            np.mean([vectors[k] for k in (start, start + 8) if k < len(vectors)], axis=0)
            for start in range(0, len(vectors), 16)
        ]
    )


def test_segments_cover_the_video_with_times_from_its_stamps(detector, video):
    table = detector.score(video)
    assert table["start_frame"].tolist() == list(range(0, 150, 16))
    assert table["end_frame"].tolist() == [*range(16, 150, 16), 150]
    assert table["end_seconds"].iloc[-1] == pytest.approx(7.5)
    assert list(table) == [
        "segment", "start_frame", "end_frame", "start_seconds", "end_seconds",
        "score", "spread", "lowest", "highest", "weight_rgb", "weight_motion",
    ]  # fmt: skip
    assert table["score"].between(0, 1).all()
    assert np.allclose(table["weight_rgb"] + table["weight_motion"], 1, atol=1e-5)


def test_score_and_spread_are_over_the_seeds(made_up, detector, video, tmp_path):
    both = detector.score(video)
    singles = []
    for seed in (0, 1):
        about = replace(made_up.about, seeds=(seed,))
        write_archive(members_of(about, [made_up.weights[seed]]), tmp_path / "one.fusevad")
        singles.append(Detector.load(tmp_path / "one.fusevad").score(video)["score"].to_numpy())
    assert np.allclose(both["score"], np.mean(singles, axis=0))
    assert np.allclose(both["spread"], np.std(singles, axis=0, ddof=1))
    assert both["spread"].max() > 0


@pytest.mark.usefixtures("on_cpu")
def test_the_scored_crop_alone_is_embedded_as_the_run_would(made_up, video):
    seen = []
    detector = Detector.load(made_up.file)
    seed = detector.seeds[0].model
    seed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    detector.score(video)
    streams, mask = seen[0]
    expected = rgb_of(video, made_up.streams["rgb"]).astype(np.float16)
    assert np.allclose(streams["rgb"][mask].numpy(), expected, atol=2e-3)


def test_a_long_video_is_scored_in_chunks_that_are_the_seeds_own(made_up, detector, video):
    """Ten segments in chunks of four: none of the detectors sees more at once."""
    lengths = []
    model = detector.seeds[0].model
    hook = model.register_forward_pre_hook(lambda _, inputs: lengths.append(inputs[1].shape[1]))
    detector.score(video)
    hook.remove()
    assert (
        max(lengths) == load_detector(made_up.weights[0], torch.device("cpu")).settings.max_segments
    )


def test_times_of_a_variable_rate_are_its_own(detector, tmp_path):
    stamps = [*range(0, 32), *range(40, 200, 10)]
    path = write_stamped(tmp_path / "vfr.mkv", stamps, Fraction(1, 25))
    table = detector.score(path)
    assert table["start_seconds"].tolist() == pytest.approx([0, 16 / 25, 40 / 25])
    assert table["end_seconds"].iloc[0] == pytest.approx(16 / 25)


def test_a_video_of_one_frame_has_one_segment(detector, tmp_path):
    assert len(detector.score(write_video(tmp_path / "one.mp4", frames=1))) == 1


def test_an_encoder_that_is_not_enclosed_must_be_the_same(made_up, tmp_path):
    path, listed = next(
        (path, each) for path, each in made_up.about.files.items() if "clip" in path
    )
    outside = {**made_up.about.files, path: EncoderFile(listed.sha256, None)}
    Detector.load(made_up.changed(tmp_path / "named.fusevad", files=outside))
    other = {**made_up.about.files, path: EncoderFile("0" * 64, None)}
    with pytest.raises(FusevadError, match=rf"needs the file {path} with SHA-256 0000"):
        Detector.load(made_up.changed(tmp_path / "other.fusevad", files=other))


def test_an_encoder_that_says_something_else_of_itself_is_refused(made_up, tmp_path):
    stream = made_up.about.streams["rgb"]
    other = replace(stream, provenance=stream.provenance | {"weights_sha256": "0" * 64})
    streams = {**made_up.about.streams, "rgb": other}
    with pytest.raises(FusevadError, match="encoder here differs in weights_sha256"):
        Detector.load(made_up.changed(tmp_path / "a.fusevad", streams=streams))


def test_another_version_of_the_package_is_no_other_encoder(made_up, tmp_path):
    streams = {
        role: replace(each, provenance=each.provenance | {"fusevad_version": "0.0"})
        for role, each in made_up.about.streams.items()
    }
    Detector.load(made_up.changed(tmp_path / "a.fusevad", streams=streams))


def test_what_an_earlier_version_did_not_note_of_an_encoder_is_not_compared(made_up, tmp_path):
    streams = dict(made_up.about.streams)
    noted = {k: v for k, v in streams["rgb"].provenance.items() if k not in ("quick_gelu", "mean")}
    streams["rgb"] = replace(streams["rgb"], provenance=noted)
    Detector.load(made_up.changed(tmp_path / "a.fusevad", streams=streams))


@pytest.mark.parametrize(
    "name", ["score", "embed", "pixels", "cues", "stream motion", "method student-t"]
)
def test_a_bundle_whose_thresholds_are_of_what_other_code_scores_is_refused(
    made_up, tmp_path, name
):
    versions = made_up.about.versions | {name: 99}
    with pytest.raises(FusevadError, match=f"made by other code: {name} has version 99 there"):
        Detector.load(made_up.changed(tmp_path / "a.fusevad", versions=versions))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 4}, "a bundle of form 4, and this version reads form 1 to 3"),
        ({"seeds": [7]}, "no weights of seed 7"),
        ({"thresholds": []}, "thresholds"),
        ({"unknown": 1}, "unknown"),
        ({"streams": {}}, "streams are not those that method student-t reads"),
        ({"method": "rgb"}, "method 'rgb' is unknown"),
        ({"method": "gating"}, "says method gating, and has weights of student-t"),
        ({"seeds": [0, 0]}, "a seed is there twice"),
        ({"seeds": [1 << 32]}, "seeds"),
    ],
)
def test_facts_that_do_not_fit_are_one_line(made_up, tmp_path, change, said):
    content = members_of(made_up.about, made_up.weights)
    facts = json.loads(content[ABOUT]) | change
    file = tmp_path / "a.fusevad"
    write_archive(content | {ABOUT: json.dumps(facts).encode()}, file)
    with pytest.raises(FusevadError, match=said) as caught:
        Detector.load(file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)


def test_a_bundle_from_before_it_noted_versions_of_code_is_read(made_up, tmp_path):
    content = members_of(made_up.about, made_up.weights)
    facts = json.loads(content[ABOUT]) | {"format": 2}
    del facts["versions"]
    write_archive(content | {ABOUT: json.dumps(facts).encode()}, tmp_path / "old.fusevad")
    assert Detector.load(tmp_path / "old.fusevad").about.versions == {}


def test_a_bundle_from_before_thresholds_had_a_window_is_read(made_up, tmp_path):
    content = members_of(made_up.about, made_up.weights)
    facts = json.loads(content[ABOUT]) | {"format": 1}
    del facts["versions"]
    for each in facts["thresholds"]:
        del each["window"]
    write_archive(content | {ABOUT: json.dumps(facts).encode()}, tmp_path / "old.fusevad")
    assert Detector.load(tmp_path / "old.fusevad").about.thresholds == made_up.about.thresholds


def test_a_crop_that_no_stream_has_is_one_line(made_up, tmp_path):
    settings = small("student-t", test_crops=[2], max_segments=4)
    widths = read_about(made_up.weights[0]).widths
    weights = []
    for seed in (0, 1):
        model = build("student-t", settings.model, widths)
        weights.append(tmp_path / f"{seed}.safetensors")
        save_weights(model.state_dict(), About(settings, widths), "cpu", weights[-1])
    write_archive(members_of(made_up.about, weights), tmp_path / "a.fusevad")
    with pytest.raises(FusevadError, match="no crop 2 to score"):
        Detector.load(tmp_path / "a.fusevad")


@pytest.mark.parametrize(
    ("old", "new"), [('"batch_size": null', f'"batch_size": {10**9}'), ("[0, 5]", "[0, 5, 5]")]
)
def test_settings_that_would_join_a_whole_film_or_repeat_its_crops_are_one_line(
    made_up, tmp_path, old, new
):
    content = members_of(made_up.about, made_up.weights)
    facts = content[ABOUT].replace(old.encode(), new.encode(), 1)
    assert facts != content[ABOUT]
    write_archive(content | {ABOUT: facts}, tmp_path / "a.fusevad")
    with pytest.raises(FusevadError, match=r"a batch of 1 to 4096|each once"):
        Detector.load(tmp_path / "a.fusevad")


@pytest.mark.parametrize("segments", [10**9, 10**20])
def test_weights_that_saw_more_segments_than_there_are_hours_are_one_line(
    made_up, tmp_path, segments
):
    settings = replace(small("student-t"), max_segments=segments)
    widths = read_about(made_up.weights[0]).widths
    model = build("student-t", settings.model, widths)
    save_weights(model.state_dict(), About(settings, widths), "cpu", tmp_path / "w.safetensors")
    weights = [tmp_path / "w.safetensors"] * len(made_up.about.seeds)
    write_archive(members_of(made_up.about, weights), tmp_path / "a.fusevad")
    with pytest.raises(FusevadError, match=r"max_segments.*less than or equal to 1048576"):
        Detector.load(tmp_path / "a.fusevad")


@pytest.mark.parametrize("value", [b'"x"', b"[" * 900 + b"]" * 900], ids=["word", "nested"])
def test_wrong_settings_of_a_stream_are_one_line_that_names_the_bundle(made_up, tmp_path, value):
    """Python 3.12 and later can look into 900 lists, and 3.11 ends on its way down."""
    content = members_of(made_up.about, made_up.weights)
    facts = content[ABOUT].replace(b'"frame_stride": 8', b'"frame_stride": ' + value, 1)
    assert facts != content[ABOUT]
    write_archive(content | {ABOUT: facts}, tmp_path / "a.fusevad")
    with pytest.raises(FusevadError, match=r"a\.fusevad: .*(valid integer|nested without end)"):
        Detector.load(tmp_path / "a.fusevad")


def test_streams_in_each_others_place_are_refused(made_up, tmp_path):
    rgb, motion = (made_up.about.streams[role] for role in ("rgb", "motion"))
    with pytest.raises(ValueError, match="not those that method"):
        replace(made_up.about, streams={"rgb": motion, "motion": rgb})


@pytest.mark.parametrize("member", ["{outside}", "../{outside}", "weights/seed-0.safetensors"])
def test_an_encoder_is_read_from_its_own_member_alone(made_up, tmp_path, member):
    content = members_of(made_up.about, made_up.weights)
    facts = json.loads(content[ABOUT])
    outside = next(iter(facts["files"]))
    facts["files"][outside]["member"] = member.format(outside=outside)
    write_archive(content | {ABOUT: json.dumps(facts).encode()}, tmp_path / "a.fusevad")
    with pytest.raises(FusevadError, match="member"):
        Detector.load(tmp_path / "a.fusevad")


@pytest.mark.parametrize("path", ["a" * 5000, "a" * 256, "b/" * 2100, "", "a\0b", "\ud800"])
@pytest.mark.parametrize("listed", [True, False])
def test_an_encoder_at_a_place_that_no_system_has_is_one_line(made_up, tmp_path, path, listed):
    content = members_of(made_up.about, made_up.weights)
    facts = json.loads(content[ABOUT])
    old = next(iter(facts["files"]))
    facts = json.loads(json.dumps(facts).replace(json.dumps(old), json.dumps(path)))
    facts["files"][path]["member"] = None
    if not listed:
        del facts["files"][path]
    write_archive(content | {ABOUT: json.dumps(facts).encode()}, tmp_path / "a.fusevad")
    with pytest.raises(FusevadError) as caught:
        Detector.load(tmp_path / "a.fusevad")
    assert len(str(caught.value)) < 1000


def test_an_encoder_in_a_folder_that_may_not_be_read_is_one_line(made_up, tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    path, listed = next(iter(made_up.about.files.items()))
    outside = {**made_up.about.files, path: EncoderFile(listed.sha256, None)}
    bundle = made_up.changed(tmp_path / "a.fusevad", files=outside)
    monkeypatch.setattr("fusevad.deploy.streams.sha256", refused)
    with pytest.raises(FusevadError, match="no permission"):
        Detector.load(bundle)


def test_an_enclosed_encoder_is_the_file_that_the_facts_name(made_up, tmp_path):
    content = members_of(made_up.about, made_up.weights)
    facts = json.loads(content[ABOUT])
    next(iter(facts["files"].values()))["sha256"] = "0" * 64
    write_archive(content | {ABOUT: json.dumps(facts).encode()}, tmp_path / "a.fusevad")
    with pytest.raises(FusevadError, match=r"not the file that bundle\.json names"):
        Detector.load(tmp_path / "a.fusevad")


@pytest.mark.parametrize(
    "text", [b"{", b"[" * 100_000, b'{"format": 1, "files": ' + b"[" * 900 + b"]" * 900 + b"}"]
)
def test_facts_without_form_or_end_are_one_line_about_the_bundle(made_up, tmp_path, text):
    content = members_of(made_up.about, made_up.weights)
    write_archive(content | {ABOUT: text}, tmp_path / "a.fusevad")
    with pytest.raises(FusevadError, match=r"a\.fusevad: "):
        Detector.load(tmp_path / "a.fusevad")


def test_scores_that_are_no_numbers_are_refused(made_up, video, tmp_path):
    file, other = made_up.weights[0], tmp_path / "seed-0.safetensors"
    broken = {name: torch.full_like(each, torch.nan) for name, each in load_file(file).items()}
    save_weights(broken, read_about(file), "cpu", other)
    write_archive(members_of(made_up.about, [other, made_up.weights[1]]), tmp_path / "a.fusevad")
    with pytest.raises(FusevadError, match="scores that are not finite"):
        Detector.load(tmp_path / "a.fusevad").score(video)


def test_a_bundle_that_is_replaced_while_it_is_read_is_one_line(made_up, tmp_path, monkeypatch):
    bundle = Path(shutil.copy(made_up.file, tmp_path))

    def replaced(path: Path, folder: Path) -> None:
        unpack(path, folder)
        made_up.changed(bundle, thresholds=(threshold(0.9),))

    monkeypatch.setattr("fusevad.deploy.opening.unpack", replaced)
    with pytest.raises(FusevadError, match=r"model\.fusevad: replaced while it was loaded"):
        Detector.load(bundle)


def test_the_hash_is_of_the_bundle_whose_weights_are_loaded(made_up, tmp_path, monkeypatch):
    bundle = Path(shutil.copy(made_up.file, tmp_path))

    def loaded(*given: object) -> TrainedDetector:
        made_up.changed(bundle, thresholds=(threshold(0.9),))
        return load_detector(*given)

    monkeypatch.setattr("fusevad.deploy.detector.load_detector", loaded)
    detector = Detector.load(bundle)
    assert detector.about.thresholds == made_up.about.thresholds
    assert detector.sha256 == sha256(made_up.file)


def test_nothing_of_a_bundle_stays_behind(made_up, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Detector.load(made_up.file)
    assert not list(tmp_path.iterdir())


def test_the_package_itself_stays_light():
    program = "import fusevad, sys; assert not {'torch', 'numpy', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Detektor'"):
        getattr(fusevad, "Detektor")  # noqa: B009
