"""Training of one seed: a function of settings, data, teacher and seed; resumes by epoch.

It knows no method: a detector names its streams and returns its losses by name.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fusevad.embed.store import Streams, bin_segments, pool_segments
from fusevad.encoders.text import ClassNames, ClassTexts
from fusevad.errors import DivergedError, FusevadError
from fusevad.evaluate.history import EpochRecord, best_epoch
from fusevad.evaluate.metrics import Ranking, within_share
from fusevad.evaluate.scoring import TrainedDetector
from fusevad.files import keep, kept
from fusevad.models.base import Detector, build
from fusevad.models.losses import top_k_mean
from fusevad.models.output import Batch
from fusevad.train.optimizer import make_optimizer
from fusevad.train.sampling import Sample, Split, TrainVideo, epoch_batches, split_validation
from fusevad.train.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class SeedData:
    """Training and test data of a seed.

    Attributes:
        streams: all streams that the method and its teacher read.
        train_videos: with their video-level labels.
        test_videos: names, in the manifest's order; none where training must not see them.
        texts: of the classes; None for methods that read none.
    """

    streams: Streams
    train_videos: Sequence[TrainVideo]
    test_videos: Sequence[str]
    texts: ClassTexts | None = None


@dataclass(frozen=True, slots=True)
class SeedResult:
    """The results of one seed.

    Attributes:
        history: a record for each epoch.
        columns: of the scores, named as in `scoring.Scores`.
        scores: `epochs x segments x columns` of the test videos in manifest order, float32.
        widths: of the embeddings, by stream.
        weights: after the `last` epoch, and after the epoch that `validation` chooses.
        classes: of the data set, if the method reads texts of them.
    """

    history: list[EpochRecord]
    columns: tuple[str, ...]
    scores: Tensor
    widths: dict[str, int]
    weights: dict[str, dict[str, Tensor]]
    classes: ClassNames | None = None


class SeedRun:
    """Trains one seed. `progress` is its checkpoint file, rewritten after every epoch."""

    def __init__(
        self,
        settings: TrainSettings,
        data: SeedData,
        seed: int,
        progress: Path,
        teacher: Detector | None = None,
    ) -> None:
        self.settings = settings
        self.data = data
        self.seed = seed
        self.progress = progress
        self.teacher = teacher
        self.split: Split = split_validation(data.train_videos, settings.validation_share, seed)
        torch.manual_seed(seed)
        widths = data.streams.widths
        model = build(settings.method, settings.model, widths, settings.loss, texts=data.texts)
        self.model = model.to(data.streams.device)
        self.detector = TrainedDetector(self.model, settings)
        self.phases = list(settings.losses_by_epoch())
        self.optimizer = make_optimizer(self.model.parameters(), settings)
        self.scheduler = torch.optim.lr_scheduler.MultiStepLR(
            self.optimizer, list(settings.milestones), settings.learning_rate_decay
        )
        self.history: list[EpochRecord] = []
        self.columns: tuple[str, ...] = ()
        self.scores: list[Tensor] = []
        self.best: dict[str, Tensor] = {}

    def run(self, after_epoch: Callable[[], object]) -> SeedResult:
        """Train to the end, from the last checkpoint if there is one."""
        self._resume()
        for _ in self.history:
            after_epoch()
        while len(self.history) < self.settings.epochs:
            self._epoch(len(self.history))
            self._save()
            after_epoch()
        weights = {"last": _copy(self.model.state_dict()), "validation": self.best}
        scores = torch.stack(self.scores)
        classes = self.data.texts.classes if self.data.texts else None
        widths = dict(self.model.widths)
        return SeedResult(self.history, self.columns, scores, widths, weights, classes)

    def _epoch(self, epoch: int) -> None:
        # Dropout draws from torch's global generator: seeding it here makes every epoch a function
        # of the seed and its number, so that a resumed run equals an uninterrupted one.
        torch.manual_seed(self.seed * 100_003 + epoch + 1)
        self.model.loss = self.phases[epoch]
        terms = self._train(epoch)
        self.scheduler.step()
        warm_up = epoch < self.settings.warm_up if self.settings.phases else None
        self.history.append(EpochRecord(epoch, terms, *self._validate(), warm_up))
        tests = self.detector.score(self.data.streams, self.data.test_videos)
        self.columns = tests.columns
        rows = [*tests.segments.values(), torch.empty(0, len(tests.columns))]
        self.scores.append(torch.cat(rows))
        if not warm_up and best_epoch(self.history) == epoch:
            self.best = _copy(self.model.state_dict())

    def _train(self, epoch: int) -> dict[str, float]:
        """Train one epoch; return the mean of each term."""
        s = self.settings
        self.model.train()
        names: list[str] = []
        seen: list[Tensor] = []
        crops = self.data.streams.crops
        order = (s.crops_per_epoch, s.batch_size, s.sampling, s.drop_last, self.seed, epoch)
        for samples in epoch_batches(self.split.fit, crops, *order, s.crops_in_bag):
            terms = self._losses(samples)
            self.optimizer.zero_grad()
            sum(terms.values()).backward()
            if s.optimizer.gradient_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), s.optimizer.gradient_norm)
            self.optimizer.step()
            names = list(terms)
            seen.append(torch.tensor([float(term.detach()) for term in terms.values()]))
        if not seen:
            raise FusevadError(
                f"batch_size {s.batch_size}: {len(self.split.fit)} training videos fill no batch;"
                " lower it, or set drop_last: false"
            )
        return dict(zip(names, torch.stack(seen).mean(dim=0).tolist(), strict=True))

    def _losses(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        batch = self._batch(samples)
        output = self.model(batch.streams, batch.mask)
        if not output.logits[batch.mask].isfinite().all():
            raise DivergedError(
                f"method '{self.settings.method}', seed {self.seed}: training diverged: scores are"
                f" no finite numbers; lower the learning rate, {self.settings.learning_rate:g}"
            )
        crops = len(samples[0].crops)
        return self.model.objective(output.averaged(crops), batch.averaged(crops))

    def _batch(self, samples: Sequence[Sample]) -> Batch:
        s = self.settings
        minimum = s.max_segments if s.model.pads_to_longest else 0
        named = [(sample.video.name, crop) for sample in samples for crop in sample.crops]
        padded = self.data.streams.training_samples(named, self._shorten, minimum)
        own = {name: padded.streams[name] for name in self.model.widths}
        labels = torch.tensor([float(sample.video.anomalous) for sample in samples])
        teacher = None
        if self.teacher is not None:
            read = {name: padded.streams[name] for name in self.teacher.streams}
            with torch.no_grad():
                teacher = self.teacher(read, padded.mask)
        videos = [sample.video for sample in samples]
        classes = tuple(video.classes if video.anomalous else () for video in videos)
        return Batch(own, padded.mask, labels.to(padded.mask.device), classes, teacher)

    def _shorten(self, x: Tensor) -> Tensor:
        s = self.settings
        return pool_segments(x, s.max_segments) if s.bins is None else bin_segments(x, s.bins)

    def _validate(self) -> tuple[float, float, float]:
        """Of the held-out training videos: video-level AUC and cross-entropy, `within_share`."""
        videos = self.split.validation
        found = self.detector.score(self.data.streams, [video.name for video in videos])
        divisor = self.settings.loss.top_k_divisor
        scores = torch.stack([_video_score(x[:, 0], divisor) for x in found.segments.values()])
        labels = torch.tensor([video.anomalous for video in videos]).float()
        ranking = Ranking.of(scores.numpy(), labels.numpy(), 1 - labels.numpy())
        loss = functional.binary_cross_entropy(scores, labels)
        segments = [x[:, 0].double().numpy() for x in found.segments.values()]
        return ranking.auc(), float(loss), within_share(segments)

    def _save(self) -> None:
        state = {
            "seed": self.seed,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "history": [asdict(record) for record in self.history],
            "columns": self.columns,
            "scores": self.scores,
            "best": self.best,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        keep(buffer.getbuffer(), self.progress)

    def _resume(self) -> None:
        content = kept(self.progress)
        if content is None:
            return
        try:
            device = self.data.streams.device
            state: dict[str, Any] = torch.load(io.BytesIO(content), device, weights_only=True)
            if state["seed"] != self.seed:
                raise ValueError(f"it is of seed {state['seed']}")
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scheduler.load_state_dict(state["scheduler"])
            self.history = [EpochRecord(**record) for record in state["history"]]
            self.columns = tuple(state["columns"])
            self.scores, self.best = [x.cpu() for x in state["scores"]], _copy(state["best"])
        except Exception as error:
            said = str(error).split("\n\t")[-1].strip() or type(error).__name__
            reason = said.splitlines()[0]
            raise FusevadError(
                f"{self.progress}: not a checkpoint of this run ({reason}); delete the file to "
                "train this seed from the start"
            ) from error


def _video_score(scores: Tensor, divisor: int) -> Tensor:
    row = scores[None]
    return top_k_mean(row, torch.ones_like(row, dtype=torch.bool), divisor)[0]


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}
