"""Contrastive training, for the bundled encoder and `align`."""

import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.loss import ClipLoss
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from fusevad.encoders.settings import Optimisation
from fusevad.files import keep, kept

# Loss of the samples with these numbers; all its randomness comes from the generator.
BatchLoss = Callable[[NDArray[np.int64], np.random.Generator], Tensor]


def cue_loss(cues: Tensor, frames: Tensor, scale: Tensor) -> Tensor:
    """CLIP's loss between motion cues and frames of the same segments (after Jeong et al. 2024).

    Args:
        cues: B x D embeddings of cues by the tower that is trained.
        frames: B x D embeddings of the segments' frames by the frozen image tower.
        scale: factor of the cosines.
    """
    cues, frames = (functional.normalize(part, dim=-1) for part in (cues, frames))
    return ClipLoss()(cues, frames, scale)


class _Training:
    """The state that a run resumes from: weights, optimizer, learning rate, random generator."""

    def __init__(self, module: nn.Module, settings: Optimisation, steps: int) -> None:
        self.module = module
        self.optimizer = torch.optim.AdamW(
            module.parameters(),
            lr=settings.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=settings.weight_decay,
        )
        warm_up = max(1, steps // 10)

        def rate(step: int) -> float:
            progress = (step - warm_up) / max(1, steps - warm_up)
            return min((step + 1) / warm_up, 0.5 * (1 + math.cos(math.pi * max(0.0, progress))))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate)
        self.generator = np.random.default_rng(settings.seed)
        self.epoch = 0  # finished epochs
        self.loss = math.nan  # mean of the last epoch

    def step(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()

    def save(self, file: Path) -> None:
        state = {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": json.dumps(self.generator.bit_generator.state),
            "epoch": self.epoch,
            "loss": self.loss,
        }
        data = io.BytesIO()
        torch.save(state, data)
        keep(data.getbuffer(), file)

    def restore(self, file: Path) -> None:
        content = kept(file)
        if content is None:
            return
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.bit_generator.state = json.loads(state["generator"])
        self.epoch, self.loss = state["epoch"], state["loss"]


def optimise(
    name: str,
    module: nn.Module,
    loss: BatchLoss,
    count: int,
    settings: Optimisation,
    after_step: Callable[[], None] = lambda: None,
    checkpoint: Path | None = None,
) -> float:
    """Train `module`; an epoch is `count` samples in random order, without an incomplete batch.

    Args:
        name: for the progress bar.
        module: its parameters are trained.
        loss: of a batch.
        count: number of samples.
        settings: of the optimiser.
        after_step: called after every step.
        checkpoint: file that stores the run after each epoch; an existing one is resumed.

    Returns:
        Mean loss of the last epoch.
    """
    size = min(settings.batch_size, count)
    steps = count // size
    training = _Training(module, settings, settings.epochs * steps)
    if checkpoint is not None:
        training.restore(checkpoint)
    done, total = training.epoch * steps, settings.epochs * steps
    with tqdm(total=total, initial=done, desc=name, unit="batch") as bar:
        while training.epoch < settings.epochs:
            losses = []
            for rows in _batches(count, size, training.generator):
                value = loss(rows, training.generator)
                training.step(value)
                after_step()
                losses.append(float(value.detach()))
                bar.update()
            training.epoch, training.loss = training.epoch + 1, float(np.mean(losses))
            bar.set_postfix(loss=f"{training.loss:.3f}")
            if checkpoint is not None:
                training.save(checkpoint)
    return training.loss


def _batches(count: int, size: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    order = generator.permutation(count)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]
