"""Normal footage is embedded like the videos of the data set whose alarms it certifies."""

from collections.abc import Iterator
from dataclasses import replace

from fusevad.config.checks import SOURCE
from fusevad.config.model import Config
from fusevad.errors import FusevadError

_KEY = f"{SOURCE}: studies.footage"


def embed_as_certified(config: Config) -> None:
    """Give footage the frames of its data set, and all crops that its detectors are scored on.

    Otherwise thresholds would be certified on scores of other crops than those that raise alarms.

    Raises:
        FusevadError: footage is also tested on, or can't be embedded like its data set.
    """
    _drop_unlike(config)
    _check(config)
    crops: dict[str, tuple[int, ...]] = {}
    for key, footage in config.footage.items():
        wanted = (*crops.get(footage.key, footage.crops), *_scored_crops(config, key))
        crops[footage.key] = tuple(dict.fromkeys(wanted))
    for key, footage in config.footage.items():
        all_crops = crops[footage.key]
        config.footage[key] = replace(
            footage,
            crops=all_crops,
            added_crops=tuple(crop for crop in all_crops if crop not in footage.crops),
            frame_stride=config.datasets[key].frame_stride,
        )


def _drop_unlike(config: Config) -> None:
    """Imported features have no footage, unless the configuration names its encoder as theirs."""
    for key in config.footage.keys() & config.features.keys():
        if config.features[key].get("text_tower") != config.encoder:
            del config.footage[key]


def _scored_crops(config: Config, dataset: str) -> Iterator[int]:
    """Numbers of the crops on which the methods in tables of alarms are scored."""
    possible = set(config.possible(dataset))
    for table in config.study_tables.values():
        for name in table["experiments"] if table["study"] == "alarms" else ():
            if name in possible:
                yield from config.scored_crops(dataset, name)


def _check(config: Config) -> None:
    learned = config.encoder_settings["motion_cue_weights"] is None
    for key, footage in config.footage.items():
        if footage.key in config.tested:
            raise FusevadError(
                f"{_KEY}: '{footage.key}' of data set '{key}' is among `datasets` or `only_tested`;"
                " remove it there, or name another one"
            )
        for other, each in config.footage.items():
            differ = config.datasets[key].frame_stride != config.datasets[other].frame_stride
            if each.key == footage.key and other != key and (learned or differ):
                raise FusevadError(
                    f"{_KEY}: data sets '{key}' and '{other}' both name '{footage.key}', and are"
                    " embedded differently; name other footage for one of them"
                )
