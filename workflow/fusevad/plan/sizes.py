"""How large a data set is, and how much of each job's work that means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fusevad.config.model import Config
from fusevad.embed.imported.settings import LAYOUTS
from fusevad.embed.streams.registry import kind_of
from fusevad.embed.streams.rgb.settings import RGB
from fusevad.errors import FusevadError
from fusevad.parsing import read_mapping
from fusevad.plan.job import Job
from fusevad.train.settings import TrainSettings, search_candidates, train_settings

# Features of an embedding by open_clip's name of the encoder; others count as the widest.
_WIDTHS = {"ViT-B-32": 512, "ViT-B-16": 512, "ViT-L-14": 768}


def _width_in(file: Path) -> int:
    """Features of an embedding of the model that a file of open_clip or Hugging Face configures.

    Raises:
        FusevadError: it doesn't say.
    """
    values = read_mapping(file)
    inner = values.get("model_cfg")
    width = (inner if isinstance(inner, Mapping) else values).get("embed_dim")
    if type(width) is not int or width < 1:
        raise FusevadError(
            f"{file}: embed_dim: no number of features; use a model configuration of open_clip"
        )
    return width


@dataclass(frozen=True, slots=True)
class Size:
    """A data set.

    Attributes:
        training: videos of the training split.
        test_segments: segments of the test videos.
        longest: segments of the longest video.
        bytes: of all videos.
        known: where the numbers come from, and which are assumed.
    """

    videos: float
    training: float
    frames: float
    segments: float
    test_segments: float
    longest: float
    bytes: float
    known: str


@dataclass(frozen=True, slots=True)
class Work:
    """What a job does.

    Attributes:
        rate: key of its rate: stage and what else the rate depends on, most specific first.
        units: how many of the rate's units.
        unit: frame, image, row (a segment of a training sample), job, ...
    """

    rate: tuple[str, ...]
    units: float
    unit: str


@dataclass(frozen=True, slots=True)
class Workload:
    """The work of the jobs of a configuration whose data sets have these sizes."""

    config: Config
    sizes: dict[str, Size]

    def of(self, job: Job) -> Work:
        """The work of one job."""
        by_stage: dict[str, Callable[[Job], Work]] = {
            **dict.fromkeys(("cues", "camera-cues"), self._cues),
            **dict.fromkeys(("render", "splice", "manifest"), self._frames),
            "embed": self._embedding,
            "index": self._index,
            "evaluate": self._evaluation,
            "train": self._training,
            "search": self._search,
        }
        known = by_stage.get(job.stage)
        return known(job) if known else Work((job.stage,), 1, "job")

    def dataset(self, job: Job) -> str | None:
        """Key of the data set that a job is about; None for reports and downloads."""
        parts = job.name.split("/")
        return parts[1] if len(parts) > 1 and parts[1] in self.sizes else None

    def encoder(self, key: str) -> str:
        """What made a data set's embeddings: the encoder, or the layout of imported features."""
        imported = self.config.features.get(key)
        return imported["layout"] if imported else self.config.encoder

    def width(self, key: str) -> int:
        """Features of an embedding, at most."""
        if key in self.config.features:
            return max(LAYOUTS[self.encoder(key)].widths)
        model = self.config.encoder_settings["model"]
        if Path(model).suffix == ".json":
            return _width_in(Path(model))
        return _WIDTHS.get(model, max(_WIDTHS.values()))

    def share(self, job: Job) -> float:
        """Share of a data set's videos that a job works on."""
        return 1 / int(job.options["shards"]) if job.step != job.name else 1.0

    def _size(self, job: Job) -> Size:
        return self.sizes[job.name.split("/")[1]]

    def _frames(self, job: Job) -> Work:
        return Work((job.stage,), self._size(job).frames, "frame")

    def _cues(self, job: Job) -> Work:
        definition = job.settings.get("cues", job.settings)["definition"]
        frames = self._size(job).frames * self.share(job)
        return Work((f"{job.stage} {definition}", job.stage), frames, "frame")

    def _embedding(self, job: Job) -> Work:
        """Crops of frames, of segments' motion cues, or segments of another stream."""
        key, size = job.name.split("/")[1], self._size(job)
        crops = len(self.config.crops(key))
        kind = kind_of(job.stream).name
        images = {
            RGB: size.frames / self.config.every[key].frame_stride * crops,
            "motion": size.segments * crops,
        }.get(kind, size.segments)
        of_encoder = kind in (RGB, "motion")
        rate = f"embed {self.config.encoder if of_encoder else kind}"
        return Work((rate,), images * self.share(job), "image" if of_encoder else "segment")

    def _index(self, job: Job) -> Work:
        """It hashes all embeddings of a stream."""
        embeddings = self._size(job).segments * len(self.config.crops(job.name.split("/")[1]))
        return Work((job.stage,), embeddings, "embedding")

    def _evaluation(self, job: Job) -> Work:
        return Work((job.stage,), self._size(job).test_segments, "segment")

    def _training(self, job: Job) -> Work:
        _, key, experiment = job.name.split("/")
        values = self.config.train_settings(key, experiment)
        rows = self._rows(train_settings(values, job.name), self.sizes[key])
        return Work(self._training_rates(job), len(job.options["seeds"]) * rows, "row")

    def _search(self, job: Job) -> Work:
        tried = (self._rows(each, self._size(job)) for each in search_candidates(job.settings))
        return Work(self._training_rates(job), len(job.options["seeds"]) * sum(tried), "row")

    def _training_rates(self, job: Job) -> tuple[str, ...]:
        encoder = self.encoder(job.name.split("/")[1])
        return f"train {job.method} {encoder}", f"train {encoder}"

    @staticmethod
    def _rows(settings: TrainSettings, size: Size) -> float:
        """Segments that one seed trains on: batches are padded to their longest sample."""
        length = settings.bins or min(settings.max_segments, size.longest)
        kept = size.training * (1 - settings.validation_share)
        return settings.epochs * kept * settings.crops_per_epoch * length
