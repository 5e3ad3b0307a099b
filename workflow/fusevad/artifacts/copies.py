"""Copies of files that share blocks if the file system supports it."""

import shutil
from pathlib import Path


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, sharing blocks if the file system supports it. Links are followed."""
    from dvc_objects.fs.local import localfs  # slow to import, and seldom needed

    try:
        localfs.reflink(str(source.resolve()), str(target))
    except OSError:
        shutil.copyfile(source, target)
