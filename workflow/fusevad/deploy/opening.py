"""Open a bundle: its verified members in a folder, and the facts that it states."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fusevad.deploy.archive import unpack
from fusevad.deploy.contents import ABOUT, FORMAT, About, weights_member
from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.parsing import parse


@contextmanager
def unpacked(bundle: Path) -> Iterator[Path]:
    """A folder with the verified members of a bundle, as long as the block runs.

    Raises:
        FusevadError: the bundle is damaged.
    """
    folder = Path(tempfile.mkdtemp(prefix="fusevad-"))
    try:
        unpack(bundle, folder)
        yield folder
    finally:
        shutil.rmtree(folder)


def read_about(folder: Path, bundle: Path) -> About:
    """The facts of an unpacked bundle.

    Raises:
        FusevadError: they are missing, of another form, or of a newer version.
    """
    if not (folder / ABOUT).is_file():
        raise FusevadError(f"{bundle}: not a bundle of FuseVAD: no {ABOUT}; make it again")
    try:
        values = json.loads(read_limited(folder / ABOUT))
    except (ValueError, RecursionError) as error:
        raise FusevadError(f"{bundle}: its {ABOUT} is not JSON; make it again") from error
    found = values.get("format") if isinstance(values, dict) else None
    if found != FORMAT:
        raise FusevadError(
            f"{bundle}: a bundle of form {found!r}, and this version reads form {FORMAT}; use the"
            " version of fusevad that made it"
        )
    about = parse(About, values, f"{bundle}: {ABOUT}")
    for seed in about.seeds:
        if not (folder / weights_member(seed)).is_file():
            raise FusevadError(f"{bundle}: no weights of seed {seed}; make it again")
    return about
