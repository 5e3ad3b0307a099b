"""What the user's own files hold: encoder weights, scores, captions, features.

Lineages have hashes of them, wherever the files lie. Imports nothing heavy: the Snakefile reads it
at every start.
"""

import hashlib
from functools import cache
from pathlib import Path

from fusevad.files import sha256
from fusevad.hash_tables import folder_files, hashes_text

# The option of a job (`Job.options`) that depends on what such files hold. It is None where they
# are not, as for somebody who has pulled what was made from them.
CONTENT = "content"


def content_of(*places: str) -> str | None:
    """One hash of what files hold, and of all files of folders; None unless all places exist."""
    if not all(Path(place).exists() for place in places):
        return None
    return _hash("".join(_table(Path(place)) for place in places))


def outline_of(folder: str, suffix: str) -> str | None:
    """A hash of the names and sizes of a folder's files; None without the folder.

    For features, of which nobody would read hundreds of gigabytes at every start.
    """
    place = Path(folder)
    if not place.is_dir():
        return None
    files = [name for name in folder_files(place) if name.endswith(suffix)]
    return _hash("".join(f"{(place / name).stat().st_size}  {name}\n" for name in files))


def digest(file: Path) -> str:
    """Hash of a file, which is read once: encoder weights are inputs of many jobs."""
    return _digest_at(file, file.stat().st_mtime_ns)


@cache
def _digest_at(file: Path, _time: int) -> str:
    return sha256(file)


def _table(place: Path) -> str:
    if not place.is_dir():
        return f"{digest(place)}\n"
    return hashes_text({name: digest(place / name) for name in folder_files(place)})


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
