"""Settings of the studies of finished runs; imports nothing heavy."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from fusevad.cues.settings import CueSettings
from fusevad.embed.settings import EmbedSettings
from fusevad.encoders.settings import AttentionMethod, EncoderSettings
from fusevad.errors import FusevadError
from fusevad.evaluate.settings import MOST_ALARMS, AlarmSettings
from fusevad.parsing import FORBID, check_once


@dataclass(frozen=True, slots=True)
class MaskingSettings:
    """The weights and the masked shares.

    Attributes:
        protocol: whose weights are used; training keeps none for `oracle`.
        levels: shares of the feature dimensions; 0, the clean embedding, is always measured.
    """

    __pydantic_config__ = FORBID

    protocol: str = "validation"
    levels: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0, 0.05, 0.1, 0.2, 0.3, 0.5)

    def __post_init__(self) -> None:
        check_once("masking: levels", self.levels)


@dataclass(frozen=True, slots=True)
class LocalitySettings:
    """The weights whose locality is studied.

    Attributes:
        protocol: whose weights are used; training keeps none for `oracle`.
    """

    __pydantic_config__ = FORBID

    protocol: str = "validation"


@dataclass(frozen=True, slots=True)
class NoiseSettings:
    """The amount of background activity, and how noisy cues are embedded.

    Attributes:
        embed: as in `fusevad embed` of the motion-cue stream that the run learned from.
        protocol: whose weights are used; training keeps none for `oracle`.
        levels: mean number of spurious counts a pixel and difference, ascending; 0, the clean cues,
            is always measured, on the stored embeddings.
        seed: of the noise, which is drawn once for a video: all detectors get the same noise.
    """

    __pydantic_config__ = FORBID

    embed: EmbedSettings
    protocol: str = "validation"
    levels: tuple[Annotated[float, Field(ge=0)], ...] = (
        0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5,
    )  # fmt: skip
    seed: int = 0

    def __post_init__(self) -> None:
        if list(self.levels) != sorted(set(self.levels)):
            raise FusevadError(f"noise levels {list(self.levels)}: give each once, ascending")


@dataclass(frozen=True, slots=True)
class AttentionSettings:
    """The encoder, its attention, and when a patch counts as attended.

    Attributes:
        stream: `motion-T16-thr10` or another motion stream: the cue beside the image.
        encoder: the CLIP with its motion-cue tower.
        cues: the settings of the motion cues.
        method: `last` or, only for transformers, `rollout`; see `encoders.attention`.
        relative_to: a patch is attended if its attention is above `threshold` times the image's
            `maximum`, or times its `mean`, the value of uniform attention.
        threshold: this factor.
        segments_per_video: at most so many anomalous and so many normal segments of a video, evenly
            spaced.
    """

    __pydantic_config__ = FORBID

    stream: str
    encoder: EncoderSettings
    cues: CueSettings = field(default_factory=CueSettings)
    method: AttentionMethod = "last"
    relative_to: Literal["maximum", "mean"] = "maximum"
    threshold: float = 0.5
    segments_per_video: int = 32

    def __post_init__(self) -> None:
        if self.threshold <= 0 or (self.relative_to == "maximum" and self.threshold >= 1):
            raise FusevadError(
                f"attention: threshold {self.threshold} of the {self.relative_to} leaves all or no "
                "patches; use a number above 0, and below 1 for the maximum"
            )
        if self.segments_per_video < 1:
            raise FusevadError(
                f"attention: segments_per_video {self.segments_per_video}; use at least 1"
            )


# Crops of another data set, by their place in its embeddings.
_Crops = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]

# Parts of the scored videos: normal ones held out from a seed's training, learned from, or of other
# footage; of another data set its normal training videos, unseen by all seeds, and its test videos.
HELD_OUT, LEARNED, FOOTAGE, UNSEEN, TEST = "held-out", "learned", "footage", "unseen", "test"


@dataclass(frozen=True, slots=True)
class NormalScoresSettings:
    """Which videos are scored, and by whose weights.

    Attributes:
        protocol: whose weights are used; training keeps none for `oracle`.
        videos: the normal training videos of the data set that the run learned from, other footage
            that is normal throughout, or the test videos and normal training videos of another
            data set.
        test_crops: crops that are scored, by their place in the embeddings; null: where training
            had them.
    """

    __pydantic_config__ = FORBID

    protocol: str = "validation"
    videos: Literal["training", "footage", "other"] = "training"
    test_crops: _Crops | None = None


@dataclass(frozen=True, slots=True)
class AlarmTableSettings:
    """What the table of alarms shows.

    Attributes:
        rates: false alarms an hour that thresholds are chosen for.
        overlaps: temporal intersection over union from which an event is an annotated one.
        judged_at: the rate at which delays and event F1 are given.
        events: how scores become alarms.
    """

    __pydantic_config__ = FORBID

    rates: tuple[Annotated[float, Field(gt=0, le=MOST_ALARMS)], ...] = (1, 5, 20)
    overlaps: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.2, 0.5)
    judged_at: Annotated[float, Field(gt=0)] = 5
    events: AlarmSettings = field(default_factory=AlarmSettings)

    def __post_init__(self) -> None:
        check_once("alarms: rates", self.rates)
        check_once("alarms: overlaps", self.overlaps)
        if self.judged_at not in self.rates:
            raise FusevadError(f"alarms: judged_at {self.judged_at:g} is none of the rates")


@dataclass(frozen=True, slots=True)
class EquivalenceSettings:
    """The other method, whose parameters have the same names and shapes."""

    __pydantic_config__ = FORBID

    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """A finished run whose detector is measured.

    Attributes:
        experiment: its name.
        run: its folder.
        streams: names of the streams that it reads, by role.
        texts: file of the texts of classes, where the method learns with them.
        teacher: folder of the run that it learned from, if any.
    """

    __pydantic_config__ = FORBID

    experiment: str
    run: str
    streams: dict[str, str]
    texts: str | None = None
    teacher: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRun(MeasuredRun):
    """A finished run on another data set.

    Attributes:
        dataset: that it was trained on.
        test_crops: as in `NormalScoresSettings`.
    """

    dataset: str
    test_crops: _Crops | None = None


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Which runs on other data sets are tested.

    Attributes:
        runs: each with the streams, of the data set tested on, that it reads.
    """

    __pydantic_config__ = FORBID

    runs: tuple[TransferRun, ...]


@dataclass(frozen=True, slots=True)
class SpeedSettings:
    """Whose speed is measured.

    Attributes:
        runs: on one data set.
        seed: whose weights score, and which is trained.
        embed: settings of `fusevad embed` by stream; empty where features were imported.
    """

    __pydantic_config__ = FORBID

    runs: tuple[MeasuredRun, ...]
    seed: int
    embed: dict[str, dict[str, Any]] = field(default_factory=dict)
