"""The videos of the data set: names, classes, scenes, lengths and anomalous intervals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from fusevad.data.render.places import LAYOUTS
from fusevad.data.render.settings import RenderSettings

CALM_ACTIVITIES = ("walking", "standing", "group", "cars", "cyclist")
HARD_NEGATIVES = ("hurry", "brake", "flicker", "bag", "steam")
ACTIVITIES = CALM_ACTIVITIES + HARD_NEGATIVES
ON_ROAD = ("cars", "cyclist", "brake")
REPEATABLE = ("running", "fighting", "throwing", "chase", "explosion")
SPLITS = ("train", "test")
MIN_SECONDS = 2.2  # of an anomaly, where the share allows it
ENCODER = "encoder"
ENCODER_SCENES = 1000  # scene ids of the encoder's namespace start here

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """One video: intervals are half-open, in frames; `seed` determines everything in it.

    split: 'train', 'test' or, for the encoder's clips, 'encoder'. activity: what normal people
    do besides walking, one of ACTIVITIES.
    """

    name: str
    split: str
    label: str
    scene: int
    scene_seed: int
    fps: int
    frames: int
    intervals: tuple[Interval, ...]
    seed: int
    activity: str


def _seed(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def plan(settings: RenderSettings) -> list[VideoPlan]:
    """All videos of both splits, in the order of the labels file; equal for equal settings."""
    numbers: Counter[str] = Counter()
    videos = []
    for split_index, split in enumerate(SPLITS):
        counts = {
            "train": (settings.train_normal, settings.train_per_class),
            "test": (settings.test_normal, settings.test_per_class),
        }[split]
        scenes = settings.train_scenes if split == "train" else settings.test_scenes
        labels = ["normal"] * counts[0]
        labels += [name for name in settings.classes for _ in range(counts[1])]
        for index, label in enumerate(labels):
            seed = _seed(settings.seed, split_index, index)
            rng = np.random.default_rng(seed)
            allowed = [scene for scene in scenes if _suits(scene, label)] or list(scenes)
            scene = allowed[(index + index // len(allowed)) % len(allowed)]
            activity = _activity(label, scene, settings, rng)
            fps = int(rng.choice(settings.fps))
            low, high = settings.seconds
            seconds = rng.triangular(low, settings.seconds_mode, high) if low < high else low
            frames = round(float(seconds) * fps)
            intervals = _intervals(label, frames, fps, settings, rng)
            name = f"{label}_{numbers[label]:03d}"
            numbers[label] += 1
            scene_seed = _seed(settings.seed, 2, scene)
            videos.append(
                VideoPlan(
                    name, split, label, scene, scene_seed, fps, frames, intervals, seed, activity
                )
            )
    return videos


def encoder_plans(settings: RenderSettings, count: int, seed: int) -> list[VideoPlan]:
    """Short clips (4-6 s) for training the encoder, in scenes the data set never uses.

    Labels go round all classes and all normal activities; an anomaly fills most of its clip.
    """
    kinds = [("normal", activity) for activity in ACTIVITIES]
    kinds += [(label, "walking") for label in settings.classes]
    clips = []
    for index in range(count):
        label, activity = kinds[index % len(kinds)]
        clip_seed = _seed(settings.seed, 3, seed, index)
        rng = np.random.default_rng(clip_seed)
        allowed = [n for n in range(len(LAYOUTS)) if _suits(n, label) and _offers(n, activity)]
        place = int(rng.integers(1, 40))
        scene = ENCODER_SCENES + place * len(LAYOUTS) + int(rng.choice(allowed))
        scene -= ENCODER_SCENES % len(LAYOUTS)
        fps = int(rng.choice(settings.fps))
        frames = int(rng.uniform(4, 6) * fps)
        intervals: tuple[Interval, ...] = ()
        if label != "normal":
            intervals = ((int(frames * 0.1), int(frames * rng.uniform(0.9, 1.0))),)
        clips.append(
            VideoPlan(
                f"{ENCODER}_{seed}_{index:05d}",
                ENCODER,
                label,
                scene,
                _seed(settings.seed, 4, seed, scene),
                fps,
                frames,
                intervals,
                clip_seed,
                activity,
            )
        )
    return clips


def _suits(scene: int, label: str) -> bool:
    """Whether a class can take place in a scene."""
    layout = LAYOUTS[scene % len(LAYOUTS)]
    return label != "vehicle-on-pavement" or (layout.pavement and not layout.along)


def _offers(scene: int, activity: str) -> bool:
    """Whether a scene has the road that an activity may need."""
    return activity not in ON_ROAD or bool(LAYOUTS[scene % len(LAYOUTS)].lanes)


def _activity(label: str, scene: int, settings: RenderSettings, rng: np.random.Generator) -> str:
    """What happens besides walking; hard negatives in the configured share of normal videos."""
    hard = rng.random() < settings.hard_negatives * (1.0 if label == "normal" else 0.4)
    if label == "normal":
        kinds = [
            kind for kind in (HARD_NEGATIVES if hard else CALM_ACTIVITIES) if _offers(scene, kind)
        ]
        return str(rng.choice(kinds))
    return str(rng.choice(("hurry", "flicker", "steam"))) if hard else "walking"


def _intervals(
    label: str, frames: int, fps: int, settings: RenderSettings, rng: np.random.Generator
) -> tuple[Interval, ...]:
    """One or two anomalous intervals that cover the configured share of the video."""
    if label == "normal":
        return ()
    low, high = settings.anomaly_share
    least = min(max(low, MIN_SECONDS * fps / frames), high)
    total = int(np.ceil(rng.uniform(least, high) * frames))
    total = min(total, int(max(0.4, high) * frames))
    free = frames - total
    if label == "vandalism":  # paint stays, so nothing normal can follow
        return ((frames - total, frames),)
    if label in REPEATABLE and total >= 0.24 * frames and rng.random() < settings.two_intervals:
        first = total // 2
        start = int(rng.uniform(0.05, 0.35) * free)
        gap = int(rng.uniform(0.35, 0.6) * free)
        return ((start, start + first), (start + first + gap, start + gap + total))
    start = int(rng.beta(1.1, 1.1) * free)
    if label == "abandoned-object" and rng.random() < 0.5:
        start = free
    return ((start, start + total),)
