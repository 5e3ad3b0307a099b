"""Tables and figures, made from what the earlier stages wrote; nothing is computed twice."""
