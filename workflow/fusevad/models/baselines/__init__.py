"""Detectors of other papers, for comparison: a file a method (docs/methods)."""
