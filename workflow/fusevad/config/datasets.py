"""A data set of the configuration."""

from dataclasses import dataclass
from typing import Any

from fusevad.data.recorded.settings import has_normal_videos
from fusevad.evaluate.settings import VIDEO_AUC

ORIGINS = ("render", "recorded", "splice", "own")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file of `config/datasets/`; fields as in its schema, `key` is the file's name.

    Attributes:
        source: data set whose folder of raw data and hyperparameters this one shares: itself,
            or the data set that it is `based_on`.
        origin: where its videos come from: `render`, `recorded`, `splice` or `own`.
        settings: the section of that name.
        fetch: what is downloaded; None for rendered videos and your own.
        added_crops: of footage, those of `crops` that its file does not name.
    """

    key: str
    source: str
    title: str
    metrics: tuple[str, ...]
    crops: tuple[int, ...]
    frame_stride: int
    shards: int
    hyperparameters: str
    origin: str
    settings: dict[str, Any]
    fetch: dict[str, Any] | None
    added_crops: tuple[int, ...] = ()

    @property
    def frame_level(self) -> bool:
        """Whether its test videos have intervals, so that frames are judged."""
        return self.metrics[0] != VIDEO_AUC

    @property
    def learned_from(self) -> bool:
        """Whether detectors can learn from it: unless its labels leave no normal videos."""
        return self.origin != "recorded" or has_normal_videos(self.settings["labels"])
