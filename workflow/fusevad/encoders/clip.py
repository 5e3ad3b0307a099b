"""CLIP encoders, all through open_clip: a published model, or a local one in its format."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from open_clip.transformer import QuickGELU
from torch import Tensor, nn

from fusevad.encoders.open_clip_models import create_model, weights_file
from fusevad.encoders.settings import EncoderSettings
from fusevad.encoders.weights import load_image_tower_alone, load_weights, local_file
from fusevad.errors import FusevadError
from fusevad.files import sha256

# The first batch size tried on a GPU, halved until it fits.
_CUDA_BATCH = 1024
# Of 1 to 64 images, the least CPU time each (within 4 %) for ViT-B/32, ViT-B/16, fusevad-small.
_CPU_BATCH = 16


@dataclass(frozen=True, slots=True)
class Tower:
    """An image encoder ready to use.

    Attributes:
        model: the CLIP whose image tower embeds.
        image_size: side of its input in pixels.
        mean, std: normalisation of the three channels, in units of 0..1.
        weights_sha256: digest of the file that the tower was loaded from.
        precision: of the computation; float32 on CPUs, bfloat16 on GPUs. While weights of another
            type are trained, they are rounded in each forward pass.
    """

    model: nn.Module
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights_sha256: str
    precision: torch.dtype

    @property
    def device(self) -> torch.device:
        """Where the tower computes."""
        return next(self.model.parameters()).device

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Embed a batch, without L2 normalisation.

        Args:
            images: RGB (images, size, size, 3) uint8, or motion cues (images, size, size)
                float32 in 0..1, which fill the three channels.

        Returns:
            (images, D) float32.
        """
        with torch.inference_mode():
            return self.forward(images).cpu().numpy()

    def forward(self, images: np.ndarray) -> Tensor:
        """Like `embed`, but (images, D) float32 on the tower's device, maybe not computed yet."""
        pixels = self.normalised(_to(self.device, images))
        weights = next(self.model.parameters()).dtype
        with torch.autocast(self.device.type, self.precision, enabled=weights != self.precision):
            return self.model.encode_image(pixels.to(weights)).float()

    def normalised(self, images: Tensor) -> Tensor:
        """What the model gets of images as in `embed`: (images, 3, size, size) float32."""
        white = 255.0 if images.dtype == torch.uint8 else 1.0
        channels = images.unsqueeze(-1).expand(*images.shape, 3) if images.ndim == 3 else images
        shape = (images.shape[0], 3, *images.shape[1:3])  # `len` would be fixed in an export
        pixels = torch.empty(shape, dtype=torch.float32, device=images.device)
        pixels.copy_(channels.permute(0, 3, 1, 2))
        # Plain numbers: on a GPU, a tensor of them would have to wait for the previous batch.
        for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            pixels[:, channel].sub_(mean * white).div_(std * white)
        return pixels


