"""Encoders run over a data set, and the store of embeddings."""
