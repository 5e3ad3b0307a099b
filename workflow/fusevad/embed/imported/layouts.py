"""Match files of published features with the names of videos."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fusevad.embed.imported.settings import Layout
from fusevad.errors import FusevadError
from fusevad.paths import shown_entries
from fusevad.spelling import one_spelling


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files of a stream: by video and crop (-1: a file without a crop number), and others."""

    videos: dict[str, dict[int, Path]]
    unknown: list[Path]


def find_files(folder: Path, layout: Layout, names: Iterable[str]) -> FoundFiles:
    """Match all files below `folder` that are not hidden with the names of videos.

    A name is never guessed from a file: `04_0012_0.npy` is crop 0 of `04_0012` if there is such a
    video, and all crops of `04_0012_0` if there is that one.

    Raises:
        FusevadError: two files have the same crop of a video.
    """
    known = set(names)
    found = FoundFiles({}, [])
    for path in sorted(shown_entries(folder)):
        if not path.name.endswith(layout.suffix):
            continue
        stem = one_spelling(path.name.removesuffix(layout.suffix))
        place = _video_and_crop(stem, layout, known)
        if place is None:
            found.unknown.append(path)
            continue
        name, crop = place
        crops = found.videos.setdefault(name, {})
        if crop in crops:
            what = "all of" if crop < 0 else f"crop {crop} of"
            raise FusevadError(
                f"{path}: {what} video {name} is also in {crops[crop]}; remove one, or name one"
                " folder in `streams`"
            )
        crops[crop] = path
    return found


def _video_and_crop(stem: str, layout: Layout, known: set[str]) -> tuple[str, int] | None:
    for ending in ("", *layout.endings):
        if not stem.endswith(ending):
            continue
        base = stem.removesuffix(ending)
        # In this order: a double underscore is never part of a name and a number alone.
        for pattern, crop in ((r"(.+)__(\d+)", 2), (r"(.+)", 0), (r"(.+)_(\d+)", 2)):
            match = re.fullmatch(pattern, base)
            if match and match[1] in known:
                return match[1], int(match[crop]) if crop else -1
    return None
