"""Checks of a configuration beyond its schemas: names must exist, cues must be counted."""

from fusevad.config.model import Config
from fusevad.embed.imported.settings import LAYOUTS
from fusevad.embed.streams.registry import is_made, kind_of
from fusevad.errors import FusevadError
from fusevad.models.registry import METHODS, check_teacher, find
from fusevad.train.settings import train_settings

# Kinds of streams that published features have.
_OF_LAYOUTS = {kind_of(name).name for layout in LAYOUTS.values() for name in layout.streams}
SOURCE = "configuration (config/config.yaml and what is laid over it)"


def check_references(config: Config) -> None:
    """Every name exists, and what is run by name has what it needs.

    Raises:
        FusevadError: naming the key, the name and what to do.
    """
    used = _check_experiments(config)
    encoder = config.encoder_settings
    if encoder["motion_cue_weights"] is None and encoder["align"] is None:
        raise FusevadError(
            f"{config.folder / 'encoders' / config.encoder}.yaml: align: missing; without"
            " `motion_cue_weights` a motion-cue tower is trained, and `align` says how"
        )
    _check_datasets(config)
    _check_judged_by_videos(config)
    _check_search(config)
    for name in used:
        _check_texts(config, name)
        _check_cue(config, name)
    for key, name in (("studies.experiment", config.study_experiment), *_compared(config)):
        method = config.experiments[name].method
        if "motion" not in find(method).streams:
            raise FusevadError(
                f"{SOURCE}: {key}: experiment '{name}' reads no motion cues, and the study"
                " needs both streams; name another one"
            )
    for dataset in config.datasets:
        for name in dict.fromkeys((*used, *config.possible(dataset))):
            train_settings(config.train_settings(dataset, name), f"experiment '{name}'")


def _check_judged_by_videos(config: Config) -> None:
    """Nothing needs a metric of frames on data sets whose test videos have no intervals."""
    for key, dataset in config.datasets.items():
        if dataset.frame_level:
            continue
        if config.protocol == "oracle":
            raise FusevadError(
                f"{SOURCE}: protocol: oracle chooses by frames of test videos, and those of data"
                f" set '{key}' have no intervals; use last"
            )
        for name, imported in config.imported.items():
            if key in imported.scores:
                raise FusevadError(
                    f"{config.folder / 'experiments'}: experiment '{name}': scores of data set"
                    f" '{key}', whose test videos have no intervals to judge them by; remove them"
                )


def check_methods(config: Config) -> None:
    """Methods of experiments are registered, and so are the teachers of those that learn from one.

    A teacher must read the same stream as its student for each role that both have.

    Raises:
        FusevadError: naming the experiment, what is wrong and what to do.
    """
    for name, experiment in config.experiments.items():
        where = f"{config.folder / 'experiments'}: experiment '{name}'"
        if experiment.method not in METHODS:
            known = ", ".join(sorted(METHODS))
            raise FusevadError(
                f"{where}: method '{experiment.method}' is unknown; choose one of {known}"
            )
        taught = find(experiment.method).taught
        if taught != (experiment.teacher is not None):
            raise FusevadError(
                f"{where}: method '{experiment.method}' learns from a teacher; name an experiment"
                " with `teacher`"
                if taught
                else f"{where}: method '{experiment.method}' takes no teacher; remove `teacher`"
            )
    for name in config.experiments:
        _check_teacher(config, name)


def _check_teacher(config: Config, name: str) -> None:
    """The teacher of an experiment exists, is not taught by it, and reads the same streams."""
    where = f"{config.folder / 'experiments'}: experiment '{name}'"
    seen = [name]
    while (teacher := config.experiments[seen[-1]].teacher) is not None:
        if teacher not in config.experiments:
            raise FusevadError(f"{where}: its teacher {teacher!r} is no experiment; add it")
        if teacher in seen:
            circle = " -> ".join([*seen, teacher])
            raise FusevadError(
                f"{where}: its teachers teach each other ({circle}); break the circle"
            )
        seen.append(teacher)
    if len(seen) > 1:
        student, first = config.experiments[name], config.experiments[seen[1]]
        check_teacher(student.method, first.method, where)
        for role in {*find(student.method).roles} & {*find(first.method).streams}:
            if student.stream(role) != first.stream(role):
                raise FusevadError(
                    f"{where}: reads {role} from {student.stream(role)}, but its teacher"
                    f" '{first.name}' from {first.stream(role)}; use the same"
                )


def _compared(config: Config) -> list[tuple[str, str]]:
    """The two experiments of the study of equivalence, each with its key."""
    return [(f"studies.equivalence.{key}", n) for key, n in config.studies["equivalence"].items()]


