"""Finished seeds, each stored once for all that decides its bits, and reused by any run."""

import csv
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save

from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.errors import FusevadError, notice
from fusevad.evaluate.history import COLUMNS, EpochRecord, check_scores
from fusevad.evaluate.scoring import About, save_weights, weights_file
from fusevad.files import atomic_path, settings_hash, sha256, share, write_json
from fusevad.parsing import FORBID, parse, read_noted
from fusevad.plan.made import Made
from fusevad.tensor_files import open_tensors
from fusevad.train.seed_key import record_file
from fusevad.train.seed_run import SeedResult
from fusevad.train.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class _Record:
    """The content of `seed-N.json`: written last, so that a seed with it is finished.

    Attributes:
        files: SHA-256 by name.
        history: of its epochs.
        made: commit, machine and time; None if not recorded.
        digest: of the history, which `files` do not cover; None in records of earlier versions.
    """

    __pydantic_config__ = FORBID

    files: dict[str, str]
    history: list[EpochRecord]
    made: Made | None = None
    digest: str | None = None

    @property
    def intact(self) -> bool:
        """Whether the history is as it was written, and of every epoch."""
        epochs = [each.epoch for each in self.history]
        known = self.digest in (None, _digest(self.history))
        return known and bool(epochs) and epochs == [*range(len(epochs))]


@dataclass(frozen=True, slots=True)
class KeptScores:
    """Scores of the test videos after every epoch, `epochs x segments x columns`."""

    columns: tuple[str, ...]
    values: NDArray[np.float32]

    def write(self, file: Path) -> None:
        """Write them as a seed's file, atomically."""
        content = save({"scores": self.values}, {COLUMNS: ",".join(self.columns)})
        with atomic_path(file) as temporary:
            temporary.write_bytes(content)

    @classmethod
    def read(cls, file: Path, name: str) -> "KeptScores":
        """Those of a tensor in a file of scores.

        Raises:
            FusevadError: it is missing, or no scores.
        """
        try:
            with open_tensors(file) as content:
                columns = tuple(content.metadata()[COLUMNS].split(","))
                values = content.get_tensor(name)
        except (OSError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            raise FusevadError(f"{file}: unreadable scores; train this run again") from error
        check_scores(f"{file}: {name}", values, columns)
        return cls(columns, values)


@dataclass(frozen=True, slots=True)
class KeptSeed:
    """Files of one seed in the store: `FOLDER/KEY/seed-N*`."""

    folder: Path
    seed: int

    @property
    def checkpoint(self) -> Path:
        """Its progress by epoch, until it is finished."""
        return self.folder / f"seed-{self.seed}.pt"

    def weights(self, protocol: str) -> Path:
        """Its weights under a protocol."""
        return self.folder / f"seed-{self.seed}-{protocol}.safetensors"

    def keep(self, result: SeedResult, settings: TrainSettings, device: str, made: Made) -> None:
        """Store a seed that this kind of device has trained, and remove its checkpoint."""
        about = About(settings, result.widths, result.classes)
        for protocol in KEPT_PROTOCOLS:
            save_weights(result.weights[protocol], about, device, self.weights(protocol))
        KeptScores(result.columns, result.scores.numpy()).write(self._scores)
        self._finish(result.history, made)

    def take(self, run: Path, epochs: int) -> None:
        """Store the seed of a finished run, whose files are whole: its weights are linked.

        Raises:
            FusevadError: history or scores are not of so many epochs.
        """
        scores = KeptScores.read(run / "epoch-scores.safetensors", f"seed-{self.seed}")
        history = _history_of_run(run / "history.csv", self.seed)
        if [each.epoch for each in history] != [*range(epochs)] or len(scores.values) != epochs:
            raise FusevadError(f"{run}: seed {self.seed}: not {epochs} epochs; train it again")
        for protocol in KEPT_PROTOCOLS:
            share(weights_file(run, self.seed, protocol), self.weights(protocol))
        scores.write(self._scores)
        self._finish(history)

    def _finish(self, history: list[EpochRecord], made: Made | None = None) -> None:
        files = {file.name: sha256(file) for file in self._files()}
        write_json(asdict(_Record(files, history, made, _digest(history))), self._record)
        self.checkpoint.unlink(missing_ok=True)

    def finished(self) -> bool:
        """Whether the seed is stored intact; a damaged one is removed, with one line.

        All files are read: their hashes must equal those recorded when they were written.
        """
        if not self._record.is_file():
            return False
        try:
            record = self._read()
            noted = record.files if record.intact else {}
            found = {file.name: sha256(file) for file in self._files()}
        except (FusevadError, OSError):
            noted, found = {}, {"": ""}
        if noted == found:
            return True
        notice(
            f"fusevad: {self._record}: damaged since it was written; seed {self.seed} is trained"
            " again"
        )
        for file in (self._record, *self._files()):
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)
        return False

    def history(self) -> list[EpochRecord]:
        """A record for each epoch."""
        return self._read().history

    def scores(self) -> KeptScores:
        """Scores of the test videos."""
        return KeptScores.read(self._scores, "scores")

    @property
    def _record(self) -> Path:
        return record_file(self.folder, self.seed)

    @property
    def _scores(self) -> Path:
        return self.folder / f"seed-{self.seed}-scores.safetensors"

    def _files(self) -> Iterator[Path]:
        yield self._scores
        yield from map(self.weights, KEPT_PROTOCOLS)

    def _read(self) -> _Record:
        return parse(_Record, read_noted(self._record), str(self._record))


def _digest(history: list[EpochRecord]) -> str:
    # As it is read back: 0 for a loss is 0.0 then.
    plain = parse(list[EpochRecord], [asdict(each) for each in history], "history")
    rows = [asdict(each) for each in plain]
    for row in rows:
        if row["warm_up"] is None:
            del row["warm_up"]  # records without phases keep the digest that they had before
    return settings_hash({"history": rows})


def _history_of_run(file: Path, seed: int) -> list[EpochRecord]:
    """A seed's rows of `history.csv`, every digit as it was written.

    Raises:
        FusevadError: it is no such table.
    """
    try:
        with file.open(newline="") as content:
            rows = [_numbers(row) for row in csv.DictReader(content)]
        return [EpochRecord.from_row(row) for row in rows if row["seed"] == seed]
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise FusevadError(f"{file}: no history of a run; train it again") from error


def _numbers(row: Mapping[str, str]) -> dict[str, float]:
    return {column: float(text) for column, text in row.items() if text}
