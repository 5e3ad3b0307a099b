"""Train a small CLIP on renders, and a motion-cue tower aligned with its image tower.

Image and text towers learn with open_clip's contrastive loss on frames and captions. The motion-cue
tower starts from the image tower and learns, contrastively too, to give a segment's cue the
embedding that the frozen image tower gives its frames (after Jeong et al. 2024).
"""

import copy
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.loss import ClipLoss
from torch import Tensor, nn
from torch.nn import functional

from fusevad.bundled.data import EncoderData, read_encoder_data
from fusevad.bundled.settings import EncoderTraining
from fusevad.encoders.contrastive import cue_loss, optimise
from fusevad.encoders.weights import save_halves, visual_part

_RETRIEVAL_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """Results of the training; `retrieval` is accuracy on held-out segments by query and k."""

    parameters: int
    segments: int
    distinct_captions: int
    clip_loss: float
    cue_loss: float
    chance_loss: float
    candidates: int
    retrieval: dict[str, float]


def train_encoder(settings: EncoderTraining, model: Path, data: Path, out: Path) -> EncoderReport:
    """Train all towers; write `clip.safetensors` and `motion-cue.safetensors` (float16) to `out`.

    Args:
        settings: of both trainings.
        model: open_clip JSON model configuration.
        data: folder written by `make_encoder_data`.
        out: folder of the weights.

    Returns:
        Losses of the last epochs and retrieval accuracy on the held-out clips.
    """
    torch.manual_seed(settings.seed)
    open_clip.add_model_config(model)
    clip = open_clip.create_model(model.stem)
    tokenizer = open_clip.get_tokenizer(model.stem)
    train, held_out = read_encoder_data(data, "train"), read_encoder_data(data, "held-out")

    clip_loss = _train_clip(clip, tokenizer(train.captions), train, settings)
    cue_clip = copy.deepcopy(clip)
    cue_loss = _train_cue_tower(clip, cue_clip.visual, train, settings)

    # Evaluated as they are stored: in float16.
    clip, cue_clip = clip.half().float().eval(), cue_clip.half().float().eval()
    save_halves(clip.state_dict(), out / "clip.safetensors")
    save_halves(visual_part(cue_clip.state_dict()), out / "motion-cue.safetensors")
    rows = _distinct_captions(held_out)
    return EncoderReport(
        parameters=sum(p.numel() for p in clip.parameters()),
        segments=len(train.captions),
        distinct_captions=len(set(train.captions)),
        clip_loss=clip_loss,
        cue_loss=cue_loss,
        chance_loss=math.log(settings.batch_size),
        candidates=len(rows),
        retrieval=_retrieval(clip, cue_clip.visual, tokenizer(held_out.captions), held_out, rows),
    )


def _train_clip(
    clip: nn.Module, tokens: Tensor, data: EncoderData, settings: EncoderTraining
) -> float:
    """Train contrastively on frames and captions; return the mean loss of the last epoch."""
    loss_function = ClipLoss()

    def loss(rows: NDArray[np.int64], generator: np.random.Generator) -> Tensor:
        frames = data.frames[rows, generator.integers(0, 2, len(rows))]
        image, text, scale = clip(
            preprocess_frames(_crop(frames, generator), clip), tokens[torch.from_numpy(rows)]
        )
        return loss_function(image, text, scale)

    def after_step() -> None:
        with torch.no_grad():
            clip.logit_scale.clamp_(0, math.log(100))

    clip.train()
    plan = settings.optimisation(settings.clip_epochs)
    return optimise("image and text", clip, loss, len(tokens), plan, after_step)


def _train_cue_tower(
    clip: nn.Module, tower: nn.Module, data: EncoderData, settings: EncoderTraining
) -> float:
    """Align `tower` with the frozen image tower on the same crops of the same segments."""
    clip.eval().requires_grad_(False)

    def loss(rows: NDArray[np.int64], generator: np.random.Generator) -> Tensor:
        frames = data.frames[rows].transpose(0, 2, 3, 1, 4).reshape(len(rows), 128, 170, 6)
        cues = data.cues[rows, generator.integers(0, 2, len(rows))][..., None]
        crops = _crop(np.concatenate((frames, cues), axis=-1), generator)
        with torch.no_grad():
            both = [
                clip.encode_image(preprocess_frames(np.ascontiguousarray(part), clip))
                for part in (crops[..., :3], crops[..., 3:6])
            ]
        embedded = tower(preprocess_cues(crops[..., 6]))
        return cue_loss(embedded, both[0] + both[1], clip.logit_scale.exp())

    tower.requires_grad_(True).train()
    plan = settings.optimisation(settings.cue_epochs)
    return optimise("motion cue", tower, loss, len(data.captions), plan)


def _crop(images: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """One random 112-pixel crop of each image of a batch, mirrored at random: B x H x W x C."""
    size = 112
    tops = generator.integers(0, images.shape[1] - size + 1, len(images))
    lefts = generator.integers(0, images.shape[2] - size + 1, len(images))
    mirror = generator.integers(0, 2, len(images))
    crops = [
        image[top : top + size, left : left + size][:, :: -1 if flip else 1]
        for image, top, left, flip in zip(images, tops, lefts, mirror, strict=True)
    ]
    return np.stack(crops)


def preprocess_frames(images: NDArray[np.uint8], clip: nn.Module) -> Tensor:
    """B x H x W x 3 uint8 to normalised B x 3 x H x W."""
    mean = torch.tensor(clip.visual.image_mean).view(3, 1, 1)
    std = torch.tensor(clip.visual.image_std).view(3, 1, 1)
    return (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - mean) / std


def preprocess_cues(cues: NDArray[np.uint8]) -> Tensor:
    """B x H x W uint8 to B x 3 x H x W in 0..1 (`cue_normalisation: none`)."""
    return torch.from_numpy(cues)[:, None].expand(-1, 3, -1, -1) / 255


def _distinct_captions(data: EncoderData) -> NDArray[np.int64]:
    """Rows of segments with distinct captions, in order, at most a hundred, over all clips."""
    _, rows = np.unique(data.captions, return_index=True)
    rows = np.sort(rows)
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), _RETRIEVAL_CANDIDATES)).astype(int)]


@torch.inference_mode()
def _retrieval(
    clip: nn.Module,
    tower: nn.Module,
    tokens: Tensor,
    data: EncoderData,
    rows: NDArray[np.int64],
) -> dict[str, float]:
    """Top-1 and top-5 accuracy among `rows`, on centre crops."""
    centre = (slice(None), slice(8, 120), slice(29, 141))
    frames = np.ascontiguousarray(data.frames[rows, 0][centre])
    image = functional.normalize(clip.encode_image(preprocess_frames(frames, clip)), dim=-1)
    text = functional.normalize(clip.encode_text(tokens[torch.from_numpy(rows)]), dim=-1)
    cues = preprocess_cues(np.ascontiguousarray(data.cues[rows, 0][centre]))
    cue = functional.normalize(tower(cues), dim=-1)
    return {
        f"{name}_top{k}": _top_k(a, b, k)
        for name, a, b in (
            ("image_to_text", image, text),
            ("text_to_image", text, image),
            ("cue_to_image", cue, image),
            ("cue_to_text", cue, text),
        )
        for k in (1, 5)
    }


def _top_k(queries: Tensor, candidates: Tensor, k: int) -> float:
    nearest = (queries @ candidates.T).topk(k, dim=1).indices
    return float((nearest == torch.arange(len(queries))[:, None]).any(dim=1).float().mean())
