"""Facts shared by all jobs of a stage: version, source code, unit of DVC, and its use of videos.

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
        unit: stage of `dvc.yaml` that tracks the jobs' outputs; None: DVC does not track them.
        version: raised when outputs change for the same settings and inputs.
        source: its code, as files and folders of the package (without their subfolders); a change
            there calls for a new version (`sources`). Programs of pages count as code.
        runs_method: whether jobs run the code of the method that their setting `method` names.
        runs_stream: whether they run the code of the kind of their setting `stream`.
        reads_videos: whether jobs open the videos of a data set.
        finds_videos: whether jobs' outputs say where the videos of a data set are: they make them,
            or the user has them.
    """

    unit: Unit | None
    version: int = 1
    source: tuple[str, ...] = ()
    runs_method: bool = False
    runs_stream: bool = False
    reads_videos: bool = False
    finds_videos: bool = False


_TABLES = (
    "data/label_tables.py",
    "data/names.py",
    "data/numbers.py",
    "data/spreadsheets.py",
    "spelling.py",
)
_MANIFEST = ("data/manifest.py", "data/manifest_making.py")
# How the videos of a manifest are read.
_VIDEOS = ("data/footage.py", "video")
# Code that all methods share.
_METHODS = tuple(f"models/{name}.py" for name in ("base", "layers", "losses", "output"))
_STUDY = ("studies/trained.py", "evaluate/metrics.py", "evaluate/scoring.py")
_TRAINING = ("train", "evaluate/history.py", "evaluate/scoring.py", "embed/store.py", *_METHODS)

# By verb of `fusevad`.
STAGES = {
    "align": Stage("encoders", source=("embed/align.py", "encoders")),
    "book": Stage("pages", source=("report/book.py",)),
    "bundle": Stage(
        "pages",
        source=(
            *(f"deploy/{n}.py" for n in ("archive", "card", "contents", "making", "thresholds")),
            "deploy/versions.py",
            "data/footage.py",
            "evaluate/alarms.py",
            "evaluate/timed_videos.py",
        ),
        version=4,
    ),
    "camera-cues": Stage("cues", version=3, source=("cues", "data/footage.py")),
    "class-texts": Stage(
        "encoders",
        source=tuple(
            f"encoders/{n}.py" for n in ("class_texts", "open_clip_models", "text", "weights")
        ),
    ),
    "contact-sheet": Stage("pages", source=("data/render/sheet.py", "video"), reads_videos=True),
    "cues": Stage("cues", version=4, source=("cues", *_VIDEOS), reads_videos=True),
    # Whether videos are read, the kind of the stream says.
    "embed": Stage(
        "embeddings", version=3, source=("embed", "encoders", *_VIDEOS), runs_stream=True
    ),
    "evaluate": Stage(
        "runs",
        version=3,
        source=("evaluate/history.py", "evaluate/metrics.py", "evaluate/run.py", "data/truth.py"),
    ),
    "event-clip": Stage("encoders", source=("encoders/event_clip.py",)),
    # The page is made in seconds, and a page of others would bring its own program.
    "explorer": Stage(
        None,
        version=3,
        source=(
            "report/explorer",
            "report/explorer/static",
            "report/explorer/static/vendor",
            "report/runs.py",
            "evaluate/parquet_footer.py",
            "evaluate/score_table.py",
            "data/truth.py",
            *_VIDEOS,
        ),
        reads_videos=True,
    ),
    "fetch": Stage("fetched", source=("data/fetch",)),
    # DVC tracks no videos.
    "films": Stage(
        None,
        source=(
            *(f"report/explorer/{name}.py" for name in ("films", "encoding", "settings")),
            "cues/reading.py",
            *_VIDEOS,
        ),
        reads_videos=True,
    ),
    "import-scores": Stage(
        "runs", version=2, source=("evaluate/imported", "evaluate/metrics.py", "data/truth.py")
    ),
    "import-features": Stage("embeddings", source=("embed/imported", "embed/shards.py")),
    "index": Stage("embeddings", source=("embed/index.py",)),
    "labels": Stage(
        "data",
        source=("data/recorded", "data/recorded/formats", "data/made_videos.py", *_TABLES),
        finds_videos=True,
    ),
    "localise": Stage(
        "runs",
        source=(
            *(f"evaluate/{n}.py" for n in ("events", "localise", "settings")),
            *(f"evaluate/{n}.py" for n in ("parquet_footer", "score_table")),
            "data/truth.py",
        ),
    ),
    "manifest": Stage("data", version=2, source=(*_MANIFEST, "video", *_TABLES), reads_videos=True),
    "manifest-from-features": Stage("data", source=(*_MANIFEST, "embed/imported")),
    "own-labels": Stage("data", source=("data/own/labels.py", *_TABLES), finds_videos=True),
    "render": Stage(
        "data", RENDER_VERSION, ("data/render", "data/made_videos.py"), finds_videos=True
    ),
    # Figures, claims and metrics have units of their own.
    "report": Stage(
        "tables",
        source=(
            "report",
            "report/verdicts",
            "data/footage.py",
            "evaluate/alarms.py",
            "evaluate/flops.py",
            "evaluate/parquet_footer.py",
            "evaluate/score_table.py",
            "evaluate/settings.py",
            "evaluate/timed_videos.py",
        ),
        version=16,
    ),
    "leaderboard": Stage("pages", source=("report/leaderboard.py",)),
    # No job: how a video's scores and alarms are computed, for `deploy.versions`.
    "score": Stage(
        None,
        source=(
            *(f"deploy/{n}.py" for n in ("detector", "looking_back", "streams")),
            *(f"evaluate/{n}.py" for n in ("alarms", "scoring")),
            *(f"models/{n}.py" for n in ("base", "layers", "output")),
        ),
    ),
    "search": Stage("runs", source=_TRAINING, runs_method=True),
    "splice": Stage(
        "data",
        SPLICE_VERSION,
        ("data/splice", "data/render/encode.py", "data/made_videos.py"),
        finds_videos=True,
    ),
    "study-alarms": Stage("studies", source=("studies/alarms.py", "train/sampling.py", *_STUDY)),
    "study-attention": Stage(
        "studies",
        source=("studies/attention.py", "studies/settings.py", "encoders", *_VIDEOS),
        reads_videos=True,
    ),
    "study-equivalence": Stage(
        "studies", source=("studies/equivalence.py", *_STUDY), runs_method=True
    ),
    "study-leaks": Stage("studies", source=("data/recorded/leaks.py",)),
    "study-locality": Stage(
        "studies",
        version=2,
        source=("studies/locality.py", "studies/settings.py", *_STUDY),
        runs_method=True,
    ),
    "study-masking": Stage(
        "studies", source=("studies/masking.py", "studies/settings.py", *_STUDY)
    ),
    "study-noise": Stage("studies", source=("studies/noise.py", "studies/settings.py", *_STUDY)),
    "study-speed": Stage(
        "studies", source=("studies/speed.py", "studies/settings.py", *_STUDY, "train/seed_run.py")
    ),
    "study-transfer": Stage(
        "studies", source=("studies/transfer.py", "studies/settings.py", *_STUDY)
    ),
    "train": Stage("runs", version=2, source=_TRAINING, runs_method=True),
}
