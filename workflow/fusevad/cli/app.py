"""The command `fusevad` itself; its verbs are in the modules beside this one.

Slow imports are inside the verbs, so that `fusevad --help` answers at once.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from fusevad import __version__
from fusevad.errors import FusevadError, in_one_line
from fusevad.parsing import from_text_or_file
from fusevad.plan.ancestry import check_input
from fusevad.plan.given_settings import check_inputs, check_outputs, is_settings_file
from fusevad.system_errors import one_line_each

if not sys.stderr.isatty():
    # In a log file, a progress bar writes a line every ten seconds instead of ten a second.
    os.environ.setdefault("TQDM_MININTERVAL", "10")

# The groups of `fusevad --help`, in its order: what people want.
OWN, RESULTS, DATA, RUN = "Your own videos", "Results", "Data sets", "This machine and code"
STAGES = "Stages, which snakemake calls"
_PANELS = (OWN, RESULTS, DATA, RUN, STAGES)


class _ByPanel(TyperGroup):
    """Lists verbs in the order of the groups, whatever module they are in."""

    def list_commands(self, ctx: typer.Context) -> list[str]:
        """See `click.Group.list_commands`."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: _PANELS.index(self.commands[name].rich_help_panel))


app = typer.Typer(
    cls=_ByPanel,
    help="Weakly supervised video anomaly detection, stage by stage. The workflow calls these"
    " verbs for you: snakemake --cores all results/table1.tex",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

# Arguments that name no inputs: scores and features of the user's own, which
# `Assignment.check_content` compares, and what no rule passes, such as a key to sign with.
_NO_INPUTS = ("scores", "folder", "features", "sign", "configfile", "checkpoint")

Verb = TypeVar("Verb", bound=Callable[..., Any])

Settings = Annotated[
    str, typer.Option(help="File of results/settings, YAML or JSON file, or JSON text.")
]
MaybeSettings = Annotated[
    str | None, typer.Option(help="File of results/settings; then a record is written.")
]
Workers = Annotated[int, typer.Option(help="Processes at a time.", min=1)]
Threads = Annotated[int, typer.Option(help="Threads of torch.", min=1)]
Manifest = Annotated[Path, typer.Option(help="The data set's manifest.csv.")]
Intervals = Annotated[Path, typer.Option(help="The data set's intervals.csv.")]
OnBadVideo = Annotated[
    Literal["stop", "skip"], typer.Option(help="Whether bad videos stop all or are left out.")
]
Cues = Annotated[list[Path], typer.Option(help="A shard of the motion cues; repeat it for each.")]
Rgb = Annotated[Path, typer.Option(help="Index of the RGB embeddings.")]
StreamIndices = Annotated[
    list[str], typer.Option("--stream", help="NAME=INDEX of a stream's embeddings; repeat it.")
]
Shard = Annotated[int, typer.Option(help="Number of this shard, from 0.", min=0)]
Shards = Annotated[int, typer.Option(help="Number of shards.", min=1)]


class Stage(TyperCommand):
    """A verb with `--settings`: what it was given is compared with records before it starts.

    With a file of `results/settings/`, which says what the job reads and writes, the command must
    name the same: a record of other files would call damage good. `plan.records` compares their
    content. Called by hand, all inputs are compared with the records beside them.
    """

    def invoke(self, ctx: typer.Context) -> Any:
        """See `click.Command.invoke`."""
        given = dict(ctx.params)
        settings = given.pop("settings", None)
        inputs = {name: value for name, value in given.items() if not name.startswith("out")}
        if settings and is_settings_file(settings):
            out = [value for name, value in given.items() if name not in inputs]
            check_outputs(settings, str(self.name), list(_texts(given)), list(_texts(out)))
            files = [
                value
                for name, value in inputs.items()
                if name not in _NO_INPUTS and (name == "stream" or _is_path(value))
            ]
            check_inputs(settings, _places(files))
        elif "settings" in ctx.params:
            for path in _places([inputs, from_text_or_file(settings) if settings else None]):
                check_input(Path(path), str(self.name))
        return super().invoke(ctx)


def _is_path(value: Any) -> bool:
    """Whether a parameter's value is a path, or paths, not plain words."""
    values = value if isinstance(value, list | tuple) else [value]
    return bool(values) and all(isinstance(each, Path) for each in values)


def _places(value: Any) -> Iterator[str]:
    """What exists of the paths in a value, also as NAME=PATH."""
    for text in _texts(value):
        yield from filter(os.path.exists, (text, text.partition("=")[2]))


def _texts(value: Any) -> Iterator[str]:
    """All texts and paths in a value."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, Path) or (isinstance(value, str) and value):
        yield str(value)


def verb(panel: str, example: str, cls: type[TyperCommand] | None = None) -> Callable[[Verb], Verb]:
    """Register a verb.

    Args:
        panel: its group in `fusevad --help`.
        example: a command, at the end of the verb's own help.
        cls: how its words are read, unless as usual.
    """
    return app.command(cls=cls or Stage, rich_help_panel=panel, epilog=f"Example: {example}")


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"fusevad {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def say(line: str) -> None:
    """Print a line that may have names or values of others: no terminal obeys them."""
    print(in_one_line(line))


def stream_paths(given: list[str]) -> dict[str, Path]:
    """Index of each stream by its role, from the options `--stream rgb=INDEX`.

    Raises:
        FusevadError: an option has another form, or a stream is given twice.
    """
    found: dict[str, Path] = {}
    for option in given:
        role, _, path = option.partition("=")
        if not (role and path) or role in found:
            raise FusevadError(
                f"--stream {option}: give each stream once as NAME=INDEX, such as"
                " --stream rgb=results/rendered/embeddings/ENCODER/rgb/index.csv"
            )
        found[role] = Path(path)
    return found


def main() -> None:
    """Run the command; on bad input, print one line and exit with status 1."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        # A terminal of few letters shows others as \u2192.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with one_line_each():
            app()
    except FusevadError as error:
        print(f"fusevad: {error}", file=sys.stderr)
        sys.exit(1)
