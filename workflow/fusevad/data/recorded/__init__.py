"""Real data sets: their lists, annotations and files as their publishers lay them out."""

from fusevad.data.recorded.labels import make_labels
from fusevad.data.recorded.settings import RecordedSettings
from fusevad.data.recorded.verify import verify

__all__ = ["RecordedSettings", "make_labels", "verify"]
