"""Experiments: config/experiments/*.yaml."""

from dataclasses import MISSING, dataclass

from fusevad.config.forms.hyperparameters import HyperparameterChoice, Hyperparameters
from fusevad.config.forms.values import Cue, part
from fusevad.errors import FusevadError
from fusevad.evaluate.imported.settings import ScoreSettings
from fusevad.parsing import FORBID
from fusevad.places import Place

ImportedScores = part(
    "ImportedScores",
    ScoreSettings,
    "order",
    doc="""scores: by data set, the folder with a file a video, or one file with all scores.
        order: by data set, the list of videos that one file has scores of, in its order.""",
    scores=(dict[str, Place], MISSING),
    order=(dict[str, Place] | None, None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentEntry:
    """An experiment: an entry of config/experiments/*.yaml, by its name.

    Attributes:
        label: of its row in tables.
        method: a registered detector (fusevad.models).
        imported: in place of a method, scores that somebody else's detector gave.
        hyperparameters: in place of the data set's; as in config.yaml.
        motion_cue: in place of the cue in config.yaml.
        set: hyperparameters that differ, as in config/hyperparameters/*.yaml.
        teacher: the experiment whose run teaches this one, seed by seed, if the method needs one.
    """

    __pydantic_config__ = FORBID

    label: str
    method: str | None = None
    imported: ImportedScores | None = None
    hyperparameters: str | HyperparameterChoice | None = None
    motion_cue: Cue | None = None
    set: Hyperparameters | None = None
    teacher: str | None = None

    def __post_init__(self) -> None:
        if (self.method is None) == (self.imported is None):
            raise FusevadError("an experiment has a `method`, or `imported` scores; name one")
        training = ("hyperparameters", "motion_cue", "set", "teacher")
        given = [key for key in training if getattr(self, key) is not None]
        if self.imported is not None and given:
            raise FusevadError(
                f"{given[0]}: nothing is trained where scores are imported; remove it"
            )
