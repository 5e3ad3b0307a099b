"""Getting a data set: downloads that resume, are checked and safely unpacked."""
