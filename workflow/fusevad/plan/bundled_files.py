"""Files that travel with the repository, compared with the `SHA256SUMS` beside them."""

from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.files import HASHES

FOLDER = Path("config/encoders")


def check_bundled(file: Path, digest: str) -> None:
    """Refuse damaged weights of the repository, which would pass for another encoder's.

    Args:
        file: any source of a job; only those in a folder of `config/encoders/` are compared.
        digest: its hash.

    Raises:
        FusevadError: the file is listed with another hash.
    """
    table = file.parent / HASHES
    if FOLDER not in file.parents or not table.is_file():
        return
    for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
        listed, _, name = line.partition("  ")
        if name == file.name and listed != digest:
            raise FusevadError(
                f"{file}: not the bytes that {table} lists, so damaged or replaced; restore the"
                f" file (git checkout -- {file}), or name other weights in a file of {FOLDER} of"
                " your own"
            )
