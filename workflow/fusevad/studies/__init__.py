"""Studies of trained detectors: what they make of test videos that something was done to.

`masking` takes feature dimensions away from one stream, `noise` adds background activity to the
motion cues, `equivalence` has another method compute with the same parameters. Nothing is trained
again.
"""

from fusevad.studies.equivalence import EquivalenceSettings, study_equivalence
from fusevad.studies.masking import MaskingSettings, study_masking
from fusevad.studies.noise import NoiseSettings, study_noise

__all__ = [
    "EquivalenceSettings",
    "MaskingSettings",
    "NoiseSettings",
    "study_equivalence",
    "study_masking",
    "study_noise",
]
