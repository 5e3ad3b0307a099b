"""A bundle at work: from a video to its scores, computed as the workflow computes them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from fusevad.data.manifest import Video
from fusevad.deploy.contents import BundleFacts, weights_member
from fusevad.deploy.looking_back import NOT_FINITE, backward_scores
from fusevad.deploy.opening import read_bundle_facts, unpacked
from fusevad.deploy.signing import check_signature
from fusevad.deploy.streams import StreamEmbedder, load_stream
from fusevad.embed.store import HeldEmbeddings, Streams, default_device
from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import Event, Floats, Track, find_events
from fusevad.evaluate.history import SCORE
from fusevad.evaluate.scoring import Scores, TrainedDetector, load_detector
from fusevad.files import sha256
from fusevad.system_errors import one_line_each
from fusevad.video.decode import SEGMENT_FRAMES, measure

SPREAD, LOWEST, HIGHEST = "spread", "lowest", "highest"


@dataclass(frozen=True, slots=True)
class ScoredVideo:
    """A video and its scores.

    Attributes:
        video: the facts of its file.
        edges: (frames + 1,) seconds from the first frame; frame k is shown from edge k on.
        table: a row a segment: `segment`, `start_frame`, `end_frame` (half-open), `start_seconds`,
            `end_seconds`, `score` and `spread` (mean and standard deviation over the seeds),
            `lowest` and `highest` (of the seeds), and where the method has them `weight_STREAM`
            and `class_NAME`, means over the seeds.
    """

    video: Video
    edges: Floats
    table: pd.DataFrame

    @property
    def track(self) -> Track:
        """The mean scores with their times."""
        frames = np.append(self.table["start_frame"].to_numpy(), self.video.frames)
        return Track(self.table[SCORE].to_numpy(np.float64), self.edges[frames])


class Detector:
    """A trained method with all that it needs to score videos; make one with `load`.

    Attributes:
        about: the facts of the bundle.
        sha256: hash of the bundle's file.
        streams: what embeds each stream, by role.
        seeds: the trained detectors.
    """

    def __init__(
        self,
        about: BundleFacts,
        sha256: str,
        streams: Mapping[str, StreamEmbedder],
        seeds: Sequence[TrainedDetector],
    ) -> None:
        self.about = about
        self.sha256 = sha256
        self.streams = streams
        self.seeds = seeds

    @classmethod
    def load(cls, bundle: str | Path, trust: str | Path | None = None) -> "Detector":
        """Load a bundle after checking every byte of it.

        Args:
            bundle: file of `fusevad bundle`.
            trust: public key whose signature the bundle must have; None asks for none.

        Raises:
            FusevadError: the bundle is damaged, not signed by `trust`, needs an encoder that this
                machine lacks, has thresholds for code of other versions, or is replaced meanwhile.
        """
        path = Path(bundle)
        # It may be in a folder that may not be read, and so may an encoder's file that it names.
        with one_line_each():
            digest = sha256(path) if path.is_file() else ""  # `unpacked` says what others lack
            if trust is not None:
                check_signature(path, Path(trust))
            with unpacked(path) as folder:
                if sha256(path) != digest:
                    raise FusevadError(f"{path}: replaced while it was loaded; load it again")
                about = read_bundle_facts(folder, path)
                _check_code(about, path)
                streams = {
                    role: load_stream(each, about, folder, path)
                    for role, each in about.streams.items()
                }
                seeds = [
                    load_detector(folder / weights_member(seed), default_device())
                    for seed in about.seeds
                ]
        _check_seeds(seeds, about, path)
        return cls(about, digest, *_scored_crops(streams, seeds))

    def score(self, video: str | Path) -> pd.DataFrame:
        """Score a video; see `ScoredVideo.table`.

        Raises:
            FusevadError: it can't be decoded to its end.
        """
        return self.scored(Path(video)).table

    def scored(self, path: Path, progress: bool = False, window: int | None = None) -> ScoredVideo:
        """Score a video.

        Memory is that of a few frames and of the embeddings, a few kB a segment.

        Args:
            path: the video.
            progress: whether a bar shows it.
            window: segments that each score looks back on, as if a camera were watched; None for
                scores of the whole film.

        Raises:
            FusevadError: it can't be decoded to its end.
        """
        cv2.setNumThreads(1)
        info, edges = measure(path)
        video = Video(
            path.stem, path, "test", (), info.frames, info.fps, info.width, info.height,
            sha256(path), info.variable_rate,
        )  # fmt: skip
        embedded = self._embed(video, progress)
        if window is None:
            streams = Streams(embedded)
            scores = [seed.score(streams, [video.name]) for seed in self.seeds]
        else:
            vectors = {role: store[video.name] for role, store in embedded.items()}
            scores = backward_scores(self.seeds, video.name, vectors, window)
        return ScoredVideo(video, edges, _table(scores, video, edges))

    def events(self, scored: ScoredVideo, threshold: float) -> list[Event]:
        """The events of a video at a threshold, by the rules of the bundle."""
        return find_events(scored.track, threshold, self.about.events)

    def _embed(self, video: Video, progress: bool) -> dict[str, HeldEmbeddings]:
        device = default_device()
        total = video.segments * len(self.streams)
        # Each stream decodes the video for itself, which leaves the interpreter to the others.
        with (
            tqdm(total=total, desc="scoring", unit="segment", disable=not progress) as bar,
            ThreadPoolExecutor(len(self.streams)) as threads,
        ):
            vectors = threads.map(lambda each: each.embedded(video, bar), self.streams.values())
            return {
                role: HeldEmbeddings(video.path, {video.name: torch.from_numpy(x)}, device)
                for role, x in zip(self.streams, vectors, strict=True)
            }


def _check_code(about: BundleFacts, bundle: Path) -> None:
    """Refuse thresholds of what other code scores; names that the bundle lacks can't differ."""
    for name, here in about.versions_here.items():
        noted = about.versions.get(name, here)
        if noted != here:
            raise FusevadError(
                f"{bundle}: made by other code: {name} has version {noted} there, and {here} here;"
                " make the bundle again, or use the code that made it"
            )


