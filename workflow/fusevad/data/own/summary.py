"""What `fusevad init-dataset` says of the videos that it found."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from fusevad.data.own.dataset import Configured
from fusevad.data.own.found import Found
from fusevad.errors import counted

_MOST_NAMED = 5


def summary(made: Configured) -> Iterator[str]:
    """Lines for people: counts, hours, sizes, rates, bad videos, split, and what can be known."""
    videos = [video for video, _ in made.videos]
    infos = [info for _, info in made.videos]
    hours = sum(info.frames / info.fps for info in infos) / 3600
    yield f"{counted(len(videos), 'video')}, {hours:.2f} hours: {_classes(videos)}"
    yield "sizes: " + _common(f"{info.width}x{info.height}" for info in infos)
    yield "frames a second: " + _common(f"{info.fps:.4g}" for info in infos)
    for line in made.bad:
        yield f"left out: {line}"
    train = [video for video in videos if video.name not in made.split.test]
    test = [video for video in videos if video.name in made.split.test]
    for part, own in (("train", train), ("test", test)):
        sources = len({video.source for video in own})
        yield (
            f"{part}: {counted(len(own), 'video')} of {counted(sources, 'source')}: {_classes(own)}"
        )
    yield from _about_sources(made)
    if made.intervals:
        yield f"intervals: {len(made.intervals)} in test videos" + (
            f"; {made.unused} in training videos are not used" if made.unused else ""
        )
    else:
        yield (
            "no intervals: AUC and AP of frames stay --; Video-AUC says how well a seed ranks the"
            " training videos that it held out"
        )


def _about_sources(made: Configured) -> Iterator[str]:
    if made.split.by_video:
        yield (
            "warning: the sources can't be divided into two parts with normal and anomalous videos,"
            " so each video counted as its own source; a camera may be in both parts"
        )
    elif made.split.both:
        yield f"warning: sources in both parts: {_some(made.split.both)}"
    elif len({video.source for video, _ in made.videos}) == len(made.videos):
        yield (
            "warning: neither folders nor names tell cameras, so each video is a source of its own;"
            " a CSV with a column source can tell them"
        )
    else:
        yield "no source is in both parts"


def _classes(videos: Iterable[Found]) -> str:
    counts = Counter(";".join(video.classes) for video in videos)
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _common(values: Iterable[str]) -> str:
    """The most frequent values, each with its number of videos."""
    ordered = Counter(values).most_common()
    return _some([f"{value} ({count})" for value, count in ordered])


def _some(names: Iterable[str]) -> str:
    named = list(names)
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return ", ".join(islice(named, _MOST_NAMED)) + more
