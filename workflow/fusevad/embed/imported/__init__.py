"""Features that others extracted, brought into the form that the stage `embed` writes."""

from fusevad.embed.imported.layouts import LAYOUTS, ImportSettings, Layout
from fusevad.embed.imported.manifest import manifest_from_features
from fusevad.embed.imported.run import import_features

__all__ = ["LAYOUTS", "ImportSettings", "Layout", "import_features", "manifest_from_features"]
