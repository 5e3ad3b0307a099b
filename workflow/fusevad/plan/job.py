"""A job: what it reads and makes, and with which settings.

Imports nothing heavy: the Snakefile reads it at every start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from fusevad.plan.stage import STAGES, Unit

# Files of records, beside what their jobs made.
RECORDS = "*.provenance.json"
# One file or several files, under one name.
Files = str | Sequence[str]


@dataclass(frozen=True)
class Job:
    """One job of the workflow. Paths are relative to the repository, as Snakemake has them.

    Attributes:
        name: stage and subject, `train/rendered/student-t`.
        stage: the verb of `fusevad` that does the job, one of `STAGES`.
        settings: the verb's settings.
        reads: input files, by the name that the rule's command uses: outputs of other jobs, or
            sources such as encoder weights.
        outputs: files that it makes, and `videos`; its record is written beside the first.
        options: other values that its result depends on, such as the seeds.
        step: name shared by jobs that differ only in their share of the videos; else `name`.
        unit: stage of `dvc.yaml` that tracks the outputs; else its stage's, which may be none.
        reads_videos: whether it opens videos; else its stage's.
        videos: folder of videos among the outputs, which DVC does not track.
        seed_store: folder in which training stores finished seeds; no output.
    """

    name: str
    stage: str
    settings: dict[str, Any]
    reads: Mapping[str, Files]
    outputs: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    step: str = ""
    unit: Unit | None = None
    reads_videos: bool | None = None
    videos: str = ""
    seed_store: str = ""

    def __post_init__(self) -> None:
        of_stage = STAGES[self.stage]
        object.__setattr__(self, "step", self.step or self.name)
        object.__setattr__(self, "unit", self.unit or of_stage.unit)
        if self.reads_videos is None:
            object.__setattr__(self, "reads_videos", of_stage.reads_videos)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """All input files, each once."""
        files = ([each] if isinstance(each, str) else each for each in self.reads.values())
        return tuple(dict.fromkeys(chain.from_iterable(files)))

    @property
    def finds_videos(self) -> bool:
        """Whether its outputs say where videos are: it makes them, or the user has them."""
        return STAGES[self.stage].finds_videos

    @property
    def method(self) -> str:
        """The method whose code it runs; empty for none."""
        return self.settings.get("method", "") if STAGES[self.stage].runs_method else ""

    @property
    def stream(self) -> str:
        """The stream whose kind's code it runs; empty for none."""
        return self.settings.get("stream", "") if STAGES[self.stage].runs_stream else ""

    @property
    def kept_outputs(self) -> tuple[str, ...]:
        """The outputs that DVC tracks: all but videos."""
        return tuple(path for path in self.outputs if path != self.videos)

    @cached_property
    def record(self) -> str:
        """Path of the record of how its outputs were made."""
        return record_path(self.outputs[0])


def record_path(first_output: str) -> str:
    """Path of the provenance record of a job, from its first output."""
    return str(Path(first_output).with_suffix(".provenance.json"))
