"""The pictures of a plan, one after the other, and the ground truth of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from fusevad.data.render.activities import daily_life
from fusevad.data.render.captions import caption
from fusevad.data.render.director import Director
from fusevad.data.render.hazards import explosion, fire
from fusevad.data.render.lighting import darken
from fusevad.data.render.misplaced import abandoned, vandalism, vehicle
from fusevad.data.render.plan import VideoPlan
from fusevad.data.render.raster import ColourTarget, Track, TruthTarget
from fusevad.data.render.settings import RenderSettings
from fusevad.data.render.throwing import throwing
from fusevad.data.render.violence import chase, fall, fighting, running

STAGES = {
    "running": running,
    "fighting": fighting,
    "fall": fall,
    "throwing": throwing,
    "chase": chase,
    "fire": fire,
    "explosion": explosion,
    "abandoned-object": abandoned,
    "vandalism": vandalism,
    "vehicle-on-pavement": vehicle,
}
NOISE_MARGIN = 64


def direct(plan: VideoPlan, settings: RenderSettings) -> Director:
    """Set the stage of a video: everything that happens in it, before any picture is drawn."""
    director = Director(plan, settings)
    if plan.label != "normal":
        STAGES[plan.label](director, plan.intervals)
    daily_life(director)
    return director


@lru_cache(maxsize=2)
def _unit_noise(height: int, width: int) -> np.ndarray:
    """Standard normal noise, larger than the picture by a margin, float32."""
    rng = np.random.default_rng(20242)
    shape = (height + NOISE_MARGIN, width + NOISE_MARGIN, 3)
    return rng.normal(size=shape).astype(np.float32)


@dataclass
class Stage:
    """Draws the frames of a directed video; frames may be drawn in any order."""

    director: Director
    _masks: list[tuple[float, tuple[int, int, int, int], np.ndarray]] = field(init=False)
    _noise: tuple[np.ndarray, np.ndarray] = field(init=False)
    _places: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        scene, settings = self.director.scene, self.director.settings
        self._masks = []
        for index, distance in enumerate(scene.standing):
            mask = np.where(scene.owners == index + 1, 255, 0).astype(np.uint8)
            left, top, width, height = cv2.boundingRect(mask)
            if width:
                box = (left, top, left + width, top + height)
                piece = mask[top : top + height, left : left + width].copy()
                self._masks.append((distance, box, piece))
        noise = np.round(_unit_noise(settings.height, settings.width) * scene.light.noise)
        self._noise = (
            np.clip(noise, 0, 255).astype(np.uint8),
            np.clip(-noise, 0, 255).astype(np.uint8),
        )
        rng = np.random.default_rng([self.director.plan.seed, 4])
        self._places = rng.integers(0, NOISE_MARGIN, (self.director.plan.frames, 2))

    def visible(self, frame: int) -> list[tuple[Track, int]]:
        """Tracks on screen with their own frame numbers, far to near."""
        found = []
        for track in self.director.tracks:
            index = frame - track.start
            if 0 <= index < len(track.points) and track.on_screen[index]:
                found.append((track, index))
        found.sort(key=lambda item: -float(item[0].distance[item[1]]))
        return found

    def image(self, frame: int) -> np.ndarray:
        """The picture as the camera records it, (H, W, 3) BGR uint8."""
        director, scene = self.director, self.director.scene
        visible = self.visible(frame)
        image = scene.background.copy()
        darken(image, visible, scene.light.shadow)
        target = ColourTarget(image)
        effects = [effect for effect in director.effects if effect.start <= frame < effect.stop]
        effects.sort(key=lambda effect: -effect.distance)
        for track, index in visible:
            distance = float(track.distance[index])
            while effects and effects[0].distance > distance:
                effects.pop(0).draw(image, frame)
            target.draw(track, index)
            for box, mask in self._in_front(track, index, distance):
                left, top, right, bottom = box
                region = slice(top, bottom), slice(left, right)
                cv2.copyTo(scene.background[region], mask, image[region])
        for effect in effects:
            effect.draw(image, frame)
        return self._sensor(image, frame)

    def _in_front(
        self, track: Track, index: int, distance: float
    ) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray]]:
        """Furniture that hides part of a track."""
        left, top, right, bottom = track.boxes[index].tolist()
        for depth, box, mask in self._masks:
            beside = left >= box[2] or right <= box[0] or top >= box[3] or bottom <= box[1]
            if depth < distance and not beside:
                yield box, mask

    def _sensor(self, image: np.ndarray, frame: int) -> np.ndarray:
        """Shake, gain and noise of the camera."""
        height, width = image.shape[:2]
        x, y = self.director.offset[frame]
        if x or y:
            shift = np.array([[1, 0, x], [0, 1, y]])
            border = cv2.BORDER_REPLICATE
            image = cv2.warpAffine(image, shift, (width, height), borderMode=border)
        image = cv2.convertScaleAbs(image, alpha=float(self.director.gain[frame]))
        top, left = self._places[frame]
        region = slice(top, top + height), slice(left, left + width)
        cv2.add(image, self._noise[0][region], image)
        cv2.subtract(image, self._noise[1][region], image)
        return image

    def truth(self, frame: int) -> TruthTarget:
        """Depth, instance ids and polygon numbers of every pixel, from the same drawing list."""
        target = self.director.scene.truth()
        empty = target.depth.copy()
        for track, index in self.visible(frame):
            target.draw(track, index)
            for box, mask in self._in_front(track, index, float(track.distance[index])):
                left, top, right, bottom = box
                region = slice(top, bottom), slice(left, right)
                inside = mask > 0
                target.depth[region][inside] = empty[region][inside]
                target.instances[region][inside] = 0
                target.parts[region][inside] = 0
        x, y = self.director.offset[frame]
        if x or y:
            height, width = empty.shape
            shift = np.array([[1, 0, x], [0, 1, y]])
            for name in ("depth", "instances", "parts"):
                moved = cv2.warpAffine(
                    getattr(target, name).astype(np.float32),
                    shift,
                    (width, height),
                    flags=cv2.INTER_NEAREST,
                    borderMode=cv2.BORDER_REPLICATE,
                )
                setattr(target, name, moved.astype(getattr(target, name).dtype))
        return target


@dataclass
class Frame:
    """One picture; ground truth is drawn on request."""

    index: int
    image: np.ndarray  # (H, W, 3) RGB uint8
    caption: str
    stage: Stage
    _truth: TruthTarget | None = None

    def _drawn(self) -> TruthTarget:
        if self._truth is None:
            self._truth = self.stage.truth(self.index)
        return self._truth

    def depth(self) -> np.ndarray:
        """Metres along the optical axis, (H, W) float32; 300 where there is nothing."""
        return self._drawn().depth

    def instances(self) -> np.ndarray:
        """Ids of people, vehicles and things, (H, W) uint16; 0 is the background."""
        return self._drawn().instances

    def keypoints(self) -> dict[int, np.ndarray]:
        """COCO key points of every person on screen by id: (17, 3) of x, y in pixels and visible.

        Visible is 1 where the pixel there belongs to the person.
        """
        instances = self.instances()
        height, width = instances.shape
        found = {}
        for track, index in self.stage.visible(self.index):
            if track.keypoints is None:
                continue
            points = track.keypoints[index].copy()
            points[:, :2] += self.stage.director.offset[self.index]
            x, y = np.floor(points[:, 0]).astype(int), np.floor(points[:, 1]).astype(int)
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            points[:, 2] = 0
            points[inside, 2] = instances[y[inside], x[inside]] == track.identity
            found[track.identity] = points
        return found


def iter_frames(plan: VideoPlan, settings: RenderSettings) -> Iterator[Frame]:
    """The frames of a video in order, as the camera records them (before compression)."""
    stage = Stage(direct(plan, settings))
    for index in range(plan.frames):
        image = cv2.cvtColor(stage.image(index), cv2.COLOR_BGR2RGB)
        yield Frame(index, image, caption(stage.director, index), stage)
