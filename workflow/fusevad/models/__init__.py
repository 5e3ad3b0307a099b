"""Detectors: one file a method, its settings, and the registry of all methods by name."""
