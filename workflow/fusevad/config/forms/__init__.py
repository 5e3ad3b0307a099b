"""The content of each kind of file in `config/`, derived from the settings of the stages.

`parsing.parse` checks files against these classes, and `config.schemas` makes schemas for editors
from them. Imports nothing heavy.
"""

from typing import Any

from fusevad.config.forms.configuration import ConfigFile
from fusevad.config.forms.datasets import DatasetFile
from fusevad.config.forms.encoders import EncoderFile
from fusevad.config.forms.experiments import ExperimentEntry
from fusevad.config.forms.hyperparameters import HyperparametersFile
from fusevad.config.forms.tables import TableFile

# The form of files, by folder of config/ (`config` for the files on top).
FORMS: dict[str, Any] = {
    "config": ConfigFile,
    "datasets": DatasetFile,
    "encoders": EncoderFile,
    "experiments": dict[str, ExperimentEntry],
    "hyperparameters": HyperparametersFile,
    "tables": TableFile,
}
