"""What is behind a number of a table: its seeds, and where each of them comes from."""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import nan
from pathlib import Path

import pandas as pd

from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.csv_tables import read_csv
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.parsing import parse, read_noted
from fusevad.plan.ancestry import check_recorded
from fusevad.plan.benchmark_files import BenchmarkFile
from fusevad.plan.jobs import Jobs
from fusevad.plan.made import Made
from fusevad.plan.records import Record, read_record
from fusevad.report.named_tables import NamedTable
from fusevad.report.origins import SHOWN_DIGITS, TRAINING_RECORD
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.statistics import summarize

_HEAD = ("seed", "value", "epoch", "weights", "commit", "machine", "minutes")


@dataclass(frozen=True, slots=True)
class _SeedRecord:
    """What the store notes of a finished seed, as far as it is needed here."""

    files: dict[str, str]
    made: Made | None = None


@dataclass(frozen=True, slots=True)
class Behind:
    """A cell of a table, and the files that it comes from.

    Attributes:
        table: whose cell it is.
        row, dataset, metric: which one.
        run: folder of the row's run on the data set.
    """

    table: NamedTable
    row: TableRow
    dataset: TableDataset
    metric: str

    @property
    def run(self) -> Path:
        """Folder of the row's run on the data set."""
        return self.row.runs[self.dataset.key]


def why_lines(
    table: NamedTable, jobs: Jobs, method: str, metric: str, dataset: str | None = None
) -> Iterator[str]:
    """The values behind a cell of a table, and for each seed where it comes from.

    Args:
        table: the table; its protocol is the cell's.
        jobs: of the same configuration, for the command that trains a seed again.
        method: experiment of the row, or its label if no experiment has that name.
        metric: a column's metric.
        dataset: key of the data set; without it, of all that the table shows.

    Raises:
        FusevadError: the table has no such cell, or the run is missing or damaged.
    """
    if table.kind != "runs":
        raise FusevadError(
            f"{table.target}: its columns are no metrics of runs; name a table of these, as table1"
        )
    check_protocol(table.protocol)
    row = _row(table, method)
    for chosen in _datasets(table, metric, dataset):
        if chosen.key not in row.runs:
            raise FusevadError(f"{row.label}: no run on {chosen.title}, so a dash in the table")
        yield from _cell_lines(Behind(table, row, chosen, metric), jobs)


