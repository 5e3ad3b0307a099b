"""Features that others extracted, brought into the form that the stage `embed` writes."""
