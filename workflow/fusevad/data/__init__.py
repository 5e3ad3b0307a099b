"""Data sets: from a source to a manifest of videos with labels and ground truth."""
