"""Real data sets: their lists, annotations and files as their publishers lay them out."""

from fusevad.recorded.labels import make_labels
from fusevad.recorded.settings import RecordedSettings
from fusevad.recorded.verify import verify

__all__ = ["RecordedSettings", "make_labels", "verify"]
