"""The renderer of the default data set: a synthetic surveillance benchmark with ground truth."""
