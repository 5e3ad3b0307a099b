"""Names of videos: one spelling of each, wherever it was read."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator


def one_spelling(name: str) -> str:
    """A name with composed letters: macOS decomposes them, so `ä` is two characters there."""
    return unicodedata.normalize("NFC", name)


# A setting that is compared with names of files, videos or classes.
Spelled = Annotated[str, AfterValidator(one_spelling)]


def listed_name(text: str) -> str:
    """The name of a video in a list, which may include folders: `training/01`.

    Names of videos become names of files, so folders are joined with underscores.
    """
    return one_spelling(text.strip("/").replace("/", "_"))
