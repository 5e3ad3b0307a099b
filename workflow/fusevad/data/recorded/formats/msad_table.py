"""MSAD as published: `anomaly_annotation.csv`, which comes with the videos.

Columns name, scenario, total frames, starting frame of anomaly, ending frame of anomaly; anomalous
videos only, of both parts of the split. Frames count from 1 and both ends belong to the anomaly (a
video that is anomalous to its end has its number of frames as the ending frame). Further rows with
the same name are further anomalies.
"""

from collections import defaultdict
from pathlib import Path

from fusevad.data.names import listed_name
from fusevad.data.recorded.formats.common import Annotation, Span, pairs, video_name
from fusevad.data.spreadsheets import sheet_rows
from fusevad.errors import FusevadError

_COLUMNS = ("name", "starting frame of anomaly", "ending frame of anomaly")


def read(path: Path) -> dict[str, Annotation]:
    """Annotations by video name."""
    spans: dict[str, list[Span]] = defaultdict(list)
    try:
        for line, (name, *numbers) in sheet_rows(path, _COLUMNS):
            if not any((name, *numbers)):
                continue
            for start, end in pairs(path, line, numbers, first=1):
                spans[listed_name(video_name(name))].append(Span(start - 1, end))
    except (OSError, ValueError) as error:
        raise FusevadError(f"{path}: {error}; get the file again") from error
    return {name: Annotation((), tuple(each)) for name, each in spans.items()}
