"""What is a thing of its own: features of SAM (Kirillov et al. 2023), or the renderer's masks."""

from fusevad.embed.streams.settings import SeenKind


class Masks(SeenKind):
    """One vector a segment, of its middle frame."""

    name = "masks"
    title = "masks"
    pattern = "masks"
    model = "sam"
    configured = True


KIND = Masks()
