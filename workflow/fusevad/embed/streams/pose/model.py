"""The key-point R-CNN of torchvision, with local weights."""

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import keypointrcnn_resnet50_fpn

from fusevad.embed.store import default_device
from fusevad.embed.streams.pose.people import embed_people
from fusevad.encoders.weights import load_state, local_file

SIZE = (640, 480)
_LEAST_SCORE = 0.7


class KeypointRcnn:
    """Embeds the people whom the model is sure of.

    Attributes:
        batch_size: pictures at once.
    """

    batch_size = 4

    def __init__(self, model: nn.Module) -> None:
        self.device = default_device()
        self._model = model.eval().to(self.device)

    def embed(self, items: np.ndarray) -> Tensor:
        """(pictures, D) float32 of (pictures, height, width, 3) uint8."""
        pictures = torch.from_numpy(items).to(self.device).permute(0, 3, 1, 2) / 255
        with torch.inference_mode():
            found = self._model(list(pictures))
        size = (items.shape[2], items.shape[1])
        people = [each["keypoints"][each["scores"] >= _LEAST_SCORE].cpu().numpy() for each in found]
        return torch.from_numpy(np.stack([embed_people(each, size) for each in people]))


def load_keypoint_rcnn(weights: str) -> KeypointRcnn:
    """Load the model.

    Raises:
        FusevadError: no such file, or weights of another model.
    """
    model = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    load_state(model, local_file(weights, "weights of the key-point R-CNN"))
    return KeypointRcnn(model)
