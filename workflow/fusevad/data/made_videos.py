"""Videos made by a stage: a complete folder `videos`, and a hidden one until it is complete.

Snakemake removes a job's outputs before it runs the job again, so the videos of a killed job are
kept in `.videos.progress`, which becomes `videos` when all are made. A table of hashes in
the folder says which of them are finished and undamaged.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fusevad.errors import FusevadError, notice
from fusevad.files import (
    remove_abandoned,
    remove_folder,
    sha256,
    write_json,
    write_text,
)
from fusevad.hash_tables import HASHES, folder_files, hashes_text, listed_hashes
from fusevad.parsing import parse, read_noted
from fusevad.paths import inside, walk


def videos_folder(out: Path) -> Path:
    """Folder of the finished videos of a stage that writes to `out`."""
    return out / "videos"


def _progress(out: Path) -> Path:
    return out / ".videos.progress"


def resume_videos(out: Path) -> tuple[Path, set[str]]:
    """The folder to make videos in, and the paths of its finished and undamaged videos.

    Damaged videos are named and removed, as are other remains of killed jobs.
    """
    final, folder = videos_folder(out), _progress(out)
    _drop_links(final)
    if (final / HASHES).is_file():
        remove_folder(folder)
        final.rename(folder)
    _drop_links(folder)
    folder.mkdir(parents=True, exist_ok=True)
    whole = {}
    for path, digest in listed_hashes(folder).items():
        file = folder / path
        if file.is_file() and sha256(file) == digest:
            whole[path] = digest
        elif file.is_file():
            notice(f"{file}: damaged; this video is made again")
            file.unlink()
    write_text(hashes_text(whole), folder / HASHES)
    for parent, _, _ in walk(folder):
        remove_abandoned(Path(parent))
    return folder, set(whole)


def _drop_links(folder: Path) -> None:
    """Remove links to folders: whatever they lead to is not made here, and is not changed."""
    for path in (folder, *inside(folder)):
        if path.is_symlink() and path.is_dir():
            path.unlink()


def add_video(folder: Path, file: Path, written: Path) -> None:
    """Record the hash of a video that is `written`, before the rename, so that none is lost.

    Several processes may do so at the same time.
    """
    line = f"{sha256(written)}  {file.relative_to(folder).as_posix()}\n"
    with (folder / HASHES).open("a", encoding="utf-8") as table:
        table.write(line)  # one write of a short line: lines of several processes don't mix


def hashes_when_made(out: Path) -> dict[str, str]:
    """SHA-256 of the finished videos of a stage that writes to `out`, by absolute path."""
    folder = videos_folder(out)
    return {
        os.path.abspath(folder / path): digest for path, digest in listed_hashes(folder).items()
    }


def damage(path: Path, made: Mapping[str, str], out: Path) -> str | None:
    """Why a video is not as the stage that writes to `out` made it; None if it is.

    Args:
        made: from `hashes_when_made`; a file that is not in it, or is missing, is not damaged.
    """
    digest = made.get(os.path.abspath(path))
    if digest is None or not path.is_file() or sha256(path) == digest:
        return None
    return (
        f"{path}: damaged since it was made; delete {videos_folder(out)} and run the workflow again"
    )


def list_videos(out: Path, paths: Iterable[str]) -> None:
    """Complete the table of the folder in progress: each of `paths` once; remove other files."""
    folder = _progress(out)
    known, wanted = listed_hashes(folder), set(paths)
    for path in folder_files(folder):
        if path not in wanted:
            (folder / path).unlink()
    hashes = {path: known.get(path) or sha256(folder / path) for path in wanted}
    write_text(hashes_text(hashes), folder / HASHES)


def finish_videos(out: Path) -> None:
    """Give the folder in progress its final name: the last step of a stage."""
    remove_folder(videos_folder(out))
    _progress(out).rename(videos_folder(out))


def forget_others(
    out: Path, note: str, tables: Iterable[str], digest: str, settings: Mapping[str, Any]
) -> None:
    """Remove videos and tables made with other settings or code; note how today's are made.

    Args:
        out: folder of the stage.
        note: JSON file in it that says how its videos are made.
        tables: names of the stage's tables.
        digest: changes with everything that the videos depend on.
        settings: of the stage, noted for readers.
    """
    path = out / note
    if _noted(path) == digest:
        return
    for name in tables:
        (out / name).unlink(missing_ok=True)
    for folder in (videos_folder(out), _progress(out)):
        remove_folder(folder)
    write_json({"digest": digest, "settings": dict(settings)}, path)


def _noted(path: Path) -> str | None:
    """The digest of a note; None if there is no note, or a damaged one, which is said."""
    if not path.is_file():
        return None
    try:
        return str(parse(dict[str, Any], read_noted(path), str(path)).get("digest"))
    except FusevadError:
        notice(f"{path}: damaged; its videos are made again")
        return None
