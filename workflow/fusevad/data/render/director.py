"""The stage of one video: people and things in every frame, sounds, and captions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fusevad.data.render.effects import Effect
from fusevad.data.render.gait import gait
from fusevad.data.render.people import Body, person_track, random_body
from fusevad.data.render.plan import VideoPlan
from fusevad.data.render.raster import Track
from fusevad.data.render.scenes import Scene, build_scene
from fusevad.data.render.settings import RenderSettings
from fusevad.data.render.skeleton import joints

ANOMALY = 9  # priority of captions about an anomaly


@dataclass(frozen=True, slots=True)
class SoundEvent:
    """A sound of a kind known to `sound.py`; times in seconds."""

    kind: str
    start: float
    seconds: float
    loudness: float = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """Phrases for captions between two frames; the highest priority wins."""

    start: int
    stop: int
    phrases: tuple[str, ...]
    priority: int


@dataclass
class Director:
    """Collects the tracks, effects, sounds and captions of one video.

    gain: (frames,) brightness factors; offset: (frames, 2) camera shake in pixels.
    """

    plan: VideoPlan
    settings: RenderSettings
    scene: Scene = field(init=False)
    rng: np.random.Generator = field(init=False)
    tracks: list[Track] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    sounds: list[SoundEvent] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    gain: np.ndarray = field(init=False)
    offset: np.ndarray = field(init=False)
    strength: float = field(init=False)
    focus: tuple[float, float] = field(init=False)  # where the main thing happens, metres

    def __post_init__(self) -> None:
        plan, settings = self.plan, self.settings
        self.scene = build_scene(settings, plan.scene, plan.scene_seed, plan.seed)
        self.rng = np.random.default_rng([plan.seed, 3])
        self.strength = float(self.rng.uniform(*settings.anomaly_strength))
        rates, shifts = self.rng.uniform(0.02, 0.12, 2), self.rng.random(2) * 6
        waves = [np.sin(6.28 * r * self.times + s) for r, s in zip(rates, shifts, strict=True)]
        self.gain = 1 + settings.light_drift * (waves[0] + waves[1]) / 2
        self.offset = np.zeros((plan.frames, 2))
        if plan.scene % 6 == 3:  # a camera on a pole that vibrates
            shake = self.rng.normal(0, 1, (plan.frames + 4, 2))
            kernel = np.array([0.2, 0.6, 1, 0.6, 0.2])
            for axis in (0, 1):
                self.offset[:, axis] = settings.shake * np.convolve(shake[:, axis], kernel, "valid")
        x0, x1, y0, y1 = self.scene.layout.walk
        self._lanes: list[float] = []
        self._range = (x0, x1) if self.scene.layout.along else (y0, y1)
        self.focus = self.spot(0.35)

    @property
    def times(self) -> np.ndarray:
        """Seconds of every frame, (frames,)."""
        return np.arange(self.plan.frames) / self.plan.fps

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the walking area, kept free of the crowd, in metres."""
        x0, x1, y0, y1 = self.scene.layout.walk
        return (x0 + x1) / 2, (y0 + y1) / 2 - 0.3

    def lane(self) -> float:
        """A free lane beside the middle: y in most places, x where people walk along y."""
        if not self._lanes:
            low, high = self._range
            lanes = np.arange(low, high + 0.01, 0.6)
            centre = self.middle[0] if self.scene.layout.along else self.middle[1]
            lanes = lanes[np.abs(lanes - centre) > 0.95]
            self._lanes = [float(v) for v in self.rng.permutation(lanes)]
        return self._lanes.pop() + float(self.rng.uniform(-0.12, 0.12))

    def crossing(self, lane: float, forward: bool) -> np.ndarray:
        """A path (2, 2) through the picture along a lane, from out of sight to out of sight."""
        if self.scene.layout.along:
            ends = np.array([[lane, 22.0], [lane * 0.8, 3.4]])
        else:
            reach = self.scene.camera.half_width_at(lane) + 1.0
            ends = np.array([[-reach, lane], [reach, lane + self.rng.uniform(-0.2, 0.2)]])
        return ends if forward else ends[::-1]

    def spot(self, spread: float = 0.5) -> tuple[float, float]:
        """A place near the middle of the picture, in metres."""
        x, y = self.middle
        wide = 0.4 if self.scene.layout.along else 1.2
        return (
            x + float(self.rng.uniform(-wide, wide)),
            y + float(self.rng.uniform(-spread, spread)),
        )

    def person(
        self,
        pose: np.ndarray,
        position: np.ndarray,
        heading: np.ndarray,
        start: int,
        body: Body | None = None,
    ) -> tuple[Track | None, np.ndarray]:
        """Put a person on stage from frame `start` on; parts outside the video are dropped.

        pose: (n, 16); position: (n, 2 or 3) metres; heading: (n,). Returns the track (None if it
        is never inside the video) and all joints (n, 27, 3).
        """
        body = body or random_body(self.rng)
        world = joints(pose, position, heading, body.height)
        first, last = max(-start, 0), min(len(pose), self.plan.frames - start)
        if last - first < 2:
            return None, world
        light = self.scene.light
        track = person_track(
            self.scene.camera, body, world[first:last], start + first, light.gain, light.sun
        )
        self.add(track)
        return track, world

    def walker(
        self,
        path: np.ndarray,
        speed: float | np.ndarray,
        start: int,
        body: Body | None = None,
        frames: int | None = None,
    ) -> tuple[Track | None, np.ndarray]:
        """A person who follows a path (m, 2) at a speed (metres a second, constant or (n,))."""
        if frames is None:
            length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
            frames = max(int(length / float(np.mean(speed)) * self.plan.fps), 2)
        speeds = np.broadcast_to(speed, frames).astype(float)
        position, heading, gone = follow(path, speeds, self.plan.fps)
        pose = gait(gone, speeds, float(self.rng.uniform(0, 6.28)))
        return self.person(pose, position, heading, start, body)

    def add(self, track: Track) -> None:
        """Give a track its identity and put it on stage."""
        track.identity = len(self.tracks) + 1
        track.clip_to(self.settings.width, self.settings.height)
        self.tracks.append(track)

    def hear(self, kind: str, start: float, seconds: float, loudness: float = 1.0) -> None:
        """Add a sound; times in seconds."""
        self.sounds.append(SoundEvent(kind, start, seconds, loudness))

    def say(self, start: int, stop: int, phrases: tuple[str, ...], priority: int) -> None:
        """Let captions between two frames use one of the phrases."""
        self.spans.append(Span(start, stop, phrases, priority))


def follow(
    path: np.ndarray, speeds: np.ndarray, fps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (n, 2), headings (n,) and distances covered (n,) along a path (m, 2) in metres."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    gone = np.cumsum(speeds / fps)
    position = np.stack([np.interp(gone, lengths, path[:, axis]) for axis in (0, 1)], axis=1)
    ahead = np.stack([np.interp(gone + 0.3, lengths, path[:, axis]) for axis in (0, 1)], axis=1)
    behind = np.stack([np.interp(gone - 0.3, lengths, path[:, axis]) for axis in (0, 1)], axis=1)
    step = ahead - behind
    return position, np.arctan2(step[:, 1], step[:, 0]), np.minimum(gone, lengths[-1])
