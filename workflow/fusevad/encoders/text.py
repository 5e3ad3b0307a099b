"""A CLIP's frozen text tower and the names of a data set's classes, as methods learn with them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn import functional

from fusevad import json_text
from fusevad.errors import FusevadError
from fusevad.files import atomic_path
from fusevad.parsing import parse
from fusevad.tensor_files import open_tensors

# In a file of texts: the entry of its metadata, the tensor of tokens, and how the tower's begin.
_ABOUT, _TOKENS, _TOWER = "texts", "tokens", "tower."
_BLOCK, _NORMS, _PARTS = "transformer.resblocks.", ("ln_1", "ln_2"), ("weight", "bias")


@dataclass(frozen=True, slots=True)
class ClassNames:
    """The classes of a data set, and what a text of theirs is made of.

    Attributes:
        names: `normal` first.
        positions: how many tokens a text has at most.
        width: of a token's embedding.
        features: of a text's embedding.
    """

    names: tuple[str, ...]
    positions: int
    width: int
    features: int


@dataclass(frozen=True, slots=True)
class TextTower:
    """A text transformer as CLIP has it: causal, read at the end token; nothing in it is trained.

    Attributes:
        weights: float32, by open_clip's names.
        heads: of its attention.
        quick_gelu: whether its activation is `x * sigmoid(1.702 x)`.
    """

    weights: Mapping[str, Tensor]
    heads: int
    quick_gelu: bool

    def encode(self, tokens: Tensor, ends: Tensor) -> Tensor:
        """Embed texts.

        Args:
            tokens: `C x L x W` embedded tokens; what follows a text's end changes nothing.
            ends: `C`, the place of each text's end token.

        Returns:
            `C x D`.
        """
        x = tokens + self.weights["positional_embedding"][: tokens.shape[1]]
        blocks = 1 + max(int(name.split(".")[2]) for name in self.weights if ".resblocks." in name)
        for i in range(blocks):
            x = self._block(x, f"{_BLOCK}{i}.")
        x = self._norm(x, "ln_final")[torch.arange(len(ends), device=ends.device), ends]
        return x @ self.weights["text_projection"]

    def _block(self, x: Tensor, name: str) -> Tensor:
        w = self.weights
        normed = self._norm(x, f"{name}ln_1")
        joint = functional.linear(
            normed, w[f"{name}attn.in_proj_weight"], w[f"{name}attn.in_proj_bias"]
        )
        query, key, value = joint.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        read = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self._linear(read.transpose(1, 2).flatten(2), f"{name}attn.out_proj")
        hidden = self._linear(self._norm(x, f"{name}ln_2"), f"{name}mlp.c_fc")
        hidden = quick_gelu(hidden) if self.quick_gelu else functional.gelu(hidden)
        return x + self._linear(hidden, f"{name}mlp.c_proj")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = (self.weights[f"{name}.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, weight.shape, weight, bias)


@dataclass(frozen=True, slots=True)
class ClassTexts:
    """What a method learns texts of classes with.

    Attributes:
        classes: their names.
        tokens: `C x L x W`, of each name the embedded start token, the name's and the end token;
            zeros follow.
        lengths: number of the tokens of each name, without start and end.
        tower: embeds them.
    """

    classes: ClassNames
    tokens: Tensor
    lengths: tuple[int, ...]
    tower: TextTower


@dataclass(frozen=True, slots=True)
class _About:
    """Notes in a file of texts: what of `ClassTexts` is no tensor."""

    classes: ClassNames
    lengths: tuple[int, ...]
    heads: int
    quick_gelu: bool


def quick_gelu(x: Tensor) -> Tensor:
    """The activation of OpenAI's CLIP."""
    return x * (1.702 * x).sigmoid()


def save_class_texts(texts: ClassTexts, file: Path) -> None:
    """Write texts of classes with their tower, in float16, atomically."""
    tensors = {_TOKENS: texts.tokens}
    tensors |= {f"{_TOWER}{name}": each for name, each in texts.tower.weights.items()}
    tower = texts.tower
    about = _About(texts.classes, texts.lengths, tower.heads, tower.quick_gelu)
    halves = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    with atomic_path(file) as temporary:
        temporary.write_bytes(save(halves, {_ABOUT: json.dumps(asdict(about))}))


def load_class_texts(file: Path, device: torch.device) -> ClassTexts:
    """Read what `save_class_texts` wrote, as float32.

    Raises:
        FusevadError: the file is missing or damaged.
    """
    try:
        with open_tensors(file, "pt") as content:
            values = json_text.load((content.metadata() or {})[_ABOUT])
        tensors = {name: each.float() for name, each in load_file(file, str(device)).items()}
        tokens = tensors.pop(_TOKENS)
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise FusevadError(
            f"{file}: unreadable texts of classes; delete it and run again"
        ) from error
    about = parse(_About, values, str(file))
    weights = {name.removeprefix(_TOWER): tensor for name, tensor in tensors.items()}
    if (reason := _fault(about, tokens, weights)) is not None:
        raise FusevadError(f"{file}: no texts of classes: {reason}; delete it and run again")
    tower = TextTower(weights, about.heads, about.quick_gelu)
    return ClassTexts(about.classes, tokens, about.lengths, tower)


def _fault(about: _About, tokens: Tensor, weights: Mapping[str, Tensor]) -> str | None:
    """Why notes, tokens and tower do not belong together; None if they do."""
    names, width = about.classes.names, about.classes.width
    if len(set(names)) < len(names) or len(names) != len(about.lengths):
        return "its names and lengths are not of each class once"
    if tokens.ndim != 3 or tokens.shape[::2] != (len(names), width):
        return f"tokens of shape {list(tokens.shape)}"
    if not all(0 <= length <= tokens.shape[1] - 2 for length in about.lengths):
        return "texts longer than their tokens"
    if tokens.shape[1] > about.classes.positions or about.heads < 1 or width % about.heads:
        return f"{about.heads} heads, {about.classes.positions} positions, width {width}"
    blocks = sum(name.endswith(".ln_1.weight") for name in weights)
    found = {name: list(tensor.shape) for name, tensor in weights.items()}
    wanted = _shapes(about.classes, blocks, found.get(f"{_BLOCK}0.mlp.c_fc.bias", [0])[0])
    if found != wanted:
        wrong = next(name for name in {**wanted, **found} if found.get(name) != wanted.get(name))
        return f"{wrong} of shape {found.get(wrong, 'none')}, expected {wanted.get(wrong, 'none')}"
    if not all(each.isfinite().all() for each in (tokens, *weights.values())):
        return "numbers that are not finite"
    return None


def _shapes(classes: ClassNames, blocks: int, hidden: int) -> dict[str, list[int]]:
    """Shapes of a tower's tensors."""
    width = classes.width
    shapes = {
        "positional_embedding": [classes.positions, width],
        "ln_final.weight": [width],
        "ln_final.bias": [width],
        "text_projection": [width, classes.features],
    }
    for number in range(blocks):
        block = f"{_BLOCK}{number}."
        shapes |= {f"{block}{norm}.{part}": [width] for norm in _NORMS for part in _PARTS}
        for name, size in (("attn.in_proj_", 3 * width), ("attn.out_proj.", width)):
            shapes |= {f"{block}{name}weight": [size, width], f"{block}{name}bias": [size]}
        shapes |= {f"{block}mlp.c_fc.weight": [hidden, width], f"{block}mlp.c_fc.bias": [hidden]}
        shapes |= {f"{block}mlp.c_proj.weight": [width, hidden], f"{block}mlp.c_proj.bias": [width]}
    return shapes
