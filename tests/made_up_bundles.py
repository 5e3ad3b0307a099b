"""A bundle of random weights that scores in no time, with the parts that it was made of."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from fusevad.deploy.archive import write_archive
from fusevad.deploy.contents import (
    ABOUT,
    CARD,
    FORMAT,
    BundleFacts,
    EncoderFile,
    Metric,
    StreamFacts,
    Threshold,
    weights_member,
)
from fusevad.deploy.score import Outcome, Task, score_videos
from fusevad.deploy.versions import code_versions
from fusevad.embed.embedder import load_embedder
from fusevad.embed.settings import EmbedSettings
from fusevad.evaluate.scoring import About, save_weights
from fusevad.evaluate.settings import AlarmSettings
from fusevad.files import sha256
from fusevad.models.base import build
from tests.made_up_training import small
from tests.tiny_clip import CONFIGURATION, make_encoder

STREAMS = {"rgb": "rgb", "motion": "motion-T16-thr10"}
RULES = AlarmSettings(smoothing=1.0, shortest=0.5)


@dataclass(frozen=True, slots=True)
class MadeUpBundle:
    """A bundle and its parts.

    Attributes:
        file: the bundle.
        about: its facts.
        weights: files of its seeds.
        streams: settings of its streams, by role.
    """

    file: Path
    about: BundleFacts
    weights: list[Path]
    streams: dict[str, EmbedSettings]

    def changed(self, file: Path, **facts: object) -> Path:
        """Write a bundle with other facts and the same members; returns `file`."""
        about = replace(self.about, **facts)
        write_archive(members_of(about, self.weights), file)
        return file


def threshold(value: float, rate: float = 1.0) -> Threshold:
    """A threshold that four hours without an alarm vouch for."""
    return Threshold(rate, value, 0, 4.0, 0.75, certified=True, footage="made up")


def members_of(about: BundleFacts, weights: Sequence[Path]) -> dict[str, bytes | Path]:
    """All members of a bundle."""
    enclosed = {each.member: Path(path) for path, each in about.files.items() if each.member}
    return {
        ABOUT: json.dumps(asdict(about)).encode(),
        CARD: b"# made up\n",
        **{weights_member(seed): file for seed, file in zip(about.seeds, weights, strict=True)},
        **enclosed,
    }


def make_bundle_file(folder: Path, seeds: int = 2) -> MadeUpBundle:
    """Write a bundle with a minute CLIP and detectors of random weights."""
    folder.mkdir(exist_ok=True)
    encoder = make_encoder(folder)
    streams = {
        role: EmbedSettings(stream, encoder, crops=(0, 5), frame_stride=8)
        for role, stream in STREAMS.items()
    }
    facts = {
        role: StreamFacts(asdict(each), load_embedder(each).provenance)
        for role, each in streams.items()
    }
    widths = dict.fromkeys(STREAMS, CONFIGURATION["embed_dim"])
    settings = small("student-t", test_crops=[1], max_segments=4)
    weights = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        model = build("student-t", settings.model, widths)
        weights.append(folder / f"seed-{seed}.safetensors")
        save_weights(model.state_dict(), About(settings, widths), "cpu", weights[-1])
    names = (encoder.model, encoder.pretrained, encoder.motion_cue_weights)
    files = {
        str(name): EncoderFile(sha256(Path(name)), f"encoder/{Path(name).name}") for name in names
    }
    about = BundleFacts(
        format=FORMAT,
        experiment="student-t",
        label="IEF-VAD",
        dataset="made up",
        protocol="validation",
        method="student-t",
        seeds=tuple(range(seeds)),
        streams=facts,
        files=files,
        events=RULES,
        thresholds=(threshold(0.5), threshold(0.4, rate=5.0)),
        metrics={"AUC": Metric(0.8, 0.01)},
        commit="",
        versions=code_versions("student-t", STREAMS.values()),
    )
    file = folder / "model.fusevad"
    write_archive(members_of(about, weights), file)
    return MadeUpBundle(file, about, weights, streams)


def scored(
    model: Path, videos: dict[str, Path], out: Path, film: bool = True, workers: int = 1
) -> list[Outcome]:
    """Score videos by name as `fusevad score` does."""
    return score_videos(videos, Task(model, out, None, film, alone=False), workers)
