"""Texts of a data set's classes: the names embedded, with the text tower that reads them.

A method that learns vectors around the names needs the tower in training, as gradients pass
through it. One file holds the tower, in float16, and the embedded tokens of the names: training
needs neither the image tower nor the embeddings of all other tokens.
"""

import re
from pathlib import Path

import torch
from open_clip.model import CLIP
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import nn

from fusevad.data.label_tables import NORMAL
from fusevad.data.manifest import read_manifest
from fusevad.encoders.clip import load_clip
from fusevad.encoders.open_clip_models import tokenizer
from fusevad.encoders.settings import EncoderSettings
from fusevad.encoders.text import ClassNames, ClassTexts, TextTower, save_class_texts
from fusevad.errors import FusevadError

# Between the words of a class's name: signs, and the capitals of `RoadAccidents`.
_BETWEEN = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")


def spoken(name: str) -> str:
    """A class's name as words: `RoadAccidents` is `road accidents`."""
    return _BETWEEN.sub(" ", name).strip().lower()


def make_class_texts(manifest: Path, settings: EncoderSettings, out: Path) -> None:
    """Write the embedded names of a data set's classes and the text tower of an encoder.

    Raises:
        FusevadError: the encoder can't be loaded, or its text tower is built otherwise than CLIP's.
    """
    found = {name for video in read_manifest(manifest) for name in video.classes}
    names = (NORMAL, *sorted(found - {NORMAL}))
    clip = load_clip(settings)
    _check_plain(clip, settings.name)
    ids = tokenizer(settings.model)([spoken(name) for name in names])
    ends = ids.argmax(dim=-1)
    kept = ids[:, : int(ends.max()) + 1]
    real = torch.arange(kept.shape[1]) <= ends[:, None]
    positions, width = clip.positional_embedding.shape
    classes = ClassNames(names, positions, width, clip.text_projection.shape[1])
    tokens = clip.token_embedding(kept) * real[..., None]
    texts = ClassTexts(classes, tokens, tuple((ends - 1).tolist()), _tower(clip))
    save_class_texts(texts, out)


def _tower(clip: CLIP) -> TextTower:
    parts = ("transformer.", "ln_final.", "positional_embedding", "text_projection")
    weights = {name: each for name, each in clip.state_dict().items() if name.startswith(parts)}
    first = clip.transformer.resblocks[0]
    return TextTower(weights, first.attn.num_heads, isinstance(first.mlp.gelu, QuickGELU))


def _check_plain(clip: nn.Module, encoder: str) -> None:
    plain = (
        isinstance(clip, CLIP)
        and clip.attn_mask is not None
        and clip.text_pool_type == "argmax"
        and isinstance(clip.text_projection, nn.Parameter)
        and all(
            type(block) is ResidualAttentionBlock
            and isinstance(block.ls_1, nn.Identity)
            and isinstance(block.mlp.gelu, QuickGELU | nn.GELU)
            for block in clip.transformer.resblocks
        )
    )
    if not plain:
        raise FusevadError(
            f"encoder {encoder}: its text tower is built otherwise than CLIP's; learn texts with a"
            " CLIP, such as ViT-B-16, or set model.language to false"
        )
