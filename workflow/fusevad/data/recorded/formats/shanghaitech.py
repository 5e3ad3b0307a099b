"""ShanghaiTech as released with IEF-VAD: `shang_annotations.txt`.

`NAME.avi class start end ...`, always eight intervals, -1 -1 for none. Frames count from 0 and both
ends belong to the anomaly: read this way, the numbers agree with the data set's own frame masks
(`testing/test_frame_mask`). The released code reads them as a slice, which loses the last frame of
each anomaly and empties the two that are one frame long (`01_0028` 330-330, `08_0077` 401-401).

Two videos with several classes are annotated in parts: `04_0012_0`, `04_0012_1` and `05_0023_0` to
`05_0023_3`, whose frames count from the beginning of the whole video. They are joined here.
"""

import re
from pathlib import Path

from fusevad.data.recorded.formats.common import Annotation, Span, pairs, words
from fusevad.errors import FusevadError

_NAME = re.compile(r"(?P<video>\d{2}_\d{3,4})(?P<part>_\d+)?\.avi")


def read(path: Path) -> dict[str, Annotation]:
    """Annotations by video name; normal videos have no spans."""
    found: dict[str, Annotation] = {}
    for number, line in words(path):
        match = _NAME.fullmatch(line[0])
        if match is None or len(line) < 4:
            raise FusevadError(
                f"{path}: line {number} is not name, class and intervals; get the file again"
            )
        label = line[1]
        spans = tuple(
            Span(start, end + 1, label) for start, end in pairs(path, number, line[2:], first=0)
        )
        if match["part"] is None and match["video"] in found:
            raise FusevadError(
                f"{path}: line {number}: video {match['video']} is annotated twice; get the file"
                " again"
            )
        before = found.get(match["video"], Annotation((), ()))
        labels = before.labels if label in before.labels else (*before.labels, label)
        found[match["video"]] = Annotation(labels, before.spans + spans)
    return found