def _check_seeds(seeds: Sequence[TrainedDetector], about: BundleFacts, bundle: Path) -> None:
    """Refuse weights of another method than the bundle says."""
    for seed in seeds:
        if seed.settings.method != about.method:
            raise FusevadError(
                f"{bundle}: says method {about.method}, and has weights of {seed.settings.method};"
                " make it again"
            )


def _scored_crops(
    streams: Mapping[str, StreamEmbedder], seeds: Sequence[TrainedDetector]
) -> tuple[dict[str, StreamEmbedder], list[TrainedDetector]]:
    """Streams that embed only the crops that are scored, and detectors that find them there.

    Training reads other crops too; to embed those would take several times as long.
    """
    places = sorted({place for seed in seeds for place in seed.settings.test_crops})
    found = {role: each.with_crops(places) for role, each in streams.items()}
    renumbered = [
        replace(
            seed,
            settings=replace(
                seed.settings,
                test_crops=tuple(places.index(place) for place in seed.settings.test_crops),
            ),
        )
        for seed in seeds
    ]
    return found, renumbered


def _table(scores: Sequence[Scores], video: Video, edges: Floats) -> pd.DataFrame:
    """See `ScoredVideo.table`."""
    by_seed: NDArray[np.float64] = np.stack(
        [each.segments[video.name].numpy().astype(np.float64) for each in scores]
    )
    if not np.isfinite(by_seed).all():
        raise FusevadError(f"{video.path}: {NOT_FINITE}")
    starts = SEGMENT_FRAMES * np.arange(video.segments)
    ends = np.minimum(starts + SEGMENT_FRAMES, video.frames)
    table = pd.DataFrame(
        {
            "segment": np.arange(video.segments),
            "start_frame": starts,
            "end_frame": ends,
            "start_seconds": edges[starts],
            "end_seconds": edges[ends],
        }
    )
    columns = scores[0].columns
    for place, name in enumerate(columns):
        table[name] = by_seed[:, :, place].mean(axis=0)
        if name == SCORE:
            own = by_seed[:, :, place]
            table[SPREAD] = own.std(axis=0, ddof=len(scores) > 1)
            table[LOWEST], table[HIGHEST] = own.min(axis=0), own.max(axis=0)
    return table
