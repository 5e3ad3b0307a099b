"""Training of one seed: a function of settings, data and seed alone, resumable by epoch."""

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from fusevad.embed.store import Streams
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import Ranking
from fusevad.files import keep, kept
from fusevad.models import ModelSettings, build
from fusevad.parsing import FORBID
from fusevad.train.losses import LossSettings, LossTerms, objective, top_k_mean
from fusevad.train.sampling import Sample, Split, TrainVideo, epoch_batches, split_validation

SCORE_COLUMNS = ("score", "weight_rgb", "weight_motion")
_ROWS_PER_BATCH = 16


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What decides the numbers of a run, but its seed and data (IEF-VAD, appendix I).

    Attributes:
        method: name of a registered detector.
        max_segments: longer training videos are pooled to this, test videos cut in such chunks.
        crops_per_epoch: crops of each video in an epoch, drawn anew each time; 10 is all.
        sampling, drop_last: see `epoch_batches`.
        milestones: epochs after which the learning rate is multiplied by `learning_rate_decay`.
        validation_share: share of the training videos held out to choose an epoch.
        test_crops: crops whose scores are averaged when scoring whole videos, by their place in
            the embeddings.
    """

    __pydantic_config__ = FORBID

    method: str
    model: ModelSettings = field(default_factory=ModelSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    epochs: int = 10
    batch_size: int = 64
    sampling: Literal["balanced", "joint"] = "balanced"
    drop_last: bool = False
    learning_rate: float = 2e-5
    weight_decay: float = 0.01
    milestones: tuple[int, ...] = (4, 8)
    learning_rate_decay: float = 0.1
    max_segments: int = 256
    crops_per_epoch: int = 10
    validation_share: float = 0.1
    test_crops: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """A row of `history.csv`: mean training losses and what validation says after an epoch."""

    epoch: int
    loss: float
    classification: float
    kl: float
    alignment: float
    validation_auc: float
    validation_loss: float


@dataclass(slots=True)
class SeedResult:
    """What one seed leaves behind.

    Attributes:
        history: a record an epoch.
        scores: `epochs x segments x 3` of the test videos in manifest order, float32; the last axis
            is `SCORE_COLUMNS`, NaN where a method has no weights.
        last: weights after the last epoch.
        best: weights after the epoch that validation chooses.
    """

    history: list[EpochRecord]
    scores: Tensor
    last: dict[str, Tensor]
    best: dict[str, Tensor]


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """Epoch of the highest validation AUC; ties go to the lower loss, then to the earlier epoch."""
    return min(history, key=lambda r: (-r.validation_auc, r.validation_loss, r.epoch)).epoch


class SeedRun:
    """Trains one seed. `progress` is its checkpoint file, re-written after every epoch."""

    def __init__(
        self,
        settings: TrainSettings,
        streams: Streams,
        videos: Sequence[TrainVideo],
        test_videos: Sequence[str],
        seed: int,
        progress: Path,
    ) -> None:
        self.settings = settings
        self.streams = streams
        self.test_videos = test_videos
        self.seed = seed
        self.progress = progress
        self.split: Split = split_validation(videos, settings.validation_share, seed)
        torch.manual_seed(seed)
        model_settings = replace(settings.model, dim=streams.rgb.dim)
        self.model = build(settings.method, model_settings).to(streams.rgb.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.scheduler = torch.optim.lr_scheduler.MultiStepLR(
            self.optimizer, list(settings.milestones), settings.learning_rate_decay
        )
        self.history: list[EpochRecord] = []
        self.scores: list[Tensor] = []
        self.best: dict[str, Tensor] = {}

    def run(self, after_epoch: Callable[[], None]) -> SeedResult:
        """Train to the end, from the last checkpoint where there is one."""
        self._resume()
        for _ in self.history:
            after_epoch()
        while len(self.history) < self.settings.epochs:
            self._epoch(len(self.history))
            self._save()
            after_epoch()
        return SeedResult(
            self.history, torch.stack(self.scores), _copy(self.model.state_dict()), self.best
        )

    def _epoch(self, epoch: int) -> None:
        # Dropout draws from torch's global generator: seeding it here makes every epoch a function
        # of the seed and its number, so that a resumed run repeats an uninterrupted one.
        torch.manual_seed(self.seed * 100_003 + epoch + 1)
        losses = self._train(epoch)
        self.scheduler.step()
        validation_auc, validation_loss = self._validate()
        self.history.append(EpochRecord(epoch, *losses, validation_auc, validation_loss))
        self.scores.append(torch.cat(list(self.score(self.test_videos).values())))
        if best_epoch(self.history) == epoch:
            self.best = _copy(self.model.state_dict())

    def _train(self, epoch: int) -> tuple[float, float, float, float]:
        s = self.settings
        self.model.train()
        sums, batches = torch.zeros(4), 0
        for samples in epoch_batches(
            self.split.fit,
            self.streams.rgb.crops,
            s.crops_per_epoch,
            s.batch_size,
            s.sampling,
            s.drop_last,
            self.seed,
            epoch,
        ):
            terms = self._loss(samples)
            self.optimizer.zero_grad()
            terms.total.backward()
            self.optimizer.step()
            sums += torch.tensor([float(v.detach()) for v in _values(terms)])
            batches += 1
        loss, classification, kl, alignment = (sums / batches).tolist()
        return loss, classification, kl, alignment

    def _loss(self, samples: Sequence[Sample]) -> LossTerms:
        s = self.settings
        batch = self.streams.training_batch(
            [(sample.video.name, sample.crop) for sample in samples],
            s.max_segments,
            pad_to_max=not s.model.mask_padding,
        )
        labels = torch.tensor([sample.video.anomalous for sample in samples])
        output = self.model(batch.rgb, batch.motion, batch.mask)
        return objective(output, labels.to(batch.rgb.device), batch.mask, s.loss)

    def _validate(self) -> tuple[float, float]:
        """Video-level AUC and cross-entropy of the held-out training videos."""
        videos = self.split.validation
        segments = self.score([video.name for video in videos])
        scores = torch.stack([_video_score(x[:, 0], self.settings) for x in segments.values()])
        labels = torch.tensor([video.anomalous for video in videos]).float()
        ranking = Ranking.of(scores.numpy(), labels.numpy(), 1 - labels.numpy())
        loss = functional.binary_cross_entropy(scores, labels)
        return ranking.auc(), float(loss)

    @torch.inference_mode()
    def score(self, videos: Sequence[str]) -> dict[str, Tensor]:
        """Score whole videos: `segments x 3` each (`SCORE_COLUMNS`), the mean over crops."""
        self.model.eval()
        s = self.settings
        result: dict[str, Tensor] = {}
        for names in self._groups(videos):
            batch = self.streams.test_batch(
                names, s.test_crops, s.max_segments, pad_to_max=not s.model.mask_padding
            )
            output = self.model(batch.rgb, batch.motion, batch.mask)
            absent = torch.full_like(output.logits, torch.nan)[..., None]
            weights = output.weights or (absent, absent)
            columns = [output.logits.sigmoid(), *(weight.mean(dim=-1) for weight in weights)]
            rows = torch.stack(columns, dim=-1)[batch.mask].float().cpu()
            lengths = [len(self.streams.rgb[name]) * len(s.test_crops) for name in names]
            for name, part in zip(names, rows.split(lengths), strict=True):
                result[name] = part.unflatten(0, (len(s.test_crops), -1)).mean(dim=0)
        return {name: result[name] for name in videos}

    def _groups(self, videos: Sequence[str]) -> list[list[str]]:
        """Videos of similar lengths together, about `_ROWS_PER_BATCH` chunks in a group."""
        s = self.settings
        groups: list[list[str]] = [[]]
        rows = 0
        for video in sorted(videos, key=lambda video: len(self.streams.rgb[video])):
            chunks = len(s.test_crops) * -(-len(self.streams.rgb[video]) // s.max_segments)
            if groups[-1] and rows + chunks > _ROWS_PER_BATCH:
                groups.append([])
                rows = 0
            groups[-1].append(video)
            rows += chunks
        return groups

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "history": [asdict(record) for record in self.history],
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
            device = self.streams.rgb.device
            state: dict[str, Any] = torch.load(io.BytesIO(content), device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scheduler.load_state_dict(state["scheduler"])
            self.history = [EpochRecord(**record) for record in state["history"]]
            self.scores, self.best = [x.cpu() for x in state["scores"]], state["best"]
        except Exception as error:
            reason = str(error).split("\n\t")[-1].strip().splitlines()[0]
            raise FusevadError(
                f"{self.progress}: not a checkpoint of this run ({reason}); delete the file to "
                "train this seed from the start"
            ) from error


def _video_score(scores: Tensor, settings: TrainSettings) -> Tensor:
    row = scores[None]
    return top_k_mean(row, torch.ones_like(row, dtype=torch.bool), settings.loss.top_k_divisor)[0]


def _values(terms: LossTerms) -> tuple[Tensor, ...]:
    return terms.total, terms.classification, terms.kl, terms.alignment


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}
