"""Optimisers by name."""

from collections.abc import Iterable

import torch
from torch import nn

from fusevad.errors import FusevadError
from fusevad.train.settings import TrainSettings

_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}


def make_optimizer(
    parameters: Iterable[nn.Parameter], settings: TrainSettings
) -> torch.optim.Optimizer:
    """Make the optimiser of a run.

    Raises:
        FusevadError: it lacks one of the parameters in `settings.optimizer`.
    """
    chosen = settings.optimizer
    rates = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    try:
        return _OPTIMIZERS[chosen.name](parameters, **rates, **chosen.parameters)
    except (TypeError, ValueError) as error:
        raise FusevadError(
            f"optimizer {chosen.name}: parameters {chosen.parameters}: {error}; correct them"
        ) from error
