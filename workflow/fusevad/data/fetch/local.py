"""Mirrors on this machine: file:// addresses."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tqdm import tqdm

from fusevad.data.fetch.mirrors import MirrorError, Slot, need_room, writing

_CHUNK = 1 << 20


def download(url: str, slot: Slot) -> None:
    """Copy the file at `url` to `slot.part`, from its beginning.

    Raises:
        MirrorError: there is no such file, or it cannot be read.
        FusevadError: the disk is full.
    """
    path = Path(url2pathname(urlsplit(url).path))
    try:
        if path.exists() and not path.is_file():
            raise MirrorError("not a regular file")  # a device or pipe may have no end
        stream = path.open("rb")
    except (OSError, ValueError) as error:  # of a NUL character
        raise MirrorError(getattr(error, "strerror", None) or str(error)) from error
    slot.note.unlink(missing_ok=True)
    size = path.stat().st_size
    need_room(slot.title, slot.folder, size)
    bar = tqdm(total=size, desc=slot.title.name, unit="B", unit_scale=True)
    with stream, bar, writing(slot.title), slot.part.open("wb") as part:
        while chunk := stream.read(_CHUNK):
            part.write(chunk)
            bar.update(len(chunk))
