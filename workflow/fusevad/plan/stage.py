"""What is true of every job of a stage: its version, who keeps its files, what it does with videos.

With the function of `stages` that yields the stage's jobs, this describes a stage once: the rules
take inputs from there, lineages the version, DVC the unit.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from fusevad.data.render.settings import VERSION as RENDER_VERSION
from fusevad.data.splice.settings import VERSION as SPLICE_VERSION

# Stages of dvc.yaml.
Unit = Literal[
    "fetched",
    "data",
    "cues",
    "encoders",
    "embeddings",
    "runs",
    "studies",
    "tables",
    "figures",
    "claims",
    "pages",
    "metrics",
]
UNITS: tuple[Unit, ...] = get_args(Unit)
# Units whose files all configurations share; the others are made for each.
SHARED_UNITS: tuple[Unit, ...] = ("fetched", "data", "cues", "encoders", "embeddings")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage; single jobs may differ in `unit` and `reads_videos`.

    Attributes:
        unit: stage of `dvc.yaml` that keeps what the jobs make.
        version: raised when jobs make something else of the same settings and inputs.
        reads_videos: whether jobs open the videos of a data set.
        finds_videos: whether jobs say where the videos of a data set are, which they make or the
            user has.
    """

    unit: Unit
    version: int = 1
    reads_videos: bool = False
    finds_videos: bool = False


# By the verb of `fusevad` that does the job.
STAGES = {
    "align": Stage("encoders"),
    "book": Stage("pages"),
    "camera-cues": Stage("cues", version=2),
    "contact-sheet": Stage("pages", reads_videos=True),
    "cues": Stage("cues", version=3, reads_videos=True),
    "embed": Stage("embeddings", version=2),  # reads videos for the stream `rgb` alone
    "evaluate": Stage("runs", version=2),
    "event-clip": Stage("encoders"),
    "fetch": Stage("fetched"),
    "import-features": Stage("embeddings"),
    "index": Stage("embeddings"),
    "labels": Stage("data", finds_videos=True),
    "manifest": Stage("data", version=2, reads_videos=True),
    "manifest-from-features": Stage("data"),
    "render": Stage("data", RENDER_VERSION, finds_videos=True),
    "report": Stage("tables"),  # figures, claims and metrics are units of their own
    "splice": Stage("data", SPLICE_VERSION, finds_videos=True),
    "study-attention": Stage("studies", reads_videos=True),
    "study-equivalence": Stage("studies"),
    "study-leaks": Stage("studies"),
    "study-masking": Stage("studies"),
    "study-noise": Stage("studies"),
    "train": Stage("runs", version=2),
}
