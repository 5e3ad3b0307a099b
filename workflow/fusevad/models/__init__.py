"""Detectors: a file a method, its settings, and the registry that knows them by name."""
