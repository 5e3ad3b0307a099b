"""Features that others extracted, converted to the format of the stage `embed`."""
