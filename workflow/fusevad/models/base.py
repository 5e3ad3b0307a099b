"""What every detector shares: settings, output, registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from fusevad.errors import FusevadError
from fusevad.parsing import FORBID


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Architecture of a detector. Symbols and defaults: IEF-VAD, appendix I.

    `mask_padding`, `refinement_networks` and `epsilon_in` name the three places where the
    released code computes something else than the paper (docs/released.md). `dim` is the width of
    the embeddings: 768 for ViT-L/14. Not of the paper: `refinement_networks: narrow`,
    `robust_iterations` (`robust-student-t`) and `covariance_rank` (`low-rank`).
    """

    __pydantic_config__ = FORBID

    dim: int = 768
    layers: int = 2
    heads: int = 8
    dropout: float = 0.1
    nu: float = 8.0
    epsilon: float = 1e-8
    epsilon_in: Literal["variance", "weights"] = "variance"
    refinement_steps: int = 10
    refinement_rate: float = 0.5
    refinement_networks: Literal["shared", "separate", "narrow"] = "shared"
    sequential_update: bool = False
    process_noise: float = 0.0
    mask_padding: bool = True
    robust_iterations: int = 3
    covariance_rank: int = 4


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a method says of one modality.

    Attributes:
        mean: `B x T x D`.
        log_variance: (effective) log-variance of each feature, `B x T x D`.
        factors: `B x T x D x R` where features are correlated: with `S = diag(exp(log_variance /
            2))` and `F` the factors of a segment, its covariance is `S (I + F F^T) S`.
    """

    mean: Tensor
    log_variance: Tensor
    factors: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What a detector returns for a batch.

    Attributes:
        logits: `B x T`; the anomaly score is their sigmoid.
        distributions: of RGB and motion cue, for the KL and alignment losses; empty for methods
            that do not model uncertainty.
        weights: of RGB and motion cue in the fusion, each `B x T x D`, non-negative and summing
            to 1 (up to epsilon where it is added to them); empty for methods without.
    """

    logits: Tensor
    distributions: tuple[Distribution, ...] = ()
    weights: tuple[Tensor, ...] = ()


class Detector(nn.Module, ABC):
    """A method: RGB and motion-cue embeddings of a video in, a logit for each segment out.

    Attributes:
        needs_motion_cue: false for a method that `forward` may give `None` for `motion`; the same
            names stand in `motion_cue.METHODS_WITHOUT`.
    """

    needs_motion_cue: ClassVar[bool] = True

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings

    @abstractmethod
    def forward(self, rgb: Tensor, motion: Tensor, mask: Tensor) -> Output:
        """Score segments.

        Args:
            rgb: `B x T x D` image embeddings.
            motion: `B x T x D` motion-cue embeddings.
            mask: `B x T`, true where a segment is real and not padding.
        """


_METHODS: dict[str, type[Detector]] = {}


def register(name: str) -> Callable[[type[Detector]], type[Detector]]:
    """Class decorator: make a method known as `name` in `config/experiments/`."""

    def add(cls: type[Detector]) -> type[Detector]:
        _METHODS[name] = cls
        return cls

    return add


def method_names() -> list[str]:
    """Names of all methods, sorted."""
    return sorted(_METHODS)


def needs_motion_cue(name: str) -> bool:
    """Whether the detector `name` reads motion cues; see `Detector.needs_motion_cue`."""
    return _method(name).needs_motion_cue


def build(name: str, settings: ModelSettings) -> Detector:
    """Make the detector `name` with fresh weights from torch's global generator."""
    method = _method(name)
    if settings.dim % settings.heads:
        raise FusevadError(
            f"method '{name}': {settings.heads} heads do not divide an embedding of "
            f"{settings.dim}; choose another number of heads"
        )
    return method(settings)


def _method(name: str) -> type[Detector]:
    if name not in _METHODS:
        raise FusevadError(f"method '{name}' is unknown; choose one of {', '.join(method_names())}")
    return _METHODS[name]
