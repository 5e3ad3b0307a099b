"""Scores of a stream: of what has been seen, and of nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fusevad.deploy.detector import Detector
from fusevad.deploy.watch.windows import CausalScorer
from fusevad.embed.store import HeldEmbeddings, Streams, default_device
from fusevad.errors import FusevadError
from fusevad.video.decode import read_pictures
from tests.made_up_videos import write_video

LONGEST = 4  # segments, as the made-up detectors learned


@pytest.fixture(scope="module")
def detector(made_up) -> Detector:
    return Detector.load(made_up.file)


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("causal") / "a.mp4", frames=16 * 6 + 5)


def live_scores(scorer: CausalScorer, video: Path) -> list[float]:
    pictures = list(read_pictures(video))
    streams = [source.segments(pictures) for source in scorer.sources.values()]
    return [
        scorer.score(dict(zip(scorer.sources, images, strict=True)))
        for images in zip(*streams, strict=True)
    ]


def of_segments(detector: Detector, video: Path, begin: int, end: int) -> float:
    """The last score of a video that has only some segments of another one's embeddings."""
    scored = detector.scored(video).video
    embedded = detector._embed(scored, progress=False)
    streams = Streams(
        {
            role: HeldEmbeddings(video, {"part": store[scored.name][begin:end]}, default_device())
            for role, store in embedded.items()
        }
    )
    found = [seed.score(streams, ["part"]).segments["part"] for seed in detector.seeds]
    return float(np.mean([float(each[-1, 0]) for each in found]))


@pytest.mark.parametrize("window", [None, 1, 3])
def test_a_score_is_that_of_a_video_that_ends_there_and_began_a_window_before(
    detector, video, window
):
    torch.set_num_threads(1)
    scores = live_scores(CausalScorer(detector, window), video)
    expected = [
        of_segments(detector, video, max(0, end - (window or LONGEST)), end) for end in range(1, 8)
    ]
    assert scores == pytest.approx(expected, abs=1e-4)  # embeddings are rounded to halves
    assert np.ptp(scores) > 1e-3


def test_the_last_score_of_a_short_video_is_that_of_its_file(detector, tmp_path):
    short = write_video(tmp_path / "short.mp4", frames=16 * LONGEST - 3, seed=2)
    table = detector.score(short)
    last = live_scores(CausalScorer(detector), short)[-1]
    assert last == pytest.approx(table["score"].iloc[-1], abs=1e-4)


def test_after_a_break_scores_begin_anew(detector, video):
    scorer = CausalScorer(detector)
    first = live_scores(scorer, video)
    assert live_scores(scorer, video)[0] != first[0]
    scorer.begin()
    assert live_scores(scorer, video) == first


@pytest.mark.parametrize("window", [0, LONGEST + 1])
def test_a_window_that_training_never_saw_is_refused(detector, window):
    with pytest.raises(FusevadError, match="choose 1 to 4"):
        CausalScorer(detector, window)


def test_a_stream_that_no_camera_gives_is_refused(detector, monkeypatch):
    monkeypatch.setattr(type(detector.streams["rgb"]), "source", object())
    with pytest.raises(FusevadError, match="stream rgb: can't be made while a camera is watched"):
        CausalScorer(detector)


def test_scoring_leaves_torch_as_it_was(detector, video):
    live_scores(CausalScorer(detector), video)
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_score_that_is_no_number_is_one_line(made_up, video):
    """Otherwise it would begin an event that never ends: no threshold is above it."""
    detector = Detector.load(made_up.file)
    with torch.no_grad():
        for weights in detector.seeds[1].model.parameters():
            weights.fill_(float("nan"))
    with pytest.raises(FusevadError, match="not finite: the weights of the bundle are damaged"):
        live_scores(CausalScorer(detector), video)
