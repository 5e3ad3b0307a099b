"""The section `own:` of a data set's configuration; imports nothing heavy."""

from dataclasses import dataclass

from fusevad.parsing import FORBID
from fusevad.places import Place


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """Videos of your own: two tables, which `fusevad init-dataset` writes and you may edit.

    Attributes:
        labels: table video, split, class, path; paths relative to the table's folder.
        intervals: table video, class, start, end: frames from 0, half-open, of test videos. Give
            all anomalous test videos an interval, or none of them.
    """

    __pydantic_config__ = FORBID
    labels: Place
    intervals: Place
