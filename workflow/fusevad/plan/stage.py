"""Facts shared by all jobs of a stage: version, unit of DVC, and its use of videos.

Together with the function of `stages` that yields the stage's jobs, this describes a stage once:
rules take their inputs from there, lineages the version, DVC the unit.
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
# Units that all configurations share; each configuration has its own of the others.
SHARED_UNITS: tuple[Unit, ...] = ("fetched", "data", "cues", "encoders", "embeddings")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage; single jobs may differ in `unit` and `reads_videos`.

    Attributes:
        unit: stage of `dvc.yaml` that tracks the jobs' outputs.
        version: raised when outputs change for the same settings and inputs.
        reads_videos: whether jobs open the videos of a data set.
        finds_videos: whether jobs' outputs say where the videos of a data set are: they make them,
            or the user has them.
    """

    unit: Unit
    version: int = 1
    reads_videos: bool = False
    finds_videos: bool = False


# By verb of `fusevad`.
STAGES = {
    "align": Stage("encoders"),
    "book": Stage("pages"),
    "camera-cues": Stage("cues", version=2),
    "contact-sheet": Stage("pages", reads_videos=True),
    "cues": Stage("cues", version=3, reads_videos=True),
    "embed": Stage("embeddings", version=2),  # only the stream `rgb` reads videos
    "evaluate": Stage("runs", version=2),
    "event-clip": Stage("encoders"),
    "fetch": Stage("fetched"),
    "import-features": Stage("embeddings"),
    "index": Stage("embeddings"),
    "labels": Stage("data", finds_videos=True),
    "manifest": Stage("data", version=2, reads_videos=True),
    "manifest-from-features": Stage("data"),
    "render": Stage("data", RENDER_VERSION, finds_videos=True),
    "report": Stage("tables"),  # figures, claims and metrics have units of their own
    "splice": Stage("data", SPLICE_VERSION, finds_videos=True),
    "study-attention": Stage("studies", reads_videos=True),
    "study-equivalence": Stage("studies"),
    "study-leaks": Stage("studies"),
    "study-masking": Stage("studies"),
    "study-noise": Stage("studies"),
    "train": Stage("runs", version=2),
}
