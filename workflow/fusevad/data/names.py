"""Names of videos that lists, annotations and folders give."""

from fusevad.spelling import one_spelling


def listed_name(text: str) -> str:
    """The name of a video in a list, which may include folders: `training/01`.

    Names of videos become names of files, so folders are joined with underscores.
    """
    return one_spelling(text.strip("/").replace("/", "_"))
