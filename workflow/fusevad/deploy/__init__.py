"""A trained run as one file, and what people do with it on their own videos."""
