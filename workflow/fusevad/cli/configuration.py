"""Verbs about the configuration itself."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import app


@app.command()
def schemas(
    folder: Annotated[Path, typer.Argument(help="Where they go.")] = Path("workflow/schemas"),
) -> None:
    """Write the schemas of config/*.yaml, by which editors complete and explain keys."""
    from fusevad.config.schemas import schemas as make
    from fusevad.files import atomic_path

    for name, text in make().items():
        with atomic_path(folder / f"{name}.schema.json") as path:
            path.write_text(text, encoding="utf-8")
