"""Depth Anything V2 of transformers, with local weights."""

from torch import Tensor, nn

from fusevad.embed.transformer_models import ImageEncoder, load_model, transformers

# Multiples of its patches of 14 pixels.
SIZE = (434, 322)


def load_depth_anything(weights: str) -> ImageEncoder:
    """Load the model; a picture is the mean of its encoder's last features.

    Raises:
        FusevadError: the package or the files are missing, or they don't fit.
    """
    library = transformers("depth")

    def build(values: dict) -> nn.Module:
        configuration = library.DepthAnythingConfig.from_dict(values)
        return library.DepthAnythingForDepthEstimation(configuration)

    return ImageEncoder(load_model(build, weights, "Depth Anything"), _features, 8)


def _features(model: nn.Module, pictures: Tensor) -> Tensor:
    last = model.backbone.forward_with_filtered_kwargs(pictures).feature_maps[-1]
    # Tokens with a class token in front, or an image of tokens.
    return last.mean(dim=(2, 3)) if last.ndim == 4 else last[:, 1:].mean(dim=1)
