"""What a profile for Slurm has Snakemake ask of a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusevad.errors import FusevadError, message_of

PROFILES = Path("profiles")
# Rules that ask for a GPU (`workflow/rules`).
GPU_RULES = ("align", "embed", "search", "train")


@dataclass(frozen=True, slots=True)
class Profile:
    """The parts of a profile that a cluster must be able to serve.

    Attributes:
        partitions: that jobs go to.
        gpu_partitions: of those, the ones for jobs with GPUs.
        threads, mem_mb, gpus: the most that a job asks for; None: no limit is set.
        status: how Snakemake asks for jobs' states: `squeue`, `sacct`, or the plugin's choice.
    """

    file: Path
    partitions: tuple[str, ...]
    gpu_partitions: tuple[str, ...]
    threads: int | None
    mem_mb: int | None
    gpus: int | None
    status: str


def read_profile(name: str) -> Profile:
    """Read a profile as Snakemake does.

    Args:
        name: of a folder in `profiles/`, or the path of one.

    Raises:
        FusevadError: there is none, it can't be read, or it is not for Slurm.
    """
    folder = PROFILES / name if (PROFILES / name).is_dir() else Path(name)
    file = folder / "config.yaml"
    values = _values(file)
    if values.get("executor") != "slurm":
        raise FusevadError(f"{file}: no `executor: slurm`; name a profile for Slurm")
    limits = _mapping(values, "resources", file)
    default = _mapping(values, "default-resources", file).get("slurm_partition")
    own = _mapping(values, "set-resources", file)
    chosen = {
        rule: partition
        for rule, asked in own.items()
        if isinstance(asked, Mapping) and (partition := asked.get("slurm_partition"))
    }
    on_gpus = {str(partition) for rule in GPU_RULES if (partition := chosen.get(rule, default))}
    everywhere = dict.fromkeys(str(each) for each in (default, *chosen.values()) if each)
    return Profile(
        file,
        tuple(everywhere),
        tuple(sorted(on_gpus)),
        _number(values.get("max-threads"), "max-threads", file),
        _number(limits.get("mem_mb"), "resources: mem_mb", file),
        _number(limits.get("gpu"), "resources: gpu", file),
        str(values.get("slurm-status-command", "auto")),
    )


def _values(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise FusevadError(f"{file}: no such profile; name a folder of {PROFILES}/")
    try:
        import yte
    except ModuleNotFoundError as error:
        raise FusevadError("snakemake is not installed; run: make env EXTRAS=slurm") from error
    # A profile is the user's own program, which Snakemake runs in the same way.
    try:
        with file.open() as opened:
            values = yte.process_yaml(opened, require_use_yte=True)
    except Exception as error:
        line = message_of(error)
        raise FusevadError(f"{file}: Snakemake can't read it ({line}); correct it") from error
    if not isinstance(values, dict):
        raise FusevadError(f"{file}: not keys and values; correct it")
    return values


def _mapping(values: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    found = values.get(key) or {}
    if not isinstance(found, Mapping):
        raise FusevadError(f"{file}: {key}: not keys and values; correct it")
    return found


def _number(value: Any, key: str, file: Path) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise FusevadError(f"{file}: {key}: {value!r} is no whole number; correct it")
