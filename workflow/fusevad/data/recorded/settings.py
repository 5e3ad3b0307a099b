"""The section `recorded:` of a data set's configuration: how its files describe its videos.

Lists, annotations and videos are found below the data folder by patterns such as
`Anomaly_Train.txt` or `shang/rgb/vitl/test.csv`: the last parts of a path, with `*` and `?`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from fusevad.errors import FusevadError
from fusevad.parsing import FORBID
from fusevad.spelling import one_spelling
from fusevad.video.settings import HIGHEST_RATE

# Compared with names of files, videos or classes.
Spelled = Annotated[str, AfterValidator(one_spelling)]
# Of frames or pixels.
Count = Annotated[int, Field(ge=1)]
# Of pictures at no higher rate than cameras have: milliseconds in place of microseconds would make
# millions of them.
Rate = Annotated[int, Field(ge=1, le=HIGHEST_RATE)]
Microseconds = Annotated[int, Field(ge=1_000_000 // HIGHEST_RATE)]

SplitName = Literal["official", "released"]


@dataclass(frozen=True, slots=True)
class ListSettings:
    """A list of videos, one a line; or a file of annotations that says each video's subset.

    file: where it is (pattern).
    line: regular expression that matches the beginning of every line; its group `name` is the
        video's name, its group `label`, if labels are read from the list, the video's label.
    header: number of lines before the first video.
    subsets: in place of `line`, the subsets of a file of the format `cctv-fights` whose videos
        are listed.
    """

    __pydantic_config__ = FORBID
    file: Spelled
    line: Spelled | None = None
    header: int = 0
    subsets: tuple[Spelled, ...] = ()

    def __post_init__(self) -> None:
        if (self.line is None) == (not self.subsets):
            raise ValueError("a list is read by its line or by its subsets; give one")
        if self.line is not None:
            _check_expression(self.line, "name")


@dataclass(frozen=True, slots=True)
class AnnotationSettings:
    """The anomalies of test videos.

    format: a module of `fusevad.data.recorded.formats`.
    file: where it is (pattern).
    anomalies: how many the file has, of all of its videos; None if that is not published.
    """

    __pydantic_config__ = FORBID
    format: Literal["ucf-crime", "xd-violence", "shanghaitech", "msad", "msad-table", "cctv-fights"]
    file: Spelled
    anomalies: int | None = None


@dataclass(frozen=True, slots=True)
class PartSettings:
    """The training or the test part of a split.

    lists: its lists of videos.
    videos: number of videos; None if it is not published.
    classes: number of videos by class; a video with several classes counts in each; None if it is
        not published.
    names_sha256: SHA-256 of the sorted names, each followed by a line feed; None if we had no copy
        of the list to pin it.
    """

    __pydantic_config__ = FORBID
    lists: tuple[ListSettings, ...]
    videos: int | None = None
    classes: dict[str, int] | None = None
    names_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """The videos for training and for the test, and the annotations of the test videos.

    videos: number of videos of both parts together, where that of each is not published.
    """

    __pydantic_config__ = FORBID
    train: PartSettings
    test: PartSettings
    annotations: AnnotationSettings
    videos: int | None = None


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """The label of each video; exactly one of `in_name` and `lists` is set.

    names: class of each label; `normal` for normal videos. Any other label is an error.
    in_name: regular expression with the group `label`, found in the video's name.
    lists: lists whose expression also has a group `label`.
    separator: between several labels of one video.
    ignored: written in place of a further label.
    """

    __pydantic_config__ = FORBID
    names: dict[str, Spelled]
    in_name: Spelled | None = None
    lists: tuple[ListSettings, ...] = ()
    separator: str | None = None
    ignored: tuple[Spelled, ...] = ()

    def __post_init__(self) -> None:
        if (self.in_name is None) == (not self.lists):
            raise ValueError("labels come from either in_name or lists; give one")
        for expression in [self.in_name] if self.in_name else [each.line for each in self.lists]:
            if expression is None:
                raise ValueError("lists: a list by subsets has no labels; give its line or in_name")
            _check_expression(expression, "label")


def has_normal_videos(labels: Mapping[str, Any]) -> bool:
    """Whether there can be any, by the values of `LabelSettings`."""
    return "normal" in labels["names"].values()


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """Videos that are published as folders of images, one image a frame.

    folder: the folder of those folders (pattern), each with the name of its video.
    suffixes: of the images, which are JPEG files numbered without a gap.
    fps: frames per second.
    """

    __pydantic_config__ = FORBID
    folder: Spelled
    fps: Rate
    suffixes: tuple[str, ...] = (".jpg",)


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Videos that are published as event streams: files of arrays t (microseconds), x, y, p.

    frame_microseconds: length of a frame.
    width, height: of the sensor, in pixels.
    """

    __pydantic_config__ = FORBID
    frame_microseconds: Microseconds
    width: Count
    height: Count
    suffix: str = ".npz"


@dataclass(frozen=True, slots=True)
class LayoutSettings:
    """Where a video called NAME is: a file NAME.suffix anywhere below the data folder.

    suffixes: of video files.
    skip: names of folders (patterns) whose files do not belong to the data set.
    """

    __pydantic_config__ = FORBID
    suffixes: tuple[str, ...] = ()
    skip: tuple[Spelled, ...] = ()
    frames: FrameSettings | None = None
    events: EventSettings | None = None

    @property
    def converts(self) -> bool:
        """Whether some videos are published as images or events, and have to be converted."""
        return self.frames is not None or self.events is not None


@dataclass(frozen=True, slots=True)
class RecordedSettings:
    """Section `recorded:`; `split` is the default split."""

    __pydantic_config__ = FORBID
    layout: LayoutSettings
    labels: LabelSettings
    splits: dict[SplitName, SplitSettings]
    split: SplitName = "official"

    def chosen(self, split: str) -> SplitSettings:
        """The settings of a split.

        Raises:
            FusevadError: the data set has no such split.
        """
        if split not in self.splits:
            known = ", ".join(self.splits)
            raise FusevadError(f"split {split}: the data set has no such split; use {known}")
        return self.splits[split]


def _check_expression(expression: str, group: str) -> None:
    """Raise ValueError unless it is a regular expression with that group."""
    try:
        groups = re.compile(expression).groupindex
    except re.error as error:
        raise ValueError(f"{expression!r} is not a regular expression ({error})") from error
    if group not in groups:
        raise ValueError(f"{expression!r} has no group (?P<{group}>...)")
