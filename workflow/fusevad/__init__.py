"""FuseVAD: weakly supervised video anomaly detection, re-made and held to one protocol."""

__version__ = "0.1.0"
