"""Verbs that fetch, push, adopt and remove artifacts, using DVC."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusevad.cli.app import RESULTS, app, say, verb
from fusevad.cli.configured import (
    ConfigFiles,
    Configured,
    ConfiguredOften,
    ConfigValues,
    configuration,
)

if TYPE_CHECKING:
    from fusevad.artifacts.adopt import Adopted

Remote = Annotated[str | None, typer.Option(help="A remote of .dvc/config; else the default.")]
# How many reasons, and jobs with the same reason, are printed; the others are counted.
_SHOWN = 20
_NAMED = 3


@verb(RESULTS, "fusevad pull results/table1.tex", cls=Configured)
def pull(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Files or folders, as for snakemake; else tables.")
    ] = None,
    configfile: ConfigFiles = None,
    config: ConfigValues = None,
    remote: Remote = None,
) -> None:
    """Fetch what TARGETS need and fits; say what will be made again, and why."""
    from fusevad.artifacts.pull import advice_on_videos, carry_out, prepare
    from fusevad.artifacts.store import Store
    from fusevad.errors import counted
    from fusevad.plan.stages import plan

    jobs = plan(configuration(configfile, config))
    store = Store(remote=remote)
    if not store.units():
        print("dvc.lock: nothing has been pushed yet; 'fusevad push' shares your results")
    pulled = prepare(jobs, store, targets or [])
    _list("will be made again", pulled.planned.remade)
    for line in advice_on_videos(jobs, pulled):
        say(line)
    size = sum(pulled.files.values())
    print(f"to fetch: {counted(len(pulled.files), 'file')}, {_bytes(size)}")
    _report(carry_out(jobs, store, pulled))


@verb(RESULTS, "fusevad push --remote folder", cls=Configured)
def push(configfile: ConfigFiles = None, remote: Remote = None) -> None:
    """Record and send everything that is complete and fits the configuration."""
    from fusevad.artifacts.push import push as push_units
    from fusevad.artifacts.store import Store
    from fusevad.plan.sources import changes_of
    from fusevad.plan.stages import plan

    config = configuration(configfile)
    jobs = plan(config)
    store = Store(remote=remote)
    done = push_units(jobs, store, config, configfile or [], changes_of(jobs))
    _list("not pushed", done.left)
    _list("incomplete here, so not pushed", done.partial)
    for name, size in done.new.items():
        print(f"recorded: {name}, {_bytes(size)}")
    print(f"{len(done.new)} units recorded, {done.unchanged} unchanged, {done.sent} objects sent")
    if done.new:
        print("commit dvc.lock and .dvc/tracked.yaml with git, so that others find the results")


@verb(RESULTS, "fusevad adopt --dry-run", cls=Configured)
def adopt(
    configfile: ConfigFiles = None,
    config: ConfigValues = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be moved; change nothing.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Only move back what was moved away last.")
    ] = False,
) -> None:
    """Make snakemake trust what fits the configuration, as after a plain dvc pull."""
    from fusevad.artifacts.adopt import adopt as adopt_all
    from fusevad.artifacts.adopt import refuse_while_running
    from fusevad.artifacts.unfit import move_back
    from fusevad.plan.stages import plan

    if undo:
        refuse_while_running()
        print(f"moved back: {len(move_back())} files; run 'fusevad adopt' with their configuration")
        return
    adopted = adopt_all(plan(configuration(configfile, config)), dry_run=dry_run)
    _report(adopted, dry_run)
    if adopted.moved and not dry_run:
        print("'fusevad adopt --undo' moves it back")


@verb(RESULTS, "fusevad gc --configfile config/tiny.yaml", cls=ConfiguredOften)
def gc(
    configfile: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE ...",
            help="Another configuration in use: files are laid over each other, as for snakemake."
            " Repeat it for each configuration.",
        ),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Remove the listed files.")] = False,
) -> None:
    """List, with sizes, what neither config/config.yaml nor a CONFIGFILE refers to."""
    from fusevad.artifacts.adopt import refuse_while_running
    from fusevad.artifacts.gc import delete as remove
    from fusevad.artifacts.gc import listed, unused
    from fusevad.errors import counted
    from fusevad.plan.stages import plan

    used = [[], *([Path(file) for file in each.split(",")] for each in configfile or [])]
    found = unused(plan(configuration(files)) for files in used)
    for each in listed(found):
        say(f"{_bytes(each.size):>9}  {each.path}")
    what, total = counted(len(found), "path"), _bytes(sum(each.size for each in found))
    if delete:
        refuse_while_running()
        remove(found)
        print(f"removed: {what}, {total}")
    else:
        advice = "; --delete removes them" if found else ""
        print(f"unused: {what}, {total}{advice}")


@app.command("merge-records", hidden=True, rich_help_panel=RESULTS)
def merge_records(base: Path, ours: Path, theirs: Path, name: str) -> None:
    """Git's driver for dvc.lock and .dvc/tracked.yaml; `make env` registers it."""
    from fusevad.artifacts.merge import merge_records as merge

    merge(base, ours, theirs, name)


def _report(adopted: "Adopted", dry_run: bool = False) -> None:
    from fusevad.artifacts.unfit import UNFIT

    moved = "would be moved" if dry_run else "moved"
    _list(f"doesn't fit, {moved} to {UNFIT}", adopted.moved)
    _list("not all here", adopted.incomplete)
    print(f"jobs that fit, which snakemake will not run again: {len(adopted.fitting)}")


def _list(what: str, reasons: Mapping[str, str]) -> None:
    """Print one line for each reason, with the jobs or units that it applies to."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    for reason, found in list(names.items())[:_SHOWN]:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        say(f"{what}: {', '.join(found[:_NAMED])}{more}: {reason}")
    if len(names) > _SHOWN:
        print(f"{what}: {sum(map(len, list(names.values())[_SHOWN:]))} more, for other reasons")


def _bytes(size: int) -> str:
    """A size for people."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
