"""Faults that really happen to the tiny workflow: `make faults`."""
