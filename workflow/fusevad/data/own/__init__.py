"""People's own training data: from a folder or a table of labels to a configured data set."""
