"""Features that others extracted, brought into the form that the stage `embed` writes."""

from fusevad.import_features.layouts import LAYOUTS, ImportSettings, Layout
from fusevad.import_features.manifest import manifest_from_features
from fusevad.import_features.run import import_features

__all__ = ["LAYOUTS", "ImportSettings", "Layout", "import_features", "manifest_from_features"]
