"""Scores of trained models, and metrics."""