class BatchedTower:
    """Embeds any number of images with a tower, in batches that fit into the device's memory.

    Attributes:
        batch_size: images at once; halved for good whenever the device runs out of memory.
        tower: the tower.
    """

    def __init__(self, tower: Tower, batch_size: int | None = None) -> None:
        self.tower = tower
        self.batch_size = batch_size or (_CUDA_BATCH if tower.device.type == "cuda" else _CPU_BATCH)

    @property
    def device(self) -> torch.device:
        """Where the tower computes."""
        return self.tower.device

    def images_at_once(self, images: int) -> int:
        """Images of a batch when so many are embedded together."""
        return -(-images // -(-images // self.batch_size))

    def embed(self, items: np.ndarray) -> Tensor:
        """(images, D) float32 on the tower's device; see `Tower.embed`."""
        with torch.inference_mode():
            while True:
                try:
                    return self._embed(items)
                except torch.OutOfMemoryError as error:
                    if self.batch_size == 1:
                        raise FusevadError(
                            "GPU: out of memory for a single image; use a smaller encoder or "
                            "free the GPU"
                        ) from error
                # Outside the handler, whose traceback keeps the tensors of the failed batch alive.
                torch.cuda.empty_cache()
                self.batch_size = min(self.batch_size, len(items)) // 2 or 1

    def _embed(self, images: np.ndarray) -> Tensor:
        parts = np.array_split(images, -(-len(images) // self.batch_size))
        return torch.cat([self.tower.forward(part) for part in parts])


def load_clip(settings: EncoderSettings) -> nn.Module:
    """Load the whole CLIP (image and text towers), float32, in evaluation mode, on the CPU.

    Raises:
        FusevadError: an unknown architecture, or weights that are missing or do not fit it.
    """
    clip = create_model(settings.model, settings.pretrained, text=True)
    load_weights(clip, weights_file(settings.model, settings.pretrained), text=True)
    return clip


def load_image_tower(settings: EncoderSettings) -> Tower:
    """Load the tower that embeds RGB frames.

    Raises:
        FusevadError: an unknown architecture, or weights that are missing or do not fit it.
    """
    clip, weights = _load_image_tower(settings)
    return _frozen(_tower(clip, weights, clip.visual.image_mean, clip.visual.image_std))


def load_cue_tower(settings: EncoderSettings) -> Tower:
    """Load the tower that embeds motion cues.

    Raises:
        FusevadError: an unknown architecture, or weights that are missing or do not fit it.
    """
    if settings.motion_cue_weights is None:
        raise FusevadError(
            f"encoder {settings.name}: no motion_cue_weights in its configuration; name the file"
        )
    weights = local_file(settings.motion_cue_weights, "motion-cue weights")
    clip = create_model(settings.model, settings.pretrained, text=False)
    load_image_tower_alone(clip, weights)
    return _frozen(_cue_tower(settings, clip, weights))


def new_cue_tower(settings: EncoderSettings) -> Tower:
    """The image tower as an untrained motion-cue tower.

    Raises:
        FusevadError: an unknown architecture, or weights that are missing or do not fit it.
    """
    return _cue_tower(settings, *_load_image_tower(settings))


def has_quick_gelu(clip: nn.Module) -> bool:
    """Whether a model has OpenAI's activation, which its tensors do not tell."""
    return any(isinstance(module, QuickGELU) for module in clip.modules())


def round_weights(model: nn.Module, precision: torch.dtype) -> None:
    """Convert a model's weights to another type, in place.

    On an H200, ViT-L/14 embeds 1.4 times as many images a second as with float32 weights that
    autocast rounds. Statistics of batch normalisation keep their type: torch computes with them in
    float32 whatever the type of its input.
    """
    model.to(precision)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.float()


def _frozen(tower: Tower) -> Tower:
    """A tower that only embeds, with its weights in the precision of its computation."""
    round_weights(tower.model, tower.precision)
    return tower


def _load_image_tower(settings: EncoderSettings) -> tuple[nn.Module, Path]:
    clip = create_model(settings.model, settings.pretrained, text=False)
    weights = weights_file(settings.model, settings.pretrained)
    load_weights(clip, weights, text=False)
    return clip, weights


def _cue_tower(settings: EncoderSettings, clip: nn.Module, weights: Path) -> Tower:
    if settings.cue_normalisation == "clip":
        return _tower(clip, weights, clip.visual.image_mean, clip.visual.image_std)
    return _tower(clip, weights, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def _tower(
    clip: nn.Module, weights: Path, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tower:
    size = clip.visual.image_size
    cuda = torch.cuda.is_available()
    return Tower(
        model=clip.to("cuda") if cuda else clip,
        image_size=size[0] if isinstance(size, tuple) else size,
        mean=tuple(mean),
        std=tuple(std),
        weights_sha256=sha256(weights),
        precision=torch.bfloat16 if cuda else torch.float32,
    )


def _to(device: torch.device, images: np.ndarray) -> Tensor:
    """Images on the device; a GPU copies them while it computes the previous batch."""
    tensor = torch.from_numpy(images)
    if device.type != "cuda":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
