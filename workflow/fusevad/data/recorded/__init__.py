"""Real data sets: their lists, annotations and files as their publishers lay them out."""
