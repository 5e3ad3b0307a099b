"""One spelling of each text that is compared with names, wherever it was read."""

import unicodedata


def one_spelling(text: str) -> str:
    """A text with composed letters: macOS decomposes them, so `ä` is two characters there."""
    return unicodedata.normalize("NFC", text)
