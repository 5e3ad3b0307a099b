"""Export a bundle's networks for onnxruntime, and check that they compute the same.

Cutting crops, counting motion cues and finding events stay with the caller.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fusevad.deploy.detector import Detector
from fusevad.deploy.streams import StreamEmbedder
from fusevad.embed.store import default_device
from fusevad.embed.streams.registry import kind_of
from fusevad.encoders.clip import BatchedTower, Tower
from fusevad.errors import FusevadError, message_of
from fusevad.files import atomic_path
from fusevad.models.base import Detector as Method

# The largest difference between torch and onnxruntime that is rounding.
TOLERANCE = 1e-5
DETECTOR = "detector.onnx"
# Segments that a network scores at once: its attention over them takes 1.6 GB while it is compared.
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class _Network:
    """A network to export.

    Attributes:
        module: takes the values of `inputs` in their order.
        inputs: makes inputs for so many videos or pictures, by name.
        output: name of what it returns.
    """

    module: nn.Module
    inputs: Callable[[int], dict[str, Tensor]]
    output: str


class _Seeds(nn.Module):
    """The mean score of all seeds."""

    def __init__(self, models: Sequence[Method]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.roles = models[0].streams

    def forward(self, mask: Tensor, *streams: Tensor) -> Tensor:
        """`B x T` mask and `B x T x D` embeddings to `B x T` scores."""
        by_role = dict(zip(self.roles, streams, strict=True))
        scores = [model(by_role, mask).logits.sigmoid() for model in self.models]
        return torch.stack(scores).mean(dim=0)


class _Encoder(nn.Module):
    """A tower with the normalisation of its pictures."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.model = tower.model
        self.tower = tower

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures as of `Tower.embed` to (pictures, D)."""
        return self.model.encode_image(self.tower.normalised(pictures))


def export_onnx(detector: Detector, out: Path) -> dict[str, float]:
    """Write `detector.onnx`, and `encoder-ROLE.onnx` of each stream that a CLIP embeds.

    The detector takes `mask`, `B x T` booleans, and each stream by its role, `B x T x D` float32,
    and returns `score`, `B x T`; T is the length of the chunks that videos are cut into. An encoder
    takes `pictures` as `video.crops` cuts them, and returns `embedding`.

    Returns:
        The largest difference to torch of each file.

    Raises:
        FusevadError: the extra is not installed, the detector scores too many segments at once, or
            a network computes something else, or the folder has an encoder that is not among them.
            Then no file is written.
    """
    _check_ready()
    out.mkdir(parents=True, exist_ok=True)
    networks = {DETECTOR: _detector_network(detector)}
    for role, stream in detector.streams.items():
        if isinstance(stream.embedder.encoder, BatchedTower):
            networks[f"encoder-{role}.onnx"] = _encoder_network(stream)
    for other in out.glob("encoder-*.onnx"):
        if other.name not in networks:
            raise FusevadError(
                f"{other}: an encoder that this bundle does not have; name another folder"
            )
    # All get their names at the end: a detector goes with its own encoders alone.
    with contextlib.ExitStack() as written:
        return {
            name: _export(network, out / name, written.enter_context(atomic_path(out / name)))
            for name, network in networks.items()
        }


def _check_ready() -> None:
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise FusevadError(f"packages are missing ({error}); run: make env EXTRAS=onnx") from error
    if default_device().type != "cpu":
        # There the encoders' weights have 16 bits, and differ from those of a CPU by more.
        raise FusevadError("export-onnx: needs a CPU; set CUDA_VISIBLE_DEVICES= and run it again")


def _detector_network(detector: Detector) -> _Network:
    models = [seed.model for seed in detector.seeds]
    length = detector.seeds[0].settings.max_segments
    if length > _LONGEST:
        raise FusevadError(
            f"export-onnx: the model scores {length} segments at once, and at most {_LONGEST} can"
            " be exported; train one with a smaller max_segments"
        )

    def inputs(videos: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(videos)
        mask = torch.arange(length) < length * torch.arange(1, videos + 1)[:, None] / videos
        streams = {
            role: torch.randn(videos, length, models[0].widths[role], generator=random)
            for role in models[0].streams
        }
        return {"mask": mask, **{name: x * mask[..., None] for name, x in streams.items()}}

    return _Network(_Seeds(models).eval(), inputs, "score")


def _encoder_network(stream: StreamEmbedder) -> _Network:
    tower: Tower = stream.embedder.encoder.tower
    cues = kind_of(stream.settings.stream).cue(stream.settings.stream) is not None

    def inputs(pictures: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(pictures)
        size = (pictures, tower.image_size, tower.image_size)
        if cues:
            return {"pictures": torch.rand(size, generator=random)}
        shown = torch.randint(0, 256, (*size, 3), generator=random, dtype=torch.uint8)
        return {"pictures": shown}

    return _Network(_Encoder(tower).eval(), inputs, "embedding")


def _export(network: _Network, file: Path, temporary: Path) -> float:
    """Write a network as `temporary`; return its largest difference to torch, relative above 1."""
    example = network.inputs(2)
    axes = tuple({0: torch.export.Dim("count", min=1, max=65536)} for _ in example)
    first, *others = axes
    variadic = isinstance(network.module, _Seeds)
    _start_autograd()
    with _quiet(), torch.inference_mode():
        program = torch.onnx.export(
            network.module,
            tuple(example.values()),
            dynamo=True,
            input_names=list(example),
            output_names=[network.output],
            dynamic_shapes=(first, tuple(others)) if variadic else axes,
        )
    temporary.write_bytes(program.model_proto.SerializeToString())
    largest = _difference(network, temporary)
    # NaN is no rounding either.
    if not largest <= TOLERANCE:
        raise FusevadError(
            f"{file}: onnxruntime differs by {largest:.1e} from torch; the method can't be exported"
        )
    return largest


def _start_autograd() -> None:
    """Let autograd count the devices now, so that forks of this process can still train.

    The exporter pretends that there is a GPU. If autograd counted after that, it would start a
    thread for it, and refuse to work in any process that is forked later, as seeds' are.
    """
    torch.zeros((), requires_grad=True).backward()


def _difference(network: _Network, file: Path) -> float:
    errors = []
    for count in (1, 3):  # other counts than it was exported with
        inputs = network.inputs(count)
        found = _computed(file, inputs)
        with torch.inference_mode():
            expected = network.module(*inputs.values())
        error = (found - expected).abs() / expected.abs().clamp(min=1)
        errors.append(error[inputs["mask"]] if "mask" in inputs else error)
    # Of torch, whose maximum is NaN if any is: Python's would be the other number.
    return float(torch.cat([error.flatten() for error in errors]).max())


def _computed(file: Path, inputs: Mapping[str, Tensor]) -> Tensor:
    """Run a network in onnxruntime.

    Raises:
        FusevadError: it can't run the network.
    """
    import onnxruntime

    given = {name: value.numpy() for name, value in inputs.items()}
    try:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return torch.from_numpy(session.run(None, given)[0])
    except Exception as error:  # its errors have no other common class
        raise FusevadError(
            f"export-onnx: onnxruntime can't run the network ({message_of(error)[:300]}); the"
            " method can't be exported"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own reports, and with attention as it was defined, not its fast path.

    The fast path is one operator of torch's, which ONNX does not have.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    level = logging.root.manager.disable
    torch.backends.mha.set_fastpath_enabled(False)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        torch.backends.mha.set_fastpath_enabled(before)
