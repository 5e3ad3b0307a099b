"""Settings, inputs and outputs of the jobs of data sets and their motion cues."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fusevad.config.model import Config
from fusevad.cues.settings import CAMERA
from fusevad.data.recorded.settings import LayoutSettings
from fusevad.parsing import parse


@dataclass(frozen=True, slots=True)
class DataJobs:
    """Paths and settings of the jobs of data sets and their motion cues."""

    config: Config

    @staticmethod
    def one_of(names: Iterable[str]) -> str:
        """Regular expression that matches only the given names; without names, nothing."""
        return "|".join(sorted({re.escape(name) for name in names})) or "(?!)"

    def origin(self, dataset: str) -> dict[str, Any]:
        """Settings of the verb that makes the data set: `fusevad render`, `labels` or `splice`."""
        return self.config.every[dataset].settings

    @property
    def untrained(self) -> list[str]:
        """Data sets on which nothing is trained: normal footage, and those that are only tested."""
        footage = [each.key for each in self.config.footage.values()]
        return [*footage, *self.config.only_tested]

    @staticmethod
    def source_tables(dataset: str) -> dict[str, str]:
        """Labels and intervals, as the data set's publisher gives them, as rendered, or yours."""
        folder = f"results/{dataset}/source"
        return {name: f"{folder}/{name}.csv" for name in ("labels", "intervals")}

    def makes_videos(self, dataset: str) -> bool:
        """Whether a job makes a data set's videos; else they are the user's, or there are none."""
        chosen = self.config.every[dataset]
        if chosen.origin == "own":
            return False
        if chosen.origin != "recorded":
            return True
        layout = parse(LayoutSettings, chosen.settings["layout"], f"{dataset}: layout")
        return dataset not in self.config.without_videos and layout.converts

    def videos(self, dataset: str) -> list[str]:
        """The folder of the videos that a job makes; none if the videos are the user's."""
        return [f"results/{dataset}/source/videos"] if self.makes_videos(dataset) else []

    @staticmethod
    def manifest(dataset: str) -> str:
        """The manifest of a data set's videos."""
        return f"results/{dataset}/manifest.csv"

    @staticmethod
    def intervals(dataset: str) -> str:
        """The table of a data set's anomalies."""
        return f"results/{dataset}/intervals.csv"

    def dataset_files(self, name: str) -> list[str]:
        """The file `name` (manifest.csv, ...) of all data sets."""
        return [f"results/{dataset}/{name}" for dataset in self.config.datasets]

    @property
    def fetched(self) -> dict[str, dict[str, Any]]:
        """The downloads, by the data set that owns the raw data."""
        read = (*self.config.tested.values(), *self.config.events.values())
        return {each.source: each.fetch for each in read if each.fetch}

    def fetch(self, source: str) -> dict[str, Any]:
        """Settings of `fusevad fetch`: archives (of videos) only if videos are needed."""
        # Features are fetched by hand.
        settings = {key: value for key, value in self.fetched[source].items() if key != "features"}
        videos = (*self.config.with_videos, *self.config.only_tested)
        read = [self.config.every[key] for key in videos]
        if any(each.source == source for each in (*read, *self.config.events.values())):
            return settings
        files = [file for file in settings["files"] if not file.get("unpack")]
        return settings | {"files": files}

    def existing(self, source: str) -> list[str]:
        """Option of `fusevad fetch` for data that the user already has."""
        folder = self.config.data_root.get(source)
        return ["--data-root", folder] if folder else []

    def data_folder(self, dataset: str) -> str:
        """Folder of a fetched data set's raw data."""
        return f"data/{self.config.every[dataset].source}"

    def past_end(self, dataset: str) -> str:
        """How to treat intervals past the end of a video: published annotations often have some."""
        return "clip" if self.config.every[dataset].origin == "recorded" else "stop"

    def cues(self, definition: str) -> dict[str, Any]:
        """Settings of `fusevad cues`."""
        names = ("windows", "thresholds") if definition == "paper" else tuple(self.config.cues)
        return {"definition": definition} | {n: self.config.cues[n] for n in names}

    def camera_cues(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad camera-cues`: all cues that experiments name, in one reading."""
        cues = [each.motion_cue for each in self.config.experiments.values()]
        cues = [cue for cue in cues if cue.definition == CAMERA]
        settings = {
            "definition": CAMERA,
            "windows": sorted({cue.window for cue in cues}),
            "thresholds": sorted({cue.threshold for cue in cues}),
        }
        return {"cues": settings, "layout": self.config.events[dataset].settings["layout"]}

    def event_streams(self, dataset: str) -> str:
        """Folder of the event streams of a data set's videos."""
        return f"data/{self.config.events[dataset].source}"

    @staticmethod
    def cue_file(dataset: str, definition: str, shard: int) -> str:
        """One shard of a definition's motion cues."""
        return f"results/{dataset}/cues/{definition}/shard-{shard}.h5"

    def cue_shards(self, dataset: str, definition: str) -> list[str]:
        """All shards of a definition's motion cues."""
        shards = range(self.config.every[dataset].shards)
        return [self.cue_file(dataset, definition, shard) for shard in shards]

    @staticmethod
    def cue_options(shards: Iterable[str]) -> list[str]:
        """Command-line options that name shards of motion cues."""
        return [word for shard in shards for word in ("--cues", shard)]
