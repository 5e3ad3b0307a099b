"""The streams of motion cues."""
