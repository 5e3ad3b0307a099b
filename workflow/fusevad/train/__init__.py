"""Training: one seed, all seeds, sampling, the losses that methods share."""
