"""Getting a data set: downloads that go on where they stopped, checked and safely unpacked."""
