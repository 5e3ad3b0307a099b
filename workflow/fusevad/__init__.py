"""FuseVAD: weakly supervised video anomaly detection, reproduced under one protocol."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`fusevad.Detector`, which imports torch, only for those who ask for it."""
    if name == "Detector":
        return import_module("fusevad.deploy.detector").Detector
    raise AttributeError(f"module 'fusevad' has no attribute {name!r}")
