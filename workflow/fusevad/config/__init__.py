"""What is run, parsed and checked."""
