"""The tables whose rows are runs, found by name in a configuration: what they show, from where."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fusevad.errors import FusevadError
from fusevad.parsing import parse
from fusevad.plan.jobs import Jobs
from fusevad.plan.method_jobs import MethodJobs
from fusevad.plan.report_stages import PUBLISHED_TABLE1, TABLE_FORMS
from fusevad.plan.study_jobs import StudyJobs
from fusevad.report import classes
from fusevad.report.runs import TableDataset, TableRow

# What the columns of a table are: metrics of runs, classes of anomalies, or precisions of events.
Kind = Literal["runs", "classes", "localisation"]


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A table of runs.

    Attributes:
        name: of the target, such as `table8`.
        target: path of its LaTeX.
        rows: measured rows, each experiment once.
        datasets: columns, in order.
        protocol: how the epoch is chosen.
        ours: rows below that are judged together with all others.
        events: whether the precision of events is among the metrics.
        kind: what its columns are.
    """

    name: str
    target: str
    rows: Sequence[TableRow]
    datasets: Sequence[TableDataset]
    protocol: str
    ours: Sequence[TableRow] = ()
    events: bool = False
    kind: Kind = "runs"

    @property
    def all_rows(self) -> list[TableRow]:
        """The measured rows, and ours."""
        return [*self.rows, *self.ours]


def named_table(jobs: Jobs, table: str, protocol: str | None = None) -> NamedTable:
    """Find a table of runs.

    Args:
        jobs: of the configuration.
        table: its name, or a file of it.
        protocol: in place of the configuration's.

    Raises:
        FusevadError: there is no such table, or it is another configuration's.
    """
    name = _name(table)
    home = jobs.config.home
    if Path(table).name != table and Path(table).parent != Path(home):
        raise FusevadError(
            f"{table}: with this configuration the table is {home}/{name}.tex; name the"
            " configuration with --configfile"
        )
    settings = _settings(jobs, name)
    if protocol is not None:
        settings["protocol"] = protocol
    target = f"{home}/{name}.tex"
    return parse(NamedTable, settings | {"name": name, "target": target}, f"table {name}")


def _name(table: str) -> str:
    name = Path(table).name
    forms = sorted(TABLE_FORMS, key=len, reverse=True)
    form = next((form for form in forms if name.endswith(f".{form}")), None)
    return name.removesuffix(f".{form}") if form else name


def _settings(jobs: Jobs, name: str) -> dict[str, Any]:
    methods = MethodJobs(jobs)
    if name == "table1":
        chosen = jobs.table1(PUBLISHED_TABLE1)
        return _rows(chosen) | {"ours": chosen["ours"]}
    if name in jobs.config.ablations:
        chosen = jobs.ablation(name)
        runs: dict[str, dict[str, Any]] = {}
        for row in chosen["rows"]:
            label = ", ".join(row["labels"].values())
            runs.setdefault(row["run"]["name"], row["run"] | {"label": label})
        kept = {key: chosen[key] for key in ("datasets", "protocol")}
        return kept | {"rows": list(runs.values()), "events": chosen["shown"]["events"]}
    if name in methods.tables:
        return _rows(methods.table(name))
    if name == classes.NAME:
        return _rows(jobs.report(jobs.config.table1)) | {"kind": "classes"}
    of_studies = jobs.config.study_tables.items()
    localisations = [key for key, values in of_studies if values["study"] == "localisation"]
    if name in localisations:
        return _rows(StudyJobs(jobs).table(name)) | {"kind": "localisation"}
    known = ("table1", classes.NAME, *jobs.config.ablations, *methods.tables, *localisations)
    raise FusevadError(f"table {name!r}: not a table of runs; choose one of {', '.join(known)}")


def _rows(settings: dict[str, Any]) -> dict[str, Any]:
    """The part of a report's settings that a table of runs needs."""
    kept = {key: settings[key] for key in ("datasets", "protocol")}
    return kept | {"rows": settings["experiments"]}
