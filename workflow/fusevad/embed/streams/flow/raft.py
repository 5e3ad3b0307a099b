"""RAFT of torchvision, with local weights."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import optical_flow

from fusevad.embed.store import default_device
from fusevad.embed.streams.flow.histograms import histograms
from fusevad.embed.streams.flow.settings import FlowSettings
from fusevad.encoders.weights import load_state, local_file

_MODELS: dict[str, Callable[[], nn.Module]] = {
    "raft-small": optical_flow.raft_small,
    "raft-large": optical_flow.raft_large,
}


class Raft:
    """Histograms of the flow that RAFT finds.

    Attributes:
        batch_size: pairs at once.
    """

    def __init__(self, model: nn.Module, settings: FlowSettings) -> None:
        self.batch_size = 8
        self.device = default_device()
        self._model = model.eval().to(self.device)
        self._settings = settings

    def embed(self, items: np.ndarray) -> Tensor:
        """(pairs, D) float32 of (pairs, 2, height, width, 3) uint8."""
        pictures = torch.from_numpy(items).to(self.device).permute(1, 0, 4, 2, 3).float()
        first, second = pictures / 127.5 - 1
        with torch.inference_mode():
            flow = self._model(first, second)[-1]
        found = histograms(flow.permute(0, 2, 3, 1).cpu().numpy(), self._settings)
        return torch.from_numpy(found)


def load_raft(settings: FlowSettings) -> Raft:
    """Load the model.

    Raises:
        FusevadError: no such file, or weights of another model.
    """
    model = _MODELS[settings.estimator]()
    load_state(model, local_file(settings.weights, "weights of RAFT"))
    return Raft(model, settings)
