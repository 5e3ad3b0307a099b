"""Attention of an open_clip image tower's read-out over the patches of an image."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from fusevad.encoders.clip import Tower
from fusevad.encoders.settings import AttentionMethod
from fusevad.errors import FusevadError

# Input pixels between two positions of CLIP's residual network before its pooling.
_RESNET_STRIDE = 32


@dataclass(frozen=True, slots=True)
class AttentionMaps:
    """Attention over the patches of some images.

    Attributes:
        weights: (images, rows, columns) float32, at least 0; the patches of an image sum to 1.
        patch: side of a patch as a share of the image's side; rows and columns start at the top
            left corner and need not reach the other end.
    """

    weights: NDArray[np.float32]
    patch: float


def attention_maps(tower: Tower, images: np.ndarray, method: AttentionMethod) -> AttentionMaps:
    """Attention of the token that becomes the embedding, recomputed from the tower's weights.

    `last`: attention of the class token in the last block of a VisionTransformer, or of the mean
    token in the attention pooling of a ModifiedResNet, its only attention; mean over heads.
    `rollout` (Abnar and Zuidema 2020): the class token's row of the product over all blocks of a
    VisionTransformer, where each factor is the mean over heads, averaged with the identity for the
    residual connection. The token's attention to itself is left out.

    Args:
        tower: the encoder.
        images: a batch, as in `Tower.embed`.
        method: which attention.

    Raises:
        FusevadError: the tower is of another kind, or has no rollout.
    """
    visual = tower.model.visual
    if isinstance(visual, ModifiedResNet) and isinstance(visual.attnpool, AttentionPool2d):
        return _resnet_maps(tower, visual, images, method)
    if isinstance(visual, VisionTransformer) and _has_plain_blocks(visual):
        return _transformer_maps(tower, visual, images, method)
    raise FusevadError(
        f"attention: cannot be read from a {type(visual).__name__} like this encoder's;"
        " use a CLIP with a class token or an attention pooling, such as ViT-L-14 or RN50"
    )


def _has_plain_blocks(visual: VisionTransformer) -> bool:
    """Whether the class token is read out, and all blocks attend as in CLIP."""
    return (
        visual.attn_pool is None
        and visual.pool_type == "tok"
        and all(isinstance(block.attn, nn.MultiheadAttention) for block in _blocks(visual))
    )


def _blocks(visual: VisionTransformer) -> list[nn.Module]:
    return list(visual.transformer.resblocks)


def _resnet_maps(
    tower: Tower, visual: ModifiedResNet, images: np.ndarray, method: AttentionMethod
) -> AttentionMaps:
    if method == "rollout":
        raise FusevadError(
            "attention: rollout goes through the blocks of a transformer, and this encoder is a "
            "residual network; use last"
        )
    found: list[Tensor] = []

    def attend(pool: AttentionPool2d, features: Tensor) -> None:
        tokens = features.flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)
        tokens = tokens + pool.positional_embedding.float()
        query, key = _linear(pool.q_proj, tokens[:, :1]), _linear(pool.k_proj, tokens)
        weights = _attention(query, key, pool.num_heads)[:, 0, 1:]
        found.append(weights.unflatten(1, features.shape[2:]))

    with _called_before([visual.attnpool], attend):
        _run(tower, images)
    return AttentionMaps(_normalised(found[0]), _RESNET_STRIDE / tower.image_size)


def _transformer_maps(
    tower: Tower, visual: VisionTransformer, images: np.ndarray, method: AttentionMethod
) -> AttentionMaps:
    blocks = [block.attn for block in _blocks(visual)]
    found: list[Tensor] = []

    def attend_last(block: nn.MultiheadAttention, tokens: Tensor) -> None:
        found.append(_block_attention(block, tokens[:, :1], tokens))

    def attend_all(block: nn.MultiheadAttention, tokens: Tensor) -> None:
        attention = _block_attention(block, tokens, tokens)
        attention = (attention + torch.eye(attention.shape[-1], device=attention.device)) / 2
        found[:] = [attention @ found[0] if found else attention]

    if method == "last":
        blocks, attend = blocks[-1:], attend_last
    else:
        attend = attend_all
    with _called_before(blocks, attend):
        _run(tower, images)
    weights = found[0][:, 0, 1:].unflatten(1, visual.grid_size)
    return AttentionMaps(_normalised(weights), visual.patch_size[0] / tower.image_size)


def _block_attention(block: nn.MultiheadAttention, queries: Tensor, tokens: Tensor) -> Tensor:
    """(images, queries, tokens), the mean over heads."""
    to_query, to_key, _ = block.in_proj_weight.float().chunk(3)
    query_bias, key_bias, _ = block.in_proj_bias.float().chunk(3)
    query, key = F.linear(queries, to_query, query_bias), F.linear(tokens, to_key, key_bias)
    return _attention(query, key, block.num_heads)


def _linear(layer: nn.Linear, tokens: Tensor) -> Tensor:
    """Apply the layer in float32, whatever the type of its weights."""
    return F.linear(tokens, layer.weight.float(), layer.bias.float())


def _attention(query: Tensor, key: Tensor, heads: int) -> Tensor:
    query, key = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (query, key))
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    return scores.softmax(dim=-1).mean(dim=1)


def _normalised(weights: Tensor) -> NDArray[np.float32]:
    return (weights / weights.sum(dim=(1, 2), keepdim=True)).cpu().numpy()


def _run(tower: Tower, images: np.ndarray) -> None:
    with torch.inference_mode():
        tower.forward(images)


@contextmanager
def _called_before(
    modules: list[nn.Module], function: Callable[[Any, Tensor], None]
) -> Iterator[None]:
    """Call `function` with each module and its input, as float32, before the module computes."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        with torch.autocast(inputs[0].device.type, enabled=False):
            function(module, inputs[0].float())

    handles = [module.register_forward_pre_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
