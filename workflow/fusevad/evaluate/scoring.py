"""Score whole videos with a trained model: after each epoch, in studies, on a user's own."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from fusevad import json_text
from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.embed.store import Streams
from fusevad.encoders.text import ClassNames
from fusevad.errors import FusevadError
from fusevad.evaluate.history import CLASS, SCORE, WEIGHT
from fusevad.files import atomic_path
from fusevad.models.base import Detector, build
from fusevad.models.output import Output
from fusevad.parsing import parse
from fusevad.tensor_files import open_tensors
from fusevad.train.settings import TrainSettings, as_method, train_settings

_ROWS_PER_BATCH = 16
_ABOUT = "detector"
# Features of a stream; the widest of published ones have 4,096.
_WIDEST = 1 << 16


@dataclass(frozen=True, slots=True)
class _About:
    """Notes in a file of weights: settings, widths by stream, device, and classes it reads."""

    settings: dict[str, Any]
    widths: dict[str, Annotated[int, Field(gt=0, le=_WIDEST)]]
    device: str | None = None
    classes: ClassNames | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """A detector's scores of videos.

    Attributes:
        columns: `score`, then `weight_STREAM` for each stream that the method weights, and
            `class_NAME` for each class that it tells apart.
        segments: by video, `segments x columns` float32 on the CPU.
    """

    columns: tuple[str, ...]
    segments: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class About:
    """What a file of weights says of its detector.

    Attributes:
        settings: that it was trained with.
        widths: of its streams, by role.
        classes: of the data set, where the method reads texts of them.
    """

    settings: TrainSettings
    widths: dict[str, int]
    classes: ClassNames | None = None


@dataclass(frozen=True, slots=True)
class TrainedDetector:
    """A detector and the settings that it was trained with, which decide how it scores."""

    model: Detector
    settings: TrainSettings

    @torch.inference_mode()
    def score(self, streams: Streams, videos: Sequence[str]) -> Scores:
        """Score whole videos in chunks of `max_segments`: the mean over the test crops.

        Raises:
            FusevadError: embeddings are of another width than it learned from, or lack a test crop.
        """
        self.model.eval()
        read = streams.only(self.model.streams)
        self.check_widths(read)
        self._check_crops(read)
        crops, length = self.settings.test_crops, self.settings.max_segments
        minimum = length if self.settings.model.pads_to_longest else 0
        found: dict[str, Tensor] = {}
        columns: tuple[str, ...] = (SCORE,)
        for names in self._groups(read, videos):
            chunks = read.test_chunks(names, crops, length, minimum)
            parts = []
            # A long video has any number of chunks, and memory is for a few.
            for start in range(0, len(chunks.mask), _ROWS_PER_BATCH):
                of = slice(start, start + _ROWS_PER_BATCH)
                mask = chunks.mask[of]
                output = self.model({role: x[of] for role, x in chunks.streams.items()}, mask)
                columns = columns_of(output)
                parts.append(_columns(output)[mask].float().cpu())
            rows = torch.cat(parts)
            lengths = [read.length(name) * len(crops) for name in names]
            for name, part in zip(names, rows.split(lengths), strict=True):
                found[name] = part.unflatten(0, (len(crops), -1)).mean(dim=0)
        return Scores(columns, {name: found[name] for name in videos})

    def _check_crops(self, streams: Streams) -> None:
        last = max(self.settings.test_crops)
        if 1 < streams.crops <= last:
            store = max(streams.stores.values(), key=lambda each: each.crops)
            raise FusevadError(
                f"{store.index}: {store.crops} crops, without number {last} of test_crops; correct"
                " test_crops, or embed these crops"
            )

    def check_widths(self, streams: Streams) -> None:
        """Raise `FusevadError` if streams that it reads have other widths than it learned from."""
        for role, width in streams.widths.items():
            if width != self.model.widths[role]:
                raise FusevadError(
                    f"{streams[role].index}: {width} features; detector {self.settings.method}"
                    f" learned from {self.model.widths[role]}; train it again with these embeddings"
                )

    def _groups(self, streams: Streams, videos: Sequence[str]) -> Iterator[list[str]]:
        """Groups of videos of similar lengths, with about `_ROWS_PER_BATCH` chunks a group."""
        crops, length = len(self.settings.test_crops), self.settings.max_segments
        group: list[str] = []
        rows = 0
        for video in sorted(videos, key=streams.length):
            chunks = crops * -(-streams.length(video) // length)
            if group and rows + chunks > _ROWS_PER_BATCH:
                yield group
                group, rows = [], 0
            group.append(video)
            rows += chunks
        if group:
            yield group


def columns_of(output: Output) -> tuple[str, ...]:
    """Names of the columns of scores."""
    weights = (f"{WEIGHT}{stream}" for stream in output.weights)
    return (SCORE, *weights, *(f"{CLASS}{name}" for name in output.classes))


def _columns(output: Output) -> Tensor:
    """`B x T x columns`: the score, the mean weight of each stream, the probability of a class."""
    weights = [weight.mean(dim=-1) for weight in output.weights.values()]
    return torch.stack([output.logits.sigmoid(), *weights, *output.classes.values()], dim=-1)


def weights_file(run: Path, seed: int, protocol: str) -> Path:
    """The weights of a seed under a protocol.

    Raises:
        FusevadError: training does not keep this protocol's weights.
    """
    if protocol not in KEPT_PROTOCOLS:
        raise FusevadError(
            f"protocol {protocol}: its weights are not kept; choose {' or '.join(KEPT_PROTOCOLS)}"
        )
    return run / "weights" / f"seed-{seed}-{protocol}.safetensors"


def save_weights(weights: dict[str, Tensor], about: About, device: str, file: Path) -> None:
    """Write weights with everything needed to build their detector again, atomically.

    `device` is the kind that trained them, `cpu` or `cuda`.
    """
    values: dict[str, Any] = {"settings": asdict(about.settings), "widths": about.widths}
    values["device"] = device
    if about.classes is not None:
        values["classes"] = asdict(about.classes)
    # One entry: safetensors writes several in any order, and the same weights must be the same
    # bytes.
    content = save(weights, {_ABOUT: json.dumps(values)})
    with atomic_path(file) as temporary:
        temporary.write_bytes(content)


def load_detector(file: Path, device: torch.device, method: str | None = None) -> TrainedDetector:
    """Build the detector of a file of weights.

    Args:
        file: of a run's `weights/`.
        device: where it computes.
        method: another method, which computes with this one's parameters.

    Raises:
        FusevadError: the file is missing or damaged, or its weights do not fit the method.
    """
    about = read_about(file)
    settings = about.settings if method is None else as_method(about.settings, method)
    blueprint = (settings.method, settings.model, about.widths, settings.loss, about.classes)
    # Without memory first: settings of others may ask for gigabytes that the file does not have.
    with torch.device("meta"):
        wanted = build(*blueprint).state_dict()
    if {name: list(tensor.shape) for name, tensor in wanted.items()} != _shapes(file):
        raise FusevadError(
            f"{file}: not the parameters of method {settings.method}; "
            + ("train this run again" if method is None else "compare methods with the same ones")
        )
    model = build(*blueprint).to(device)
    model.load_state_dict(load_file(file, device=str(device)))
    return TrainedDetector(model.eval(), settings)


def _shapes(file: Path) -> dict[str, list[int]]:
    with open_tensors(file, "pt") as content:
        return {name: content.get_slice(name).get_shape() for name in content.keys()}  # noqa: SIM118


def read_about(file: Path) -> About:
    """What weights say of their detector.

    Raises:
        FusevadError: the file is missing, damaged or lacks this information.
    """
    about = _read_about(file)
    return About(train_settings(about.settings, str(file)), about.widths, about.classes)


def trained_on(file: Path) -> str | None:
    """The kind of device that trained weights; None of weights from before it was noted.

    Raises:
        FusevadError: the file is missing, damaged or says nothing of its detector.
    """
    return _read_about(file).device


def _read_about(file: Path) -> _About:
    try:
        with open_tensors(file, "pt") as content:
            values = json_text.load((content.metadata() or {})[_ABOUT])
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise FusevadError(f"{file}: unreadable weights; train this run again") from error
    return parse(_About, values, str(file))
