"""Which test videos the names of files and the lines of lists mean."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import groupby
from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.evaluate.imported.columns import LARGEST_TEXT
from fusevad.evaluate.imported.settings import SUFFIXES
from fusevad.files import check_size
from fusevad.spelling import one_spelling

# What published lists and files have between a video's name and the suffix.
_ENDING = re.compile(r"(_i3d|_c3d|_C|__\d+)\Z")
# Where a line of a list may end a video's name: nowhere, at a comma, at a space.
_CUTS = (re.compile(r"\Z"), re.compile(","), re.compile(r"[,\s]"))


def listed_videos(order: Path, names: Collection[str]) -> list[str]:
    """Videos of a list, each once: its lines begin with a path or a name.

    A video takes the lines that name it most plainly, so that `b 2.mp4` and `b__2.mp4`, which are
    no test videos, are no lines of `b` where it has one of its own. A list by crops has each
    video's crops one after the other, or all videos again for every crop.

    Args:
        order: the list, a video a line.
        names: the test videos.

    Raises:
        FusevadError: the list is unreadable, lacks a video, or has some again in another order.
    """
    try:
        check_size(order, LARGEST_TEXT)
        lines = order.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise FusevadError(f"{order}: unreadable list of videos; correct `order`") from error
    found = [named for line in lines if (named := _named_by(line.strip(), names))]
    plainest: dict[str, int] = {}
    for name, rank in found:
        plainest[name] = min(rank, plainest.get(name, rank))
    listed = [name for name, _ in groupby(name for name, rank in found if rank == plainest[name])]
    once = list(dict.fromkeys(listed))
    if listed != once * max(Counter(listed).values(), default=0):
        again = next(name for name, times in Counter(listed).items() if times > 1)
        raise FusevadError(
            f"{order}: video {again} is there again after others, but not all videos repeat in the"
            " same order; correct `order`"
        )
    check_complete(order, names, once)
    return once


def video_of(path: str, names: Collection[str]) -> str | None:
    """The video that a path or a file's name means."""
    return next((name for _, name in _readings(path) if name in names), None)


def check_complete(place: Path, names: Collection[str], found: Collection[str]) -> None:
    """Check that all test videos were found.

    Args:
        place: folder or list, for the message.
        names: the test videos.
        found: those that have scores.

    Raises:
        FusevadError: some were not; all are named.
    """
    missing = [name for name in sorted(names) if name not in found]
    if missing:
        raise FusevadError(
            f"{place}: no scores of {len(missing)} of {len(names)} test videos:"
            f" {', '.join(missing)}; add them, or leave these videos out of the labels"
        )


def _named_by(line: str, names: Collection[str]) -> tuple[str, int] | None:
    """The video that a line names, and how plainly: 0 is its name alone."""
    parts = [cut.split(line.replace("\\", "/"))[0] for cut in _CUTS]
    # The later of several columns may be paths of other videos: a part whose folders have a cut
    # in them, which `my files/b.mp4` has too, counts where nothing shorter is a video.
    ranked = sorted(
        (2 * len(parts) - place if _CUTS[-1].search(part.rpartition("/")[0]) else place, part)
        for place, part in enumerate(parts)
    )
    for place, part in ranked:
        for literal, name in _readings(part):
            if name in names:
                return name, 2 * place + (not literal)
    return None


def _readings(path: str) -> Iterator[tuple[bool, str]]:
    """Names that a path may mean, and whether without leaving out more than a suffix of files."""
    file = one_spelling(path.replace("\\", "/").rpartition("/")[2])
    stems = [file.removesuffix(suffix) for suffix in ("", *SUFFIXES, ".mp4", ".avi")]
    yield from ((True, stem) for stem in stems)
    yield from ((False, _ENDING.sub("", stem)) for stem in stems)
