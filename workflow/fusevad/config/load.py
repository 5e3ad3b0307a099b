"""Read, check and resolve the configuration in `config/*.yaml`.

Imports nothing heavy: the Snakefile reads it at every start.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusevad.config.checks import SOURCE, check_methods, check_references
from fusevad.config.command_line import overrides
from fusevad.config.datasets import ORIGINS, Dataset
from fusevad.config.footage import embed_as_certified
from fusevad.config.forms.configuration import CueChoice
from fusevad.config.forms.encoders import EncoderFile
from fusevad.config.model import Config
from fusevad.config.names import check_dataset_name, check_name, configuration_name
from fusevad.config.reading import check, filled, merge, read_named, read_unchecked
from fusevad.config.tables import Experiment, ImportedExperiment, expand, with_searched_rates
from fusevad.cues.settings import MotionCue
from fusevad.errors import FusevadError
from fusevad.parsing import read_mapping
from fusevad.yaml_text import check_values

_RENAMED = {
    "studied": "studies.experiment",
    "studies.equivalence.rival": "studies.equivalence.compared_with",
}


def load(values: Mapping[str, Any], folder: Path, name: str = "") -> Config:
    """Check and resolve a configuration.

    Args:
        values: content of `config.yaml`, with whatever was laid over it.
        folder: the folder `config/` with data sets, encoders, experiments, hyperparameters.
        name: of the configuration (`configuration_name`); empty for the default one.

    Raises:
        FusevadError: one line with the file, the key and what is wrong.
    """
    read_named.cache_clear()
    values = _main(values)
    cue = MotionCue(**values["motion_cue"])
    experiments, imported = _experiments(folder, cue)
    config = Config(
        datasets={key: load_dataset(folder, key) for key in values["datasets"]},
        experiments=experiments,
        imported=imported,
        encoder=values["encoder"],
        encoder_settings=filled(EncoderFile, read_named(folder, "encoders", values["encoder"])),
        seeds=tuple(values["seeds"]),
        protocol=values["protocol"],
        cues=filled(CueChoice, values["cues"]),
        on_bad_video=values.get("on_bad_video", "stop"),
        table1=tuple(values["table1"]),
        table1_ours=tuple(values.get("table1_ours", ())),
        radar=tuple(values["radar"]),
        timelines=values["timelines"],
        hyperparameters=values.get("hyperparameters"),
        data_root=values.get("data_root", {}),
        features=values.get("features", {}),
        events={key: load_dataset(folder, name) for key, name in values.get("events", {}).items()},
        footage=_footage(folder, values["datasets"], values["studies"]["footage"]),
        only_tested={key: load_dataset(folder, key) for key in values.get("only_tested", ())},
        chosen={key: each for key, each in values.get("streams", {}).items() if each},
        ablations={},
        study_tables={},
        studies=values["studies"],
        learning_rates=values["learning_rates"],
        folder=folder,
        name=name,
    )
    check_methods(config)
    _add_tables(config)
    check_references(config)
    embed_as_certified(config)
    return config


def _add_tables(config: Config) -> None:
    """Add the tables of config/tables/, and the experiments that some of them bring."""
    for path in sorted((config.folder / "tables").glob("*.yaml")):
        name, table = path.stem, read_named(config.folder, "tables", path.stem)
        known = config.experiments, config.imported
        if "study" not in table:
            config.ablations[name] = expand(name, table, *known, config.is_base_value)
            continue
        if table["study"] == "methods":
            names = with_searched_rates(name, table["experiments"], *known)
            table = table | {"experiments": names}
        config.study_tables[name] = table


def _main(values: Mapping[str, Any]) -> dict[str, Any]:
    """The checked content of `config.yaml` and its overlays, with additions appended to lists.

    Raises:
        FusevadError: as `load`.
    """
    try:
        check_values(values)
    except (ValueError, RecursionError) as error:
        raise FusevadError(f"{SOURCE}: {error}") from error
    for old, new in _RENAMED.items():
        found: Any = values
        for part in old.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found is not None:
            raise FusevadError(f"{SOURCE}: {old}: is called `{new}` now; rename it")
    # `--config hyperparameters=null` is a text to Snakemake.
    unset = {key: None for key in ("hyperparameters",) if values.get(key) == "null"}
    checked = check({**values, **unset}, "config", SOURCE)
    for key, more in checked.pop("add", {}).items():
        twice = [name for name in more if name in checked[key] or more.count(name) > 1]
        if twice:
            raise FusevadError(f"{SOURCE}: add.{key}: {twice[0]!r} is named twice; keep one")
        checked[key] = [*checked[key], *more]
    return checked


def load_files(
    configfiles: Iterable[Path], folder: Path = Path("config"), pairs: Sequence[str] = ()
) -> Config:
    """`config.yaml` of `folder` with its overlays, merged as Snakemake does.

    Args:
        configfiles: other files, in order.
        folder: the folder `config/`.
        pairs: `key=value`, as after `--config`; laid over all files.
    """
    values = read_mapping(folder / "config.yaml")
    files = list(configfiles)
    for path in files:
        values = merge(values, read_mapping(path))
    over = overrides(pairs)
    values = merge(values, over)
    return load(values, folder, configuration_name(files, over, values.get("name")))


def load_dataset(folder: Path, key: str) -> Dataset:
    """Read `config/datasets/{key}.yaml`, laid over the data set that it is `based_on`."""
    check_dataset_name(key, str(folder / "datasets"))
    values = read_unchecked(folder, "datasets", key)
    source = values.pop("based_on", key)
    where = str(folder / "datasets" / f"{key}.yaml")
    if not isinstance(source, str):
        raise FusevadError(f"{where}: based_on: {source!r} is no name of a data set; correct it")
    if source != key:
        base = read_unchecked(folder, "datasets", source)
        if "based_on" in base:
            raise FusevadError(
                f"{where}: based_on: {source!r} is based on another data set itself; name that one"
            )
        values = merge(base, values)
    values = check(values, "datasets", where)
    # A data set that is based on another may have null in place of that one's origin.
    origins = {name: values.pop(name, None) for name in ORIGINS}
    origin, settings = next((name, given) for name, given in origins.items() if given is not None)
    values |= {name: tuple(values[name]) for name in ("metrics", "crops")}
    fetch = values.pop("fetch", None)
    return Dataset(key=key, source=source, origin=origin, settings=settings, fetch=fetch, **values)


def _footage(folder: Path, datasets: list[str], names: dict[str, str]) -> dict[str, Dataset]:
    """Normal footage of the configured data sets; the default names it for all that have any.

    Raises:
        FusevadError: there is no such data set, or no such footage.
    """
    for key in names.keys() - set(datasets):
        read_unchecked(folder, "datasets", key)
    return {key: load_dataset(folder, name) for key, name in names.items() if key in datasets}


def _experiments(
    folder: Path, default_cue: MotionCue
) -> tuple[dict[str, Experiment], dict[str, ImportedExperiment]]:
    """Those that are trained, and those with scores of others."""
    result: dict[str, Experiment] = {}
    imported: dict[str, ImportedExperiment] = {}
    for path in sorted((folder / "experiments").glob("*.yaml")):
        entries = check(read_mapping(path), "experiments", str(path))
        for name, entry in entries.items():
            if name in result or name in imported:
                raise FusevadError(f"{path}: experiment '{name}' is named twice; rename one")
            check_name(name, "experiment", str(path))
            if "imported" in entry:
                settings = dict(entry["imported"])
                scores, order = settings.pop("scores"), settings.pop("order", None) or {}
                imported[name] = ImportedExperiment(name, entry["label"], scores, order, settings)
                continue
            cue = MotionCue(**entry["motion_cue"]) if entry.get("motion_cue") else default_cue
            result[name] = Experiment(
                name,
                entry["label"],
                entry["method"],
                entry.get("hyperparameters"),
                cue,
                entry.get("set") or {},
                entry.get("teacher"),
            )
    return result, imported
