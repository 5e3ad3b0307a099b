"""Settings of encoders; imports nothing heavy."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fusevad.parsing import FORBID
from fusevad.places import Place

# How names of models on Hugging Face begin.
HUB = "hf-hub:"
# Of models and weights in local files; other names of files are told by a folder.
_SUFFIXES = (".json", ".safetensors", ".pt", ".pth", ".bin", ".ckpt")

AttentionMethod = Literal["last", "rollout"]


def local_files(values: Iterable[str | None]) -> list[str]:
    """The values that are paths of models or weights, not names of what is downloaded.

    >>> local_files(["openai", "clip.PT", "./clip.th", "hf-hub:timm/ViT-B-16-SigLIP", None])
    ['clip.PT', './clip.th']
    """
    return [
        value
        for value in values
        if value
        and ("/" in value or value.casefold().endswith(_SUFFIXES))
        and not value.startswith(HUB)
    ]


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """The CLIP that embeds frames and motion cues.

    Attributes:
        name: of the encoder's folder of embeddings.
        model: architecture of open_clip (`ViT-L-14`); `hf-hub:org/name` or, with a revision,
            `hf-hub:org/name@revision` for a model of open_clip's format on Hugging Face; or path
            of a JSON model configuration.
        pretrained: tag of open_clip (`openai`), downloaded once; or path of a local file; or null
            for `hf-hub:`, which includes weights. OpenAI's tags imply its activation; a local copy
            of its weights needs a `-quickgelu` architecture.
        motion_cue_weights: safetensors of the motion-cue tower, named `visual.*` as in open_clip;
            needed only for motion cues.
        cue_normalisation: `none` feeds cues as 0..1 (as released); `clip` applies CLIP's mean and
            standard deviation to them.
    """

    __pydantic_config__ = FORBID

    name: str
    model: Place
    pretrained: Place | None = None
    motion_cue_weights: Place | None = None
    cue_normalisation: Literal["none", "clip"] = "none"


@dataclass(frozen=True, slots=True)
class Optimisation:
    """AdamW, linear warm-up over a tenth of the steps, then a cosine to zero."""

    seed: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
