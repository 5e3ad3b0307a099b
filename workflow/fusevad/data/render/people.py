"""Bodies and clothes, and figures as tracks of shaded capsules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusevad.data.render.camera import Camera
from fusevad.data.render.raster import Colour, Track, capsules, far_to_near, ground_shadow, shaded
from fusevad.data.render.skeleton import KEYPOINTS, Joint

# name -> BGR
CLOTH = {
    "red": (48, 46, 190),
    "blue": (176, 96, 42),
    "green": (72, 128, 52),
    "yellow": (52, 190, 214),
    "white": (216, 218, 220),
    "black": (42, 38, 38),
    "gray": (128, 126, 122),
    "orange": (40, 122, 226),
    "purple": (138, 62, 112),
    "brown": (52, 78, 112),
    "pink": (156, 130, 224),
    "beige": (150, 182, 200),
}
TROUSERS = ((92, 62, 40), (46, 42, 42), (96, 96, 92), (66, 84, 104), (110, 82, 58), (34, 30, 60))
SKINS = ((150, 178, 222), (120, 154, 206), (84, 118, 172), (56, 82, 126), (40, 58, 92))
HAIRS = ((22, 24, 30), (28, 42, 66), (52, 78, 110), (96, 148, 184), (124, 124, 126))
GARMENTS = ("coat", "jacket", "shirt", "hoodie")


@dataclass(frozen=True)
class Body:
    """One person's build and clothes; `words` describes them in a caption."""

    height: float
    width: float
    upper: Colour
    lower: Colour
    skin: Colour
    hair: Colour
    shoes: Colour
    short_sleeves: bool
    long_coat: bool
    backpack: Colour | None
    words: str


def random_body(rng: np.random.Generator, colour: str | None = None) -> Body:
    """A person with random build and clothes, with a given colour of the upper part or any."""
    woman = rng.random() < 0.5
    name = colour or str(rng.choice(list(CLOTH)))
    garment = str(rng.choice(GARMENTS))
    article = "an" if name == "orange" else "a"
    backpack = None
    if rng.random() < 0.25:
        backpack = tuple(int(v) for v in rng.integers(20, 150, 3))
    return Body(
        height=float(rng.normal(1.66 if woman else 1.78, 0.06)),
        width=float(rng.uniform(0.92, 1.15)),
        upper=shaded(CLOTH[name], rng.uniform(0.85, 1.1)),
        lower=TROUSERS[rng.integers(len(TROUSERS))],
        skin=SKINS[rng.integers(len(SKINS))],
        hair=HAIRS[rng.integers(len(HAIRS))],
        shoes=(30, 30, 34) if rng.random() < 0.7 else (205, 208, 210),
        short_sleeves=garment == "shirt",
        long_coat=garment == "coat",
        backpack=backpack,
        words=f"a {'woman' if woman else 'man'} in {article} {name} {garment}",
    )


@dataclass(frozen=True)
class _Part:
    first: Joint
    second: Joint
    radii: tuple[float, float]
    colour: Colour
    nearer: float = 0.0  # metres subtracted from the depth used for ordering


def _parts(body: Body) -> list[_Part]:
    """The capsules of a body."""
    j, up, low, skin = Joint, body.upper, body.lower, body.skin
    fore = skin if body.short_sleeves else up
    dark, light = shaded(up, 0.8), shaded(up, 1.12)
    low_dark = shaded(low, 0.78)
    wide = body.width
    parts = [
        _Part(j.HIP_L, j.KNEE_L, (0.092 * wide, 0.068), low_dark),
        _Part(j.KNEE_L, j.ANKLE_L, (0.066, 0.046), low_dark),
        _Part(j.ANKLE_L, j.TOE_L, (0.05, 0.04), body.shoes),
        _Part(j.HIP_R, j.KNEE_R, (0.092 * wide, 0.068), low),
        _Part(j.KNEE_R, j.ANKLE_R, (0.066, 0.046), low),
        _Part(j.ANKLE_R, j.TOE_R, (0.05, 0.04), body.shoes),
        _Part(j.SHOULDER_L, j.HIP_L, (0.098 * wide, 0.088 * wide), dark),
        _Part(j.SHOULDER_R, j.HIP_R, (0.098 * wide, 0.088 * wide), up),
        _Part(j.NECK, j.PELVIS, (0.11 * wide, 0.105 * wide), up, 0.02),
        _Part(j.SHOULDER_L, j.ELBOW_L, (0.062 * wide, 0.052), shaded(up, 0.68)),
        _Part(j.ELBOW_L, j.WRIST_L, (0.05, 0.04), shaded(fore, 0.75)),
        _Part(j.WRIST_L, j.HAND_L, (0.042, 0.045), skin),
        _Part(j.SHOULDER_R, j.ELBOW_R, (0.062 * wide, 0.052), light),
        _Part(j.ELBOW_R, j.WRIST_R, (0.05, 0.04), light if fore is up else skin),
        _Part(j.WRIST_R, j.HAND_R, (0.042, 0.045), skin),
        _Part(j.NECK, j.HEAD, (0.056, 0.056), shaded(skin, 0.8)),
        _Part(j.HEAD, j.CROWN, (0.108, 0.104), body.hair),
        _Part(j.FACE, j.FACE, (0.088, 0.088), skin),
    ]
    if body.long_coat:
        parts.append(_Part(j.HIP_L, j.KNEE_L, (0.10 * wide, 0.088), dark, 0.02))
        parts.append(_Part(j.HIP_R, j.KNEE_R, (0.10 * wide, 0.088), up, 0.02))
    if body.backpack:
        parts.append(_Part(j.BACK, j.PELVIS, (0.12, 0.10), body.backpack))
    return parts


def person_track(
    camera: Camera,
    body: Body,
    joints: np.ndarray,
    start: int,
    light: np.ndarray,
    sun: tuple[float, float],
) -> Track:
    """A person as a track; joints: (n, 27, 3) metres; light: BGR factors."""
    parts = _parts(body)
    first = joints[:, [part.first for part in parts]]
    second = joints[:, [part.second for part in parts]]
    radii = np.array([part.radii for part in parts])
    points, depths = capsules(camera, first, second, radii)
    nearer = np.array([part.nearer for part in parts])
    keypoints = np.concatenate(
        [item if item.ndim == 3 else item[..., None] for item in camera.project(joints)], axis=2
    )[:, :KEYPOINTS]
    feet = joints[:, [Joint.ANKLE_L, Joint.ANKLE_R, Joint.PELVIS]].mean(axis=1)
    feet[:, 2] = 0
    used = [0, 1, 3, 4, 8, 9, 10, 12, 13, 16]
    shadow, _ = capsules(
        camera,
        ground_shadow(first[:, used], sun),
        ground_shadow(second[:, used], sun),
        radii[used],
    )
    return Track(
        kind="person",
        start=start,
        points=points,
        depths=depths,
        shown=depths > 0.5,
        order=far_to_near(depths - nearer),
        distance=camera.project(feet)[1],
        colours=[shaded(part.colour, light) for part in parts],
        shadow=shadow,
        keypoints=keypoints,
        words=body.words,
    )
