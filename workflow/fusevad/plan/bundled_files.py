"""Files that travel with the repository, compared with the `SHA256SUMS` beside them."""

from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.hash_tables import HASHES, listed_hashes

FOLDER = Path("config/encoders")


def check_bundled(file: Path, digest: str) -> None:
    """Refuse damaged weights of the repository, which would pass for another encoder's.

    Args:
        file: any source of a job; only those in a folder of `config/encoders/` are compared.
        digest: its hash.

    Raises:
        FusevadError: the file is listed with another hash.
    """
    if FOLDER not in file.parents:
        return
    if listed_hashes(file.parent).get(file.name, digest) != digest:
        raise FusevadError(
            f"{file}: not the bytes that {file.parent / HASHES} lists, so damaged or replaced;"
            f" restore the file (git checkout -- {file}), or name other weights in a file of"
            f" {FOLDER} of your own"
        )
