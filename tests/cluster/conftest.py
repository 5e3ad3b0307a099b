"""The tiny data set's results of a run without a cluster."""

from tests.workflow.conftest import tiny_made

__all__ = ["tiny_made"]
