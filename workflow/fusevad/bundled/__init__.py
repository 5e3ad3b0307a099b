"""Train the small encoder that is bundled with the repository."""