def _row(table: NamedTable, method: str) -> TableRow:
    rows = table.all_rows
    found = [row for row in rows if row.name == method] or [r for r in rows if r.label == method]
    if found:
        return found[0]
    names = [row.name for row in rows]
    near = get_close_matches(method, names, 1, 0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"its rows: {', '.join(names)}"
    raise FusevadError(f"{table.target}: no row {method!r}; {hint}")


def _datasets(table: NamedTable, metric: str, dataset: str | None) -> list[TableDataset]:
    known = [each.key for each in table.datasets]
    if dataset is not None and dataset not in known:
        raise FusevadError(
            f"{table.target}: no data set {dataset!r}; choose one of {', '.join(known)}"
        )
    wanted = [each for each in table.datasets if dataset in (None, each.key)]
    found = [each for each in wanted if metric in each.metrics]
    if not found:
        metrics = dict.fromkeys(name for each in wanted for name in each.metrics)
        raise FusevadError(
            f"{table.target}: no metric {metric!r}; choose one of {', '.join(metrics)}"
        )
    return found


def _cell_lines(cell: Behind, jobs: Jobs) -> Iterator[str]:
    protocol, values = cell.table.protocol, _values(cell)
    summary = summarize(values["value"])
    spread = f" ± {100 * summary.std:.2f}" if summary.std == summary.std else ""
    yield (
        f"{cell.table.target}: {cell.row.label}, {cell.dataset.title}, {cell.metric}, protocol"
        f" {protocol}: {100 * summary.mean:.2f}{spread}, n = {summary.n}"
    )
    yield f"values: {cell.run}/seeds.csv"
    if cell.row.imported:
        yield "one set of imported scores: nothing was trained here"
        return
    record = _record(cell.run)
    seeds = [_seed_cells(cell, jobs, record, seed) for seed in values.itertuples()]
    yield from _table([_HEAD, *seeds])
    yield from _benchmark(cell)
    for path, digest in _data(record):
        yield f"data: {digest} {path}"
    if protocol not in KEPT_PROTOCOLS:
        yield f"weights: not kept for protocol {protocol}, whose epoch the test set chooses"
    yield "train a seed again, without the store of finished seeds (--seeds: its number):"
    yield f"  {_command(cell, jobs, record, int(values['seed'].iloc[0]))}"


def _values(cell: Behind) -> pd.DataFrame:
    """The rows of `seeds.csv` behind a cell, by seed."""
    path = cell.run / "seeds.csv"
    if not path.is_file():
        raise FusevadError(
            f"{path}: no such run; make the table first: snakemake --cores all {cell.table.target}"
        )
    check_recorded(path)
    columns = ["seed", "protocol", "epoch", "metric", "value"]
    table = read_csv(path, columns, text=("protocol", "metric"))
    chosen = (table["protocol"] == cell.table.protocol) & (table["metric"] == cell.metric)
    if not chosen.any():
        raise FusevadError(
            f"{path}: no {cell.metric} under protocol {cell.table.protocol}; evaluate it again"
        )
    return table[chosen].sort_values("seed")


def _record(run: Path) -> Record:
    path = run / TRAINING_RECORD
    if not path.is_file():
        raise FusevadError(f"{path}: no record of how the run was trained; train it with snakemake")
    record = read_record(path)
    if "settings" not in record.lineage.get(record.job, {}):
        raise FusevadError(f"{path}: says nothing of its own job; train it with snakemake")
    return record


def _benchmark(cell: Behind) -> Iterator[str]:
    """How long the job trained that made the run; it may have found seeds in the store."""
    path = cell.run.parents[1] / "benchmarks" / f"train-{cell.row.name}.tsv"
    if path.is_file():
        found = BenchmarkFile(path)
        for seconds in filter(None, (found.number(row, "s") for row in found.rows)):
            yield f"training job: {seconds / 60:.1f} minutes in all ({path})"


def _data(record: Record) -> list[tuple[str, str]]:
    """What the run learned from, with hashes: an index has the hashes of its embeddings."""
    return [
        (path, digest)
        for path, digest in record.inputs.items()
        if not Path(path).name.startswith("shard-")
    ]


def _seed_cells(cell: Behind, jobs: Jobs, record: Record, seed: object) -> tuple[str, ...]:
    number, protocol = int(seed.seed), cell.table.protocol
    weights = _weights(cell.run, record, number, protocol)
    made = _made(cell, jobs, record, number)
    return (
        str(number),
        f"{100 * seed.value:.2f}",
        str(int(seed.epoch)) if seed.epoch == seed.epoch else "–",
        weights,
        _short(made.commit) if made and made.commit else "–",
        made.machine if made else "–",
        f"{made.seconds / 60:.2f}" if made and made.seconds == made.seconds else "–",
    )


def _short(commit: str) -> str:
    """The first digits of a commit; `-dirty` stays."""
    digits, dash, mark = commit.partition("-")
    return f"{digits[:SHOWN_DIGITS]}{dash}{mark}"


def _weights(run: Path, record: Record, seed: int, protocol: str) -> str:
    """Hash of a seed's weights; with a warning if they are not those that were recorded."""
    if protocol not in KEPT_PROTOCOLS:
        return "–"
    path = run / "weights" / f"seed-{seed}-{protocol}.safetensors"
    if not path.is_file():
        return "missing"
    digest = sha256(path)
    noted = record.outputs.get(str(path))
    changed = noted is not None and noted.sha256 != digest
    return f"{digest[:SHOWN_DIGITS]}{' (CHANGED since recorded)' if changed else ''}"


def _made(cell: Behind, jobs: Jobs, record: Record, seed: int) -> Made | None:
    """Commit, machine and time of a seed, from the store; else of the run with all its seeds."""
    name = f"seed-{seed}-last.safetensors"
    noted = record.outputs.get(str(cell.run / "weights" / name))
    store = Path(jobs.seed_store(cell.dataset.key, cell.row.name))
    for path in sorted(store.glob(f"*/seed-{seed}.json")):
        found = parse(_SeedRecord, read_noted(path), str(path))
        if noted and found.files.get(name) == noted.sha256:
            return found.made
    # The record's time is that of all seeds.
    return replace(record.made, seconds=nan) if record.made else None


def _command(cell: Behind, jobs: Jobs, record: Record, seed: int) -> str:
    """The command that trains a seed as the record says, into a folder of its own."""
    key, name = cell.dataset.key, cell.row.name
    noted = record.lineage[record.job]["settings"] | record.found
    settings = {key: value for key, value in noted.items() if key != "seeds"}
    words = ["fusevad", "train", "--manifest", jobs.manifest(key)]
    words += jobs.stream_options(key, name) + jobs.teacher_option(key, name)
    words += jobs.texts_option(key, name)
    words += ["--settings", json.dumps(settings), "--seeds", str(seed), f"again/{key}/{name}"]
    return shlex.join(words)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.rjust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
