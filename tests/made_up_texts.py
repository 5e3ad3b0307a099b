"""Texts of classes with a text tower of random weights."""

import torch

from fusevad.data.label_tables import NORMAL
from fusevad.encoders.text import ClassNames, ClassTexts, TextTower

WIDTH, HEADS, POSITIONS = 8, 2, 32
NAMES = (NORMAL, "chase", "fire", "vehicle-on-pavement")
# Tokens of the names.
LENGTHS = (1, 1, 1, 3)


def tower(features: int, blocks: int = 1, quick_gelu: bool = True) -> TextTower:
    """A text tower, always with the same weights."""
    generator = torch.Generator().manual_seed(6)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) / shape[-1] ** 0.5

    weights = {
        "positional_embedding": draw(POSITIONS, WIDTH),
        "ln_final.weight": 1 + draw(WIDTH),
        "ln_final.bias": draw(WIDTH),
        "text_projection": draw(WIDTH, features),
    }
    for i in range(blocks):
        block = f"transformer.resblocks.{i}."
        shapes = {
            "attn.in_proj_": (3 * WIDTH, WIDTH),
            "attn.out_proj.": (WIDTH, WIDTH),
            "mlp.c_fc.": (4 * WIDTH, WIDTH),
            "mlp.c_proj.": (WIDTH, 4 * WIDTH),
        }
        for name, shape in shapes.items():
            weights |= {
                f"{block}{name}weight": draw(*shape),
                f"{block}{name}bias": draw(shape[0]),
            }
        for name in ("ln_1", "ln_2"):
            weights |= {
                f"{block}{name}.weight": 1 + draw(WIDTH),
                f"{block}{name}.bias": draw(WIDTH),
            }
    return TextTower(weights, HEADS, quick_gelu)


def class_texts(features: int) -> ClassTexts:
    """Texts of four classes that a tower embeds in `features`."""
    classes = ClassNames(NAMES, POSITIONS, WIDTH, features)
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randn(len(NAMES), max(LENGTHS) + 2, WIDTH, generator=generator)
    return ClassTexts(classes, tokens, LENGTHS, tower(features))