def _check_experiments(config: Config) -> list[str]:
    """Experiments that the configuration trains, once each; all that are named exist.

    Rows of Table 1, of the table of all methods and of tables of alarms may have imported scores.
    """
    named: list[tuple[str, str]] = [
        *(("table1", name) for name in config.table1 if name not in config.imported),
        *(("table1_ours", name) for name in config.table1_ours),
        *(("radar", name) for name in config.radar),
        ("timelines", config.timelines),
        ("studies.experiment", config.study_experiment),
        *_compared(config),
    ]
    in_tables = [
        (str(config.folder / "tables" / f"{table}.yaml"), name)
        for table, values in config.study_tables.items()
        for name in values.get("experiments", ())
        if values["study"] not in ("methods", "alarms") or name not in config.imported
    ]
    for place, name in [*((f"{SOURCE}: {key}", name) for key, name in named), *in_tables]:
        if name in config.imported:
            raise FusevadError(
                f"{place}: experiment {name!r} has imported scores, and this needs one that is"
                " trained; name another one"
            )
        if name not in config.experiments:
            raise FusevadError(
                f"{place}: no experiment {name!r} in {config.folder / 'experiments'}; "
                "add it there or remove it here"
            )
    twice = [name for name in config.table1_ours if name in config.table1]
    if twice:
        raise FusevadError(
            f"{SOURCE}: table1_ours: {twice[0]!r} is a row of `table1` already; keep one"
        )
    for key, name in named:
        if key == "table1_ours":
            continue
        _check_streams(config, f"{SOURCE}: {key}", name)
    return list(dict.fromkeys(name for _, name in named))


def _check_streams(config: Config, place: str, experiment: str) -> None:
    """All data sets have the streams of an experiment that a key names; tables may do without.

    Imported features may do without streams that other layouts have: of the default's figures few
    can be made of RGB alone.
    """
    for dataset in config.datasets:
        for stream in config.lacking_streams(dataset, experiment):
            if (
                dataset in config.features
                and is_made(stream)
                and kind_of(stream).name in _OF_LAYOUTS
            ):
                continue
            lacking = (
                f"which the imported features of data set '{dataset}' lack, and no stream is made"
                f" beside them; name its folder under `features.{dataset}.streams`, or leave it out"
                if dataset in config.features
                else f"which data set '{dataset}' lacks; leave it out"
            )
            raise FusevadError(
                f"{place}: experiment '{experiment}' needs stream {stream}, {lacking}"
            )


def _check_datasets(config: Config) -> None:
    """Data sets named by keys are configured; data sets named under `events` have events.

    Those of `datasets` have normal videos, as far as their labels say.
    """
    for key, dataset in config.datasets.items():
        if not dataset.learned_from:
            raise FusevadError(
                f"{SOURCE}: datasets: data set '{key}' has no normal videos, and detectors learn"
                " from normal and anomalous ones; name it under `only_tested` instead"
            )
        if key in config.only_tested:
            raise FusevadError(
                f"{SOURCE}: only_tested: '{key}' is among `datasets`, too; remove it from one"
            )
    sources = {each.source for each in (*config.tested.values(), *config.events.values())}
    for key, names, known in (
        ("data_root", config.data_root, sources),
        ("features", config.features, config.datasets),
        ("events", config.events, config.datasets),
    ):
        for name in names:
            if name not in known:
                raise FusevadError(
                    f"{SOURCE}: {key}: '{name}' is not among `datasets`; add it there or remove it"
                )
    for key, dataset in config.events.items():
        if "events" not in dataset.settings.get("layout", {}):
            raise FusevadError(
                f"{SOURCE}: events: data set '{dataset.key}' has no event streams; name one that"
                f" films the videos of '{key}'"
            )


def _check_search(config: Config) -> None:
    """The search of learning rates has seeds of its own."""
    shared = sorted({*config.learning_rates["seeds"]} & {*config.seeds})
    if shared:
        raise FusevadError(
            f"{SOURCE}: learning_rates.seeds: {shared[0]} is among `seeds`, whose runs the search"
            " must not choose for; name others"
        )


def _check_cue(config: Config, experiment: str) -> None:
    """The motion cue of an experiment is made, on all data sets."""
    cue = config.experiments[experiment].motion_cue
    lacking = [key for key in config.datasets if not config.has_cue(key, experiment)]
    if lacking:
        raise FusevadError(
            f"{SOURCE}: experiment '{experiment}' needs events of a camera, which data set"
            f" '{lacking[0]}' lacks; name them under `events`, or leave it out"
        )
    if not config.makes(cue):
        raise FusevadError(
            f"{SOURCE}: experiment '{experiment}' needs motion cues {cue.stream}, which `cues`"
            " does not list; add its window and threshold there"
        )


def _check_texts(config: Config, experiment: str) -> None:
    """The text tower of an experiment that learns texts of classes is known on all data sets."""
    for dataset in config.datasets:
        if config.text_tower(dataset) is None and config.reads_texts(dataset, experiment):
            raise FusevadError(
                f"{SOURCE}: features.{dataset}: text_tower: missing; experiment '{experiment}'"
                f" learns texts of classes: name the file in {config.folder / 'encoders'} of the"
                " CLIP that made the features, or leave the experiment out"
            )
