"""UCF-Crime: `Temporal_Anomaly_Annotation_for_Testing_Videos.txt`, also for its event streams.

`NAME.mp4  Class  start  end  start  end`, -1 -1 for no (second) anomaly. Frames count from 1 and
both ends belong to the anomaly: the publisher's evaluation (Evaluate_Anomaly_Detector.m, Sultani
et al. 2018) sets `GT(max(start, 1):min(end, frames)) = 1` in MATLAB. The code of later papers reads
the same numbers as a slice from 0, so each anomaly begins a frame later.
"""

from pathlib import Path

from fusevad.data.recorded.formats.common import Annotation, Span, add, pairs, video_name, words
from fusevad.errors import FusevadError


def read(path: Path) -> dict[str, Annotation]:
    """Annotations by video name; normal videos have no spans."""
    found: dict[str, Annotation] = {}
    for number, line in words(path):
        if len(line) != 6:
            raise FusevadError(
                f"{path}: line {number} is not name, class and two intervals; get the file again"
            )
        name, label = video_name(line[0]), line[1]
        spans = tuple(
            Span(start - 1, end, label) for start, end in pairs(path, number, line[2:], first=1)
        )
        add(found, name, Annotation((label,), spans), f"{path}: line {number}")
    return found
