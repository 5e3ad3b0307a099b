"""Write envs/fusevad.yaml, the conda form of envs/requirements.lock.

Conda brings Python and pip, and pip brings the pinned packages: conda-forge builds other versions
under other names, so only this way both environments hold the same packages. The pins are spelled
out, because Snakemake moves the file and a reference to the lock would break.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PIN = re.compile(r"^(?P<pin>[A-Za-z0-9._-]+==[^\s;]+(?: ; .+?)?) \\$", re.MULTILINE)
HEAD = """\
# Made from requirements.lock by `make lock`; do not edit.
# Snakemake then runs fusevad.post-deploy.sh, which adds FuseVAD itself.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def conda_environment(lock: str) -> str:
    """Return the conda file (YAML text) that holds every pin of `lock`, with its marker."""
    return HEAD + "".join(f'      - "{match["pin"]}"\n' for match in PIN.finditer(lock))


if __name__ == "__main__":
    lock_text = (FOLDER / "requirements.lock").read_text()
    (FOLDER / "fusevad.yaml").write_text(conda_environment(lock_text))
