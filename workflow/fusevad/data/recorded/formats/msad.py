"""MSAD as released with IEF-VAD: `msad_annotations.txt`.

`NAME.mp4  scenario  start  end  -1  -1`: the layout of UCF-Crime's file, but the second column is
the scenario (`office`, `Normal`), so only the video's name has the class. Frames count from 1 and
both ends belong to the anomaly: 29 of the 121 anomalies begin at 1, none at 0, and in the
publisher's table, which has the same numbers, anomalies end with the number of frames.
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
                f"{path}: line {number} is not name, scenario and two intervals; get the file again"
            )
        name = video_name(line[0])
        spans = tuple(Span(start - 1, end) for start, end in pairs(path, number, line[2:], first=1))
        add(found, name, Annotation((), spans), f"{path}: line {number}")
    return found
