"""Names of videos: one spelling of each, wherever it was read."""

import unicodedata


def one_spelling(name: str) -> str:
    """A name with composed letters: macOS decomposes them, so that `ä` is two characters."""
    return unicodedata.normalize("NFC", name)


def listed_name(text: str) -> str:
    """The name of a video that a list names, with folders where needed: `training/01`.

    Names of videos become names of files, so that folders are joined by underscores.
    """
    return one_spelling(text.strip("/").replace("/", "_"))
