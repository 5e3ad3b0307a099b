"""Training of the small encoder that travels with the repository."""
