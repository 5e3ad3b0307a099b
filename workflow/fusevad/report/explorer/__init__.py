"""The explorer: a page, opened from disk, to look at the scores of test videos or of own videos."""
