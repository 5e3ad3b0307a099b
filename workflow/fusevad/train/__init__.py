"""Training: one seed, all seeds, sampling."""
