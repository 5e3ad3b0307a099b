"""Options of verbs that read a configuration, as Snakemake does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from fusevad.cli.app import Stage
from fusevad.errors import FusevadError

if TYPE_CHECKING:
    from fusevad.config.model import Config

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--configfile",
        metavar="FILE ...",
        help="Laid over config/config.yaml, as by snakemake: all words up to the next option.",
    ),
]
ConfigValues = Annotated[
    list[str] | None,
    typer.Option("--config", metavar="KEY=VALUE ...", help="Laid over the files, as by snakemake."),
]


class Configured(Stage):
    """A verb that reads `--configfile A B` and `--config k=v l=w` as Snakemake does."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        from fusevad.config.command_line import check_command_line, values_of

        check_command_line(args)
        found, others = values_of(args)
        spread = [
            word
            for option, times in found.items()
            for values in times
            for value in values
            for word in (option, value)
        ]
        return super().parse_args(ctx, [*spread, *others])


class ConfiguredOften(TyperCommand):
    """A verb that takes several configurations: each `--configfile A B` is one."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        from fusevad.config.command_line import values_of

        found, others = values_of(args)
        if found["--config"]:
            raise FusevadError(
                "--config: not read here; write the values into a file that has their results'"
                " folder as its `name`, such as over-e9587d, and name it after --configfile"
            )
        often = [
            word for values in found["--configfile"] for word in ("--configfile", ",".join(values))
        ]
        return super().parse_args(ctx, [*often, *others])


def configuration(configfiles: list[Path] | None, pairs: list[str] | None = None) -> "Config":
    """The configuration that the options name."""
    from fusevad.config.load import load_files

    return load_files(configfiles or [], pairs=pairs or [])
