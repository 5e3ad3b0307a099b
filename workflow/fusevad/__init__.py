"""FuseVAD: weakly supervised video anomaly detection, reproduced under one protocol."""

__version__ = "0.1.0"
