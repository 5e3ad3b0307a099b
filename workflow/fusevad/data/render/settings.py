"""Settings of the rendered data set: the section `render:` of its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusevad.errors import FusevadError
from fusevad.parsing import FORBID, parse, read_noted

# Raise it when the renderer's pictures, sounds or encoding change: all videos are then rendered
# again. `tests/data/test_render.py` pins the bytes of one video.
VERSION = 1

MOTION_CLASSES = ("running", "fighting", "fall", "throwing", "chase")
APPEARANCE_CLASSES = (
    "fire",
    "explosion",
    "abandoned-object",
    "vandalism",
    "vehicle-on-pavement",
)
CLASSES = MOTION_CLASSES + APPEARANCE_CLASSES
_FEWEST_FRAMES = 5
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """Settings of the renderer; ranges are (low, high), sizes in pixels, times in seconds.

    The shortest video has at least five frames, so that each of two anomalies has one.
    """

    __pydantic_config__ = FORBID

    seed: int = 7
    classes: tuple[str, ...] = CLASSES
    train_normal: int = 80
    train_per_class: int = 8
    test_normal: int = 30
    test_per_class: int = 3
    train_scenes: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7)
    test_scenes: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 8, 9, 10, 11)
    width: int = 320
    height: int = 240
    fps: tuple[int, ...] = (15, 18, 20, 24, 25)
    seconds: tuple[float, float] = (10.0, 25.0)
    seconds_mode: float = 11.0
    anomaly_share: tuple[float, float] = (0.2, 0.39)
    two_intervals: float = 0.2
    hard_negatives: float = 0.3
    people: tuple[int, int] = (1, 4)
    figure_pixels: tuple[float, float] = (80.0, 104.0)
    anomaly_strength: tuple[float, float] = (1.4, 1.9)
    contrast: tuple[float, float] = (0.9, 1.0)
    noise: tuple[float, float] = (1.0, 2.5)
    light_drift: float = 0.05
    shake: float = 0.35
    crf: int = 27
    preset: str = "superfast"
    sample_rate: int = 16000

    def __post_init__(self) -> None:
        unknown = [name for name in self.classes if name not in CLASSES]
        checks = {
            "classes": not unknown and len(set(self.classes)) == len(self.classes),
            "seed": self.seed >= 0,
            "fps": bool(self.fps) and min(self.fps) > 0,
            "width": self.width >= 64 and self.width % 2 == 0,
            "height": self.height >= 48 and self.height % 2 == 0,
            "seconds": self.seconds[0] * min(self.fps, default=0) >= _FEWEST_FRAMES
            and self.seconds[0] <= self.seconds_mode <= self.seconds[1],
            "anomaly_share": 0.05 <= self.anomaly_share[0] <= self.anomaly_share[1] <= 0.95,
            "people": 0 <= self.people[0] <= self.people[1],
            "figure_pixels": 0 < self.figure_pixels[0] <= self.figure_pixels[1],
            "anomaly_strength": 0 < self.anomaly_strength[0] <= self.anomaly_strength[1],
            "contrast": 0 < self.contrast[0] <= self.contrast[1],
            "noise": 0 <= self.noise[0] <= self.noise[1],
            "train_scenes": bool(self.train_scenes) and set(self.train_scenes) <= set(range(12)),
            "test_scenes": bool(self.test_scenes) and set(self.test_scenes) <= set(range(12)),
            "preset": self.preset in PRESETS,
            "crf": 0 <= self.crf <= 51,
            "sample_rate": self.sample_rate in (16000, 22050),
        }
        for name in ("train_normal", "train_per_class", "test_normal", "test_per_class"):
            checks[name] = getattr(self, name) >= 0
        for name in ("two_intervals", "hard_negatives", "light_drift"):
            checks[name] = 0 <= getattr(self, name) <= 1
        checks["shake"] = self.shake >= 0
        for name, valid in checks.items():
            if not valid:
                raise FusevadError(
                    f"render: {name} can't be {getattr(self, name)!r}; see RenderSettings"
                )


def load_settings(path: Path) -> RenderSettings:
    """The settings that `render_dataset` wrote to its render.json."""
    if not path.exists():
        raise FusevadError(f"{path}: no rendered data set here; run the rule render first")
    note = parse(dict[str, Any], read_noted(path), str(path))
    return parse(RenderSettings, note.get("settings"), str(path))
