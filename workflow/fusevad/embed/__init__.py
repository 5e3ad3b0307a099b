"""Run encoders over a data set; the store of embeddings."""
