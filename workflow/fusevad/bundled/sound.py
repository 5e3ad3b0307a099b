"""Train the small audio tower: what a segment sounds like, near the text that says what happens.

Clips come from scenes and seeds that the data set never uses. Their sound is encoded to AAC and
read again, as the data set's is; their pictures are not drawn.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fusevad.bundled.settings import AudioTraining
from fusevad.data.render.captions import captions
from fusevad.data.render.encode import write_video
from fusevad.data.render.frames import direct
from fusevad.data.render.plan import VideoPlan, encoder_plans
from fusevad.data.render.settings import RenderSettings
from fusevad.data.render.sound import soundtrack
from fusevad.embed.streams.audio.settings import SAMPLE_RATE
from fusevad.encoders.audio import SmallAudioTower
from fusevad.encoders.clip import load_clip
from fusevad.encoders.contrastive import cue_loss, optimise
from fusevad.encoders.open_clip_models import tokenizer
from fusevad.encoders.weights import save_halves
from fusevad.parallel import in_processes
from fusevad.parsing import parse
from fusevad.video.settings import SEGMENT_FRAMES
from fusevad.video.sound import read_sound

_BLANK = np.zeros((48, 64, 3), np.uint8)
_TEXTS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Heard:
    """Segments with sound: `sound` N x samples int16, of the length of the shortest segment."""

    sound: NDArray[np.int16]
    captions: list[str]


@dataclass(frozen=True, slots=True)
class AudioReport:
    """Results of the training; `retrieval` is accuracy among `candidates` held-out captions."""

    parameters: int
    segments: int
    captions: int
    loss: float
    candidates: int
    retrieval: dict[str, float]


def train_audio_tower(settings: AudioTraining, out: Path, workers: int) -> AudioReport:
    """Train the tower and write its weights (safetensors, float16) to `out`.

    The loss is CLIP's between a segment's sound and the frozen text tower's embedding of its
    caption. A sample is a random part of a segment, as long as the shortest segment.

    Raises:
        FusevadError: bad weights of the CLIP.
    """
    render = parse(RenderSettings, settings.render, "render")
    parts = (settings.clips, settings.seed), (settings.held_out_clips, settings.seed + 1)
    train, held_out = (hear(encoder_plans(render, *part), render, workers) for part in parts)
    clip = load_clip(settings.encoder)
    targets, scale = _embedded_texts(clip, settings, train.captions), clip.logit_scale.exp()
    torch.manual_seed(settings.seed)
    tower = SmallAudioTower(targets.shape[1])

    def loss(rows: NDArray[np.int64], generator: np.random.Generator) -> Tensor:
        del generator
        return cue_loss(tower(_samples(train.sound[rows])), targets[rows], scale)

    tower.train()
    last = optimise("audio tower", tower, loss, len(train.captions), settings.optimisation)
    # Evaluated as it is stored: in float16.
    tower = tower.half().float().eval()
    save_halves(tower.state_dict(), out)
    rows = np.sort(np.unique(held_out.captions, return_index=True)[1])
    texts = _embedded_texts(clip, settings, [held_out.captions[row] for row in rows])
    with torch.inference_mode():
        sounds = tower(_samples(held_out.sound[rows]))
    return AudioReport(
        parameters=sum(p.numel() for p in tower.parameters()),
        segments=len(train.captions),
        captions=len(set(train.captions)),
        loss=last,
        candidates=len(rows),
        retrieval={f"top {k}": _top_k(sounds, texts, k) for k in (1, 5, 10)},
    )


def hear(plans: Sequence[VideoPlan], render: RenderSettings, workers: int) -> Heard:
    """The sound of all whole segments of clips, and what is to be seen in them."""
    samples = SEGMENT_FRAMES * SAMPLE_RATE // max(render.fps)
    work = partial(_hear_clip, render=render, samples=samples)
    sound, texts = [], []
    for found, own in in_processes(work, plans, workers, "sound of clips", "clip"):
        sound.append(found)
        texts += own
    return Heard(np.concatenate(sound), texts)


def _hear_clip(
    plan: VideoPlan, render: RenderSettings, samples: int
) -> tuple[NDArray[np.int16], list[str]]:
    director = direct(plan, render)
    seconds = plan.frames / plan.fps
    sound = soundtrack(director.sounds, seconds, render.sample_rate, plan.seed)
    whole = plan.frames // SEGMENT_FRAMES
    edges = [segment * SEGMENT_FRAMES / plan.fps for segment in range(whole + 1)]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "clip.mp4"
        write_video(file, (_BLANK for _ in range(plan.frames)), sound, plan.fps, render)
        heard = list(read_sound(file, edges, SAMPLE_RATE))
    starts = np.random.default_rng(plan.seed)
    parts, texts = [], []
    for segment, text in zip(heard, captions(director), strict=False):
        if segment is not None:
            start = int(starts.integers(0, len(segment) - samples + 1))
            parts.append(np.rint(segment[start : start + samples] * 32767).astype(np.int16))
            texts.append(text)
    return np.stack(parts), texts


def _samples(sound: NDArray[np.int16]) -> Tensor:
    return torch.from_numpy(sound.astype(np.float32) / 32767)


@torch.inference_mode()
def _embedded_texts(clip: nn.Module, settings: AudioTraining, texts: Sequence[str]) -> Tensor:
    """`N x D`, of each text."""
    tokens = tokenizer(settings.encoder.model)(list(texts))
    return torch.cat([clip.encode_text(part) for part in tokens.split(_TEXTS_AT_ONCE)]).clone()


def _top_k(sounds: Tensor, texts: Tensor, k: int) -> float:
    """Share of sounds whose own text is among the `k` nearest."""
    cosines = functional.normalize(sounds, dim=-1) @ functional.normalize(texts, dim=-1).T
    nearest = cosines.topk(k, dim=1).indices
    return float((nearest == torch.arange(len(sounds))[:, None]).any(dim=1).float().mean())
