"""Verbs about the configuration and the code itself."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import RUN, verb


@verb(RUN, "fusevad schemas")
def schemas(
    folder: Annotated[Path, typer.Argument(help="Where they go.")] = Path("workflow/schemas"),
) -> None:
    """Write the schemas of config/*.yaml, for editors, and of leaderboard.json."""
    from fusevad.config.schemas import described_schema, schema_text
    from fusevad.config.schemas import schemas as make
    from fusevad.files import atomic_path
    from fusevad.report.leaderboard import Leaderboard

    board = {"leaderboard": schema_text(described_schema(Leaderboard))}
    for name, text in (make() | board).items():
        with atomic_path(folder / f"{name}.schema.json") as path:
            path.write_text(text, encoding="utf-8")


@verb(RUN, "fusevad versions --write")
def versions(
    write: Annotated[
        bool, typer.Option("--write", help="Record new versions and their source.")
    ] = False,
    same: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Record one whose changed source computes the same; repeat the option.",
        ),
    ] = None,
) -> None:
    """Name methods, stages and streams whose source changed, not their version; then status 1."""
    from fusevad.plan.sources import Sources

    sources = Sources()
    if write or same:
        for name in sources.write(same or []):
            print(f"recorded: {name}")
    changes = sources.changes()
    for change in changes.values():
        print(change.line)
    print(f"{len(sources.owners) - len(changes)} methods, stages and streams are as recorded")
    if changes:
        raise typer.Exit(1)
