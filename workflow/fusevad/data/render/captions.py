"""English sentences about visible events."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.director import Director
from fusevad.video.decode import SEGMENT_FRAMES

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
_WEATHER = {"night": " at night", "evening": " in the evening"}


def caption(director: Director, frame: int) -> str:
    """A sentence about one frame; its wording changes from segment to segment."""
    rng = np.random.default_rng([director.plan.seed, 5, frame // SEGMENT_FRAMES])
    active = [span for span in director.spans if span.start <= frame < span.stop]
    phrases: list[str] = []
    if active:
        top = max(span.priority for span in active)
        if top > 1 or rng.random() < 0.4:
            phrases = [text for span in active if span.priority == top for text in span.phrases]
    if not phrases:
        phrases = _everyday(director, frame)
    text = phrases[rng.integers(len(phrases))]
    where = director.scene.layout.where
    place = where[rng.integers(len(where))]
    if rng.random() < 0.5:
        place += _WEATHER.get(director.scene.light.name, "")
    # Most sentences leave the place out: what happens should matter more than where.
    if rng.random() < 0.6:
        place = ""
    return " ".join(text.format(where=place).replace(" ,", ",").split())


def captions(director: Director) -> list[str]:
    """One sentence for every 16 frames, about the frame in the middle of each."""
    frames = director.plan.frames
    return [
        caption(director, min(start + SEGMENT_FRAMES // 2, frames - 1))
        for start in range(0, frames, SEGMENT_FRAMES)
    ]


def _everyday(director: Director, frame: int) -> list[str]:
    """Sentences about people who walk and cars that pass."""
    people, vehicles = [], []
    for track in director.tracks:
        index = frame - track.start
        if 0 <= index < len(track.points) and track.on_screen[index]:
            if track.kind == "person":
                people.append(track.words)
            elif track.words and track.kind in ("car", "van"):  # a burning one has none
                vehicles.append(track.words)
    if vehicles and people:
        return [
            f"{vehicles[0]} drives past while {people[0]} walks {{where}}",
            f"{vehicles[0]} passes {{where}}",
            f"people walk as {vehicles[0]} drives by {{where}}",
        ]
    if vehicles:
        return [f"{vehicles[0]} drives on the road {{where}}", f"{vehicles[0]} passes {{where}}"]
    if not people:
        return ["nobody is to be seen {where}", "an empty scene {where}"]
    if len(people) == 1:
        return [f"{people[0]} walks {{where}}", f"{people[0]} walks alone {{where}}"]
    count = _NUMBERS[len(people)] if len(people) < len(_NUMBERS) else "many"
    return [
        f"{count} people walk {{where}}",
        f"{people[0]} and {people[1]} walk {{where}}",
        f"{people[-1]} walks among other people {{where}}",
        "pedestrians walk calmly {where}",
    ]
