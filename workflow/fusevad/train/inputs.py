"""What a run learns from, checked, and the place of each of its seeds in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fusevad.config.protocols import TEACHING
from fusevad.csv_tables import read_csv
from fusevad.embed.store import default_device
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import read_about, weights_file
from fusevad.files import sha256
from fusevad.models.registry import check_teacher, find, read_in_training
from fusevad.train.seed_key import SeedKey
from fusevad.train.seed_store import KeptSeed
from fusevad.train.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class TrainData:
    """Paths of a run's training data.

    Attributes:
        manifest: `manifest.csv` of the data set.
        streams: index of each stream, by role; unused streams are ignored.
        teacher: folder of the teacher's run; None for methods without one.
        tests: whether test videos are scored after every epoch; a choice of settings must not.
        texts: file of the texts of classes; None for methods that read none.
    """

    manifest: Path
    streams: Mapping[str, Path]
    teacher: Path | None = None
    tests: bool = True
    texts: Path | None = None

    def teacher_weights(self, seed: int) -> Path | None:
        """The teacher's weights for a seed."""
        return weights_file(self.teacher, seed, TEACHING) if self.teacher else None


class RunInputs:
    """Inputs that all seeds of a run share; sent to worker processes.

    Raises:
        FusevadError: the method needs a stream, a teacher or texts that are not given.
    """

    def __init__(
        self, settings: TrainSettings, data: TrainData, seeds: Sequence[int], store: Path
    ) -> None:
        self.settings = settings
        self.data = data
        self.seeds = seeds
        self.store = store
        method = find(settings.method)
        if method.taught != (data.teacher is not None):
            raise FusevadError(
                f"method '{settings.method}' needs a teacher; name its run"
                if method.taught
                else f"method '{settings.method}' takes no teacher; name none"
            )
        teacher = None
        if data.teacher is not None:
            weights = data.teacher_weights(seeds[0])
            teacher = read_about(weights).settings.method
            check_teacher(settings.method, teacher, str(weights))
        self.roles = read_in_training(settings.method, teacher)
        lacking = [role for role in self.roles if role not in data.streams]
        if lacking:
            raise FusevadError(
                f"method '{settings.method}' needs stream {', '.join(lacking)} too; name its index:"
                f" --stream {lacking[0]}=INDEX"
            )
        files = [data.manifest, *(data.streams[role] for role in self.roles)]
        if settings.model.reads_texts:
            if data.texts is None:
                raise FusevadError(
                    f"method '{settings.method}' learns texts of classes; name their file:"
                    " --texts FILE"
                )
            files.append(data.texts)
        self._data = tuple(map(sha256, files))

    def width(self) -> int:
        """Features of the widest stream."""
        indices = [self.data.streams[role] for role in self.roles]
        return max(int(read_csv(index, ["dim"])["dim"].max()) for index in indices)

    def kept(self, seed: int) -> KeptSeed:
        """The files of a seed in the store."""
        taught = self.data.teacher_weights(seed)
        if taught is not None and not taught.is_file():
            raise FusevadError(f"{taught}: no such file; train the teacher with seed {seed} first")
        key = SeedKey(
            self.settings,
            self._data,
            teacher=sha256(taught) if taught else None,
            device=default_device().type,
            torch=version("torch"),
            tests=self.data.tests,
        )
        return KeptSeed(key.folder(self.store), seed)
