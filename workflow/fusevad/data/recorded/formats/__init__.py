"""Annotations of test videos in their publishers' formats, one module a format.

Every format is converted to frames that count from 0, half-open. Each module says how its publisher
counts, and why we read it so; `docs/datasets.md` has the same in a table.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fusevad.data.recorded.formats import (
    cctv_fights,
    msad,
    msad_table,
    shanghaitech,
    ucf_crime,
    xd_violence,
)
from fusevad.data.recorded.formats.common import Annotation, Span
from fusevad.data.recorded.settings import AnnotationSettings
from fusevad.errors import FusevadError

__all__ = ["Annotation", "Span", "read_annotations"]

_READERS: dict[str, Callable[[Path], dict[str, Annotation]]] = {
    "ucf-crime": ucf_crime.read,
    "xd-violence": xd_violence.read,
    "shanghaitech": shanghaitech.read,
    "msad": msad.read,
    "msad-table": msad_table.read,
    "cctv-fights": cctv_fights.read,
}


def read_annotations(path: Path, settings: AnnotationSettings) -> dict[str, Annotation]:
    """Annotations by name, as in lists, without the file's suffix; not every video needs one.

    Raises:
        FusevadError: the file does not have this format, or a video or an anomaly twice, or another
            number of anomalies than was published.
    """
    found = _READERS[settings.format](path)
    anomalies = sum(len(annotation.spans) for annotation in found.values())
    if settings.anomalies not in (None, anomalies):
        raise FusevadError(
            f"{path}: has {anomalies} anomalies instead of {settings.anomalies}; get the file again"
        )
    for name, annotation in found.items():
        twice = [span for span, count in Counter(annotation.spans).items() if count > 1]
        if twice:
            raise FusevadError(
                f"{path}: video {name}: an anomaly from frame {twice[0].start} to {twice[0].end} is"
                " there twice; get the file again"
            )
    return found
