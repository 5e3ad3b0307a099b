"""Data and numbers that differ between two results."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import read_csv
from fusevad.errors import FusevadError
from fusevad.plan.ancestry import Ancestry, Pair

# Columns that do not name a number: its spread, its tests, other means, and facts of its run.
_BESIDE = (
    *("std", "standard_error", "n", "p", "bold", "leading", "seed", "epoch"),
    *("iqm", "iqm_low", "iqm_high", "videos", "segments"),
    *("streams", "learning_rate", "parameters", "flops_per_segment"),
)
_MOST = 10  # numbers that are listed


def content_lines(pair: Pair) -> Iterator[str]:
    """Inputs of other content of users, or of jobs without a record."""
    lines: dict[str, None] = {}
    homes = _home(pair.a), pair.name(_home(pair.b))
    for _, ours, theirs in pair.records():
        known = {
            _placeless(pair.name(path), homes[1]): digest for path, digest in theirs.inputs.items()
        }
        for path, digest in ours.inputs.items():
            other = known.get(_placeless(path, homes[0]), digest)
            if path not in pair.a.produced and other != digest:
                lines[f"{path}: other content"] = None
    yield from lines


def _home(result: Ancestry) -> str:
    """Folder of the configuration's own results."""
    parts = Path(next(iter(result.record.outputs))).parent.parts
    return "/".join(parts[: parts.index("runs") - 1] if "runs" in parts else parts)


def _placeless(path: str, home: str) -> str:
    return path.removeprefix(f"{home}/").removeprefix("results/")


def manifest_lines(pair: Pair) -> Iterator[str]:
    """How the manifests of data sets differ, in videos, and whether the annotations do."""
    for job, ours, theirs in pair.records():
        if ours.stage != "manifest":
            continue
        for one, other in zip(ours.outputs, theirs.outputs, strict=False):
            if ours.outputs[one].sha256 == theirs.outputs[other].sha256:
                continue
            if Path(one).name == "manifest.csv":
                yield f"{job}: {_videos(pair.a.root / one, pair.b.root / other)}"
            else:
                yield f"{job}: {Path(one).name} has other rows"


def _videos(ours: Path, theirs: Path) -> str:
    if not (ours.is_file() and theirs.is_file()):
        return "other videos, or other facts about them"
    a, b = _contents(ours), _contents(theirs)
    both = a.index.intersection(b.index)
    counts = {
        "only in A": len(a) - len(both),
        "only in B": len(b) - len(both),
        "of other content": int((a[both] != b[both]).sum()),
    }
    found = [f"{count} {what}" for what, count in counts.items() if count]
    return f"videos: {', '.join(found)}" if found else "the same videos with other facts"


def _contents(manifest: Path) -> pd.Series:
    """Hash of each video."""
    columns = ["video", "sha256"]
    return read_csv(manifest, columns, text=tuple(columns)).set_index("video")["sha256"]


def number_lines(pair: Pair) -> Iterator[str]:
    """The numbers of A that are others in B, those that moved most first."""
    tables = [_table(each) for each in (pair.a, pair.b)]
    missing = [str(path) for path in tables if not path.is_file()]
    if missing:
        yield f"numbers are not compared: no {missing[0]}"
        return
    a, b = (_numbers(path) for path in tables)
    if a is None or b is None:
        yield f"numbers are not compared: {tables[0].name} has no column mean or value"
        return
    b.index = b.index.map(lambda key: tuple(pair.renamed.get(part, part) for part in key))
    both = a.index.intersection(b.index)
    moves = pd.DataFrame({"a": a[both], "b": b[both]}).dropna(how="all")
    moved = moves[moves["a"] != moves["b"]]
    order = (moved["b"] - moved["a"]).abs().sort_values(ascending=False, kind="stable").index
    alone = (int(each[~each.index.isin(both)].count()) for each in (a, b))
    yield f"{len(moved)} of {len(moves)} numbers moved{_unmatched(*alone)}"
    for key in order[:_MOST]:
        old, new = moved.loc[key, "a"], moved.loc[key, "b"]
        yield f"  {', '.join(filter(None, key))}: {old:.2f} -> {new:.2f}"
    if len(order) > _MOST:
        yield f"  and {len(order) - _MOST} more, by less"


def _unmatched(ours: int, theirs: int) -> str:
    return f"; {ours} only in A, {theirs} only in B" if ours or theirs else ""


def _table(result: Ancestry) -> Path:
    """The result's table for machines."""
    outputs = [path for path in result.record.outputs if path.endswith(".csv")]
    named = outputs or [str(Path(next(iter(result.record.outputs))).with_suffix(".csv"))]
    return result.root / named[0]


def _numbers(path: Path) -> pd.Series | None:
    """Measured numbers by what they are of, as tables print them: of seeds, their means."""
    table = read_csv(path, [], text=("experiment", "class"))
    scale = 100  # a run has fractions
    if "block" in table:
        table, scale = table[table["block"] != "published"], 1
    value = next((name for name in ("mean", "value") if name in table), None)
    if value is None:
        return None
    for column in {value, "videos"}.intersection(table):
        if not table.empty and table[column].dtype.kind not in "iuf":
            raise FusevadError(f"{path}: column {column}: not all numbers; make it again")
    numbers = scale * table[value].astype(float)
    if "experiment" in table:
        table = table.drop(columns=["method"], errors="ignore")
        # Where a row has no experiment, as in leaks.csv, its videos are the number.
        if "videos" in table:
            numbers = numbers.where(table["experiment"].notna(), table["videos"])
    keys = [name for name in table if name not in (value, "block", *_BESIDE)]
    texts = table[keys].astype(str).where(table[keys].notna(), "")
    means = numbers.groupby([texts[name] for name in keys], sort=False).mean()
    if len(keys) == 1:
        means.index = pd.MultiIndex.from_arrays([means.index])
    return means
