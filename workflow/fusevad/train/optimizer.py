"""Optimisers by name."""

from collections.abc import Callable, Iterable

import torch
from torch import nn

from fusevad.errors import FusevadError, message_of
from fusevad.train.settings import TrainSettings

_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}
# What they raise at parameters of other kinds, or that the device can't compute with.
_WRONG = (TypeError, ValueError, IndexError, AssertionError, RuntimeError)


def make_optimizer(
    parameters: Iterable[nn.Parameter], settings: TrainSettings
) -> torch.optim.Optimizer:
    """Make the optimiser of a run.

    Raises:
        FusevadError: it can't take a step with the parameters in `settings.optimizer`.
    """
    chosen, learned = settings.optimizer, list(parameters)
    rates = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}

    def make(of: list[nn.Parameter]) -> torch.optim.Optimizer:
        return _OPTIMIZERS[chosen.name](of, **rates, **chosen.parameters)

    device = learned[0].device
    try:
        _try_steps(make, device)
        return make(learned)
    except torch.OutOfMemoryError:
        raise
    except _WRONG as error:
        raise FusevadError(
            f"optimizer {chosen.name}: parameters {chosen.parameters}: {message_of(error)}; correct"
            " them"
        ) from error


def _try_steps(
    make: Callable[[list[nn.Parameter]], torch.optim.Optimizer], device: torch.device
) -> None:
    """Take two steps: some parameters are only looked at there."""
    parameter = nn.Parameter(torch.zeros(1, device=device))
    parameter.grad = torch.zeros_like(parameter)
    trial = make([parameter])
    for _ in range(2):
        trial.step()
