"""What decides the bits of a trained seed; imports nothing heavy, as `fusevad gc` needs it too."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fusevad.files import settings_hash
from fusevad.models.registry import method_version
from fusevad.plan.stage import STAGES
from fusevad.train.settings import TrainSettings

# Kinds of devices that train. Two models of one kind can differ in the last bits, as two CPUs can.
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class SeedKey:
    """Two trainings of a seed with equal keys give the same seed: one stands in for the other.

    Attributes:
        settings: of the training.
        data: SHA-256 of the manifest, then of the index of each stream that training reads, then
            of the texts of classes if it reads them; an index holds the hashes of its shards.
        teacher: SHA-256 of the weights that teach the seed; None without a teacher.
        device: one of `DEVICES`.
        torch: version of the package.
        tests: whether test videos are scored after every epoch.
    """

    settings: TrainSettings
    data: tuple[str, ...]
    teacher: str | None
    device: str
    torch: str
    tests: bool = True

    def folder(self, store: Path) -> Path:
        """Where a store keeps seeds of this key: `cpu-0123456789ab`."""
        versions = {"version": STAGES["train"].version, **method_version(self.settings.method)}
        return store / f"{self.device}-{settings_hash(_set(asdict(self)) | versions)}"


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not None, so that a new setting that is not used changes no key."""
    return {
        key: _set(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


def record_file(folder: Path, seed: int) -> Path:
    """The file that is written last, so that a seed with it is finished."""
    return folder / f"seed-{seed}.json"
