"""Real data sets: lists, annotations and files in their publishers' layouts."""
