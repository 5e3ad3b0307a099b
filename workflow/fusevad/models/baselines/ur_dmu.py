"""UR-DMU (Zhou et al. 2023): docs/methods/ur-dmu.md."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusevad.models.base import Blueprint, Detector
from fusevad.models.baselines.bags import chosen_mean, highest, mean_or_zero
from fusevad.models.baselines.distances import STEPS, WIDTH, DistanceTransformer
from fusevad.models.losses import (
    highest_count,
    kl_to_standard_normal,
    top_k_mean,
    video_loss,
)
from fusevad.models.output import Batch, Distribution, Output

_HIDDEN = 128


@dataclass(frozen=True, slots=True)
class Read:
    """What segments read from a memory.

    Attributes:
        attention: `B x T`, how well a segment is remembered, in [0, 1].
        raw: `B x T x 512`, the sum of slots by their attention.
        mean: of the latent state, `B x T x 512`.
    """

    attention: Tensor
    raw: Tensor
    mean: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class URDMUOutput(Output):
    """An output with further values for the losses.

    Attributes:
        features: of the transformer, `B x T x 512`.
        steps: features after each of the transformer's steps, the last are `features`.
        normal: read from the normal memory; None without memories.
        anomaly: read from the anomaly memory.
    """

    features: Tensor
    steps: tuple[Tensor, ...]
    normal: Read | None
    anomaly: Read | None


class URDMU(Detector):
    """Two memories, of normal and of anomalous segments, over a transformer with distances."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        settings = self.settings
        self.transformer = DistanceTransformer(self.dim, settings)
        read = 0
        if settings.memory_slots:
            read = WIDTH
            self.normal_memory = Memory(settings.memory_slots)
            self.anomaly_memory = Memory(settings.memory_slots)
            self.latent_mean = nn.Linear(WIDTH, WIDTH)
            if settings.latent_noise:
                self.latent_log_variance = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Sequential(
            nn.Linear(WIDTH + read, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1)
        )

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> URDMUOutput:
        """See `Detector.forward`; latent means give the scores, also in training."""
        x, steps = streams["rgb"], []
        for place in range(STEPS):
            x = self.transformer.step(place, x, mask)
            steps.append(x)
        return self.judge(steps)

    def judge(self, steps: Sequence[Tensor]) -> URDMUOutput:
        """What the memories and the head say of features after each step, by the last ones."""
        x = steps[-1]
        known = {"features": x, "steps": tuple(steps)}
        if not self.settings.memory_slots:
            return URDMUOutput(self._score(x), normal=None, anomaly=None, **known)
        normal, anomaly = (self._read(m, x) for m in (self.normal_memory, self.anomaly_memory))
        logits = self._score(torch.cat((x, normal.mean + anomaly.mean), dim=-1))
        return URDMUOutput(logits, normal=normal, anomaly=anomaly, **known)

    def losses(self, output: URDMUOutput, batch: Batch) -> dict[str, Tensor]:
        """Losses of videos, of the memories' attention, of triplets, of the latent state."""
        normal, anomaly, loss = output.normal, output.anomaly, self.loss
        if normal is None or anomaly is None:
            return {"classification": video_loss(output, batch, loss)}
        latent, terms = self._latent(normal, batch)
        both = torch.cat((output.features, latent + anomaly.mean), dim=-1)
        places = Places.of(normal, anomaly, batch, loss.top_k_divisor)
        memory = memory_loss(normal, anomaly, batch, loss.top_k_divisor)
        triplet = triplet_loss(*places.means(output.features, output.features))
        anchor, _, negative = places.means(latent, anomaly.mean)
        distance = norm_gaps(anchor, negative, loss.latent_margin)
        return terms | {
            "classification": video_loss(Output(self._score(both)), batch, loss),
            "memory": loss.memory * memory,
            "triplet": loss.triplet * triplet,
            "latent_distance": loss.latent_distance * distance,
        }

    def _latent(self, normal: Read, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The latent state of the normal memory, sampled for normal videos, and its KL term."""
        if not self.settings.latent_noise:
            return normal.mean, {}
        usual = ~(batch.labels > 0)
        log_variance = self.latent_log_variance(normal.raw)
        noise = torch.randn_like(log_variance) * (log_variance / 2).exp()
        kl = kl_to_standard_normal(Distribution(normal.mean, log_variance))
        term = self.loss.latent_kl * mean_or_zero(kl[batch.mask & usual[:, None]])
        return normal.mean + noise * usual[:, None, None], {"latent_kl": term}

    def _score(self, x: Tensor) -> Tensor:
        return self.head(x).squeeze(-1)

    def _read(self, memory: "Memory", x: Tensor) -> Read:
        attention, raw = memory(x)
        return Read(attention, raw, self.latent_mean(raw))


class Memory(nn.Module):
    """Slots of 512 features that segments attend to, each by a sigmoid."""

    def __init__(self, slots: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(WIDTH)
        self.slots = nn.Parameter(torch.empty(slots, WIDTH).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`B x T x 512` to the mean attention of the highest slots, `B x T`, and what is read."""
        attention = (x @ self.slots.T / math.sqrt(WIDTH)).sigmoid()
        highest_slots = attention.topk(len(self.slots) // 16 + 1, dim=-1).values
        return highest_slots.mean(dim=-1), attention @ self.slots


@dataclass(frozen=True, slots=True)
class Places:
    """The segments of a batch that its memories find most normal and most anomalous.

    Attributes:
        normal: `B x T`, those that the normal memory attends to most.
        anomalous: `B x T`, those that the anomaly memory attends to most.
        labels: `B`, true for anomalous videos.
    """

    normal: Tensor
    anomalous: Tensor
    labels: Tensor

    @classmethod
    def of(cls, normal: Read, anomaly: Read, batch: Batch, divisor: int) -> "Places":
        """`highest_count` of each video."""
        count = highest_count(batch.mask, divisor)
        found = (highest(read.attention, batch.mask, count) for read in (normal, anomaly))
        return cls(*found, batch.labels > 0)

    def means(self, of_normal: Tensor, of_anomalous: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Anchor `N x 512`, positive and negative `A x 512` of a triplet.

        Anchor and positive are the most normal segments of normal and of anomalous videos, in
        `of_normal`; the negative is the most anomalous segments of the latter, in `of_anomalous`.
        """
        usual = chosen_mean(of_normal, self.normal)
        odd = chosen_mean(of_anomalous, self.anomalous)
        return usual[~self.labels], usual[self.labels], odd[self.labels]


def memory_loss(normal: Read, anomaly: Read, batch: Batch, divisor: int) -> Tensor:
    """Sum of the cross-entropies of the memories' attention.

    In anomalous videos, only the highest segments of the anomaly memory and the lowest of the
    normal memory count; in normal videos, all segments.
    """
    odd = batch.labels > 0
    real, usual = batch.mask[odd], batch.mask & ~odd[:, None]
    return (
        _cross_entropy(top_k_mean(anomaly.attention[odd], real, divisor), 1.0)
        + _cross_entropy(top_k_mean(1 - normal.attention[odd], real, divisor), 1.0)
        + _cross_entropy(normal.attention[usual], 1.0)
        + _cross_entropy(anomaly.attention[usual], 0.0)
    )


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Mean over pairs of a normal and an anomalous video of `max(0, d(a, p) - d(a, n) + 1)`.

    Features are scaled to norm 1. The released code pairs videos by their position in the batch.
    """
    anchor, positive, negative = (
        functional.normalize(x, dim=-1) for x in (anchor, positive, negative)
    )
    near = functional.pairwise_distance(anchor[:, None], positive[None])
    far = functional.pairwise_distance(anchor[:, None], negative[None])
    return mean_or_zero((near - far + 1).relu())


def norm_gaps(anchor: Tensor, negative: Tensor, margin: float) -> Tensor:
    """Mean over pairs of a normal and an anomalous video of `max(0, margin - |n| + |a|)`."""
    gaps = margin - negative.norm(dim=-1)[None] + anchor.norm(dim=-1)[:, None]
    return mean_or_zero(gaps.relu())


def _cross_entropy(p: Tensor, label: float) -> Tensor:
    target = torch.full_like(p, label)
    return mean_or_zero(functional.binary_cross_entropy(p, target, reduction="none"))
