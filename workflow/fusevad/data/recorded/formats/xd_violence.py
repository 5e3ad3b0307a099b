"""XD-Violence: `annotations.txt`.

`NAME start end [start end ...]`, anomalous test videos only; a video's name has its classes, but
nothing says which interval shows which. Frames count from 0 (88 anomalies begin there) and the end
is the first frame after the anomaly, as in the ground-truth code of papers that report on the data
set (`gt[start:end] = 1`); the publisher does not say.
"""

from pathlib import Path

from fusevad.data.recorded.formats.common import Annotation, Span, add, pairs, video_name, words


def read(path: Path) -> dict[str, Annotation]:
    """Annotations by video name."""
    found: dict[str, Annotation] = {}
    for number, line in words(path):
        name = video_name(line[0])
        spans = tuple(Span(*pair) for pair in pairs(path, number, line[1:], first=0))
        add(found, name, Annotation((), spans), f"{path}: line {number}")
    return found
