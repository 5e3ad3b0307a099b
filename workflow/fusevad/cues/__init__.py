"""Motion cues, from frames or from an event camera."""
