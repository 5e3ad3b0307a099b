"""Distances: features of Depth Anything V2 (Yang et al. 2024), or the renderer's depth."""

from fusevad.embed.streams.settings import SeenKind


class Depth(SeenKind):
    """One vector a segment, of its middle frame."""

    name = "depth"
    title = "depth"
    pattern = "depth"
    model = "depth-anything"
    configured = True


KIND = Depth()
