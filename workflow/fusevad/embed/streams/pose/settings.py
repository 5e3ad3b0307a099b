"""Key points of people: those of a key-point R-CNN (He et al. 2017), or the renderer's."""

from fusevad.embed.streams.settings import SeenKind


class Pose(SeenKind):
    """One vector a segment, of its middle frame."""

    name = "pose"
    title = "pose"
    pattern = "pose"
    model = "keypoint-rcnn"


KIND = Pose()
