"""Bounds on a model configuration of others: open_clip builds whatever it asks for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from fusevad.errors import FusevadError
from fusevad.parsing import parse

# Four times the parameters of the largest published CLIP.
_MOST_PARAMETERS = 20_000_000_000
# Of open_clip, for what a configuration leaves out.
_WIDTH, _HEAD_WIDTH = 768, 64

_Size = Annotated[int, Field(ge=1, le=1 << 20)]
_Blocks = Annotated[int, Field(ge=1, le=1000)]


@dataclass(frozen=True, slots=True)
class _Tower:
    """The sizes of an image or text tower; other keys are open_clip's business."""

    layers: _Blocks | tuple[_Blocks, ...] = 1
    width: _Size = 1
    heads: _Size = 1
    head_width: _Size = 1
    mlp_ratio: Annotated[float, Field(gt=0, le=100)] = 4
    image_size: _Size | tuple[_Size, ...] = 1
    patch_size: _Size | tuple[_Size, ...] | None = None
    context_length: _Size = 1
    vocab_size: _Size = 1

    @property
    def parameters(self) -> float:
        """About how many it has: of attention, perceptrons and embeddings."""
        blocks = sum(self.layers) if isinstance(self.layers, tuple) else self.layers
        sides = self.image_size if isinstance(self.image_size, tuple) else (self.image_size,) * 2
        patch = self.patch_size or 32
        across = patch if isinstance(patch, tuple) else (patch,) * 2
        places = sides[0] * sides[-1] / (across[0] * across[-1]) + self.context_length
        by_block = (4 + 2 * self.mlp_ratio) * self.width**2
        return blocks * by_block + (places + self.vocab_size) * self.width


@dataclass(frozen=True, slots=True)
class _Model:
    embed_dim: _Size
    vision_cfg: _Tower
    text_cfg: _Tower


def check_model_size(keys: dict[str, Any], file: Path) -> None:
    """Check the sizes in a model configuration of open_clip before its model is built.

    Raises:
        FusevadError: a size is none, or the model would have more parameters than any CLIP.
    """
    model = parse(_Model, keys, str(file))
    if max(model.vision_cfg.parameters, model.text_cfg.parameters) > _MOST_PARAMETERS:
        raise FusevadError(
            f"{file}: a model of more than {_MOST_PARAMETERS:,} parameters; correct its layers,"
            " widths and sizes"
        )
    vision = keys["vision_cfg"]
    # A ResNet, of four numbers of layers, pools 32 times its width.
    width = vision.get("width", _WIDTH) * (1 if isinstance(vision.get("layers", 1), int) else 32)
    if "timm_model_name" not in vision and width < vision.get("head_width", _HEAD_WIDTH):
        raise FusevadError(f"{file}: vision_cfg: no head fits the width; correct head_width")
