"""Copies of files that share blocks where the file system can."""

import shutil
from pathlib import Path


def copy_file(source: Path, target: Path) -> None:
    """Share blocks where the file system can; else copy them. Links are followed."""
    from dvc_objects.fs.local import localfs  # heavy, and seldom needed

    try:
        localfs.reflink(str(source.resolve()), str(target))
    except OSError:
        shutil.copyfile(source, target)
