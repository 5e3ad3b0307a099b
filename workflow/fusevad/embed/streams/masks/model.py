"""The image encoder of SAM of transformers, with local weights."""

from torch import Tensor, nn
from torch.nn import functional

from fusevad.embed.transformer_models import ImageEncoder, load_model, transformers

# Sides as 4 to 3; SAM takes squares, whose rest is empty.
SIZE = (1024, 768)


def load_sam(weights: str) -> ImageEncoder:
    """Load the model; a picture is the mean of its encoder's features over the picture.

    Raises:
        FusevadError: the package or the files are missing, or they don't fit.
    """
    library = transformers("masks")

    def build(values: dict) -> nn.Module:
        return library.SamModel(library.SamConfig.from_dict(values))

    return ImageEncoder(load_model(build, weights, "SAM"), _features, 1)


def _features(model: nn.Module, pictures: Tensor) -> Tensor:
    side = model.config.vision_config.image_size
    width, height = pictures.shape[3], pictures.shape[2]
    longest = max(width, height)
    size = (round(height * side / longest), round(width * side / longest))
    resized = functional.interpolate(pictures, size, mode="bilinear", antialias=True)
    square = functional.pad(resized, (0, side - size[1], 0, side - size[0]))
    found = model.get_image_embeddings(square)
    rows, columns = (-(-length * found.shape[-1] // side) for length in size)
    return found[:, :, :rows, :columns].mean(dim=(2, 3))
