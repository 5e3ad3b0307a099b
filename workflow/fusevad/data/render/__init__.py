"""The renderer of the bundled data set: a synthetic surveillance benchmark with its truth."""
