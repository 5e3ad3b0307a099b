"""The methods: implementation, streams and settings of each.

Imports nothing heavy: the configuration reads it. A new method is one line of `METHODS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from fusevad.errors import FusevadError
from fusevad.models.avadclip.settings import (
    AVadCLIPLoss,
    AVadCLIPSettings,
    AVadCLIPStudentLoss,
    AVadCLIPStudentSettings,
)
from fusevad.models.baselines.settings import (
    BNWVADLoss,
    BNWVADSettings,
    MILLoss,
    MILSettings,
    ProDiscLoss,
    ProDiscSettings,
    RTFMLoss,
    RTFMSettings,
    URDMULoss,
    URDMUSettings,
    VadCLIPLoss,
    VadCLIPSettings,
)
from fusevad.models.pi_vad.settings import MODALITIES, PIVADLoss, PIVADSettings
from fusevad.models.settings import (
    BagLoss,
    CrossAttentionSettings,
    DistillationLoss,
    FusionLoss,
    GaussianSettings,
    LearnedNuSettings,
    LowRankSettings,
    MethodSettings,
    RobustStudentTSettings,
    StudentTSettings,
    TemporalSettings,
)
from fusevad.parsing import unknown_key

Section = Literal["model", "loss"]


@dataclass(frozen=True, slots=True)
class Method:
    """The facts about a method that need no torch.

    Attributes:
        implementation: `MODULE:CLASS`, the module in `fusevad.models` or by its full name.
        streams: roles of the streams that it reads to score a video: `rgb`, `motion`, `audio`, ...
        model: type of its settings, section `model`.
        loss: type of the weights of its losses, section `loss`.
        learns_from: roles of further streams that training needs.
        taught: whether its losses need a teacher's output.
        teachers: methods whose output it can learn from; empty if all can teach it.
        version: raised when its code computes something else from the same settings and data: its
            runs, and everything that depends on them, are made again.
    """

    implementation: str
    streams: tuple[str, ...]
    model: type[MethodSettings] = TemporalSettings
    loss: type[BagLoss] = BagLoss
    learns_from: tuple[str, ...] = ()
    taught: bool = False
    teachers: tuple[str, ...] = ()
    version: int = 1

    @property
    def module(self) -> str:
        """Full name of the module with its class."""
        name = self.implementation.partition(":")[0]
        return name if "." in name else f"fusevad.models.{name}"

    @property
    def roles(self) -> tuple[str, ...]:
        """All streams that training reads."""
        return (*self.streams, *self.learns_from)


_BOTH = ("rgb", "motion")
_AVADCLIP_STUDENT = "fusevad.models.avadclip.student:AVadCLIPStudent"
_PI_VAD = "fusevad.models.pi_vad.detector:PIVAD"

METHODS: dict[str, Method] = {
    "image-only": Method("single_stream:SingleStream", ("rgb",)),
    "motion-only": Method("single_stream:SingleStream", ("motion",)),
    "concat": Method("concat:ConcatFusion", _BOTH),
    "cross-attention": Method(
        "cross_attention:CrossAttentionFusion", _BOTH, CrossAttentionSettings
    ),
    "gating": Method("gating:GatingFusion", _BOTH),
    "gaussian": Method("gaussian:GaussianFusion", _BOTH, GaussianSettings, FusionLoss),
    "student-t": Method("student_t:StudentTFusion", _BOTH, StudentTSettings, FusionLoss),
    "learned-nu": Method("learned_nu:LearnedNuFusion", _BOTH, LearnedNuSettings, FusionLoss),
    "low-rank": Method("low_rank:LowRankFusion", _BOTH, LowRankSettings, FusionLoss),
    "robust-student-t": Method(
        "robust_student_t:RobustStudentTFusion", _BOTH, RobustStudentTSettings, FusionLoss
    ),
    "uncertainty-gating": Method(
        "uncertainty_gating:UncertaintyGatingFusion", _BOTH, GaussianSettings, FusionLoss
    ),
    "mil": Method("fusevad.models.baselines.mil:MILRanking", ("rgb",), MILSettings, MILLoss),
    "rtfm": Method("fusevad.models.baselines.rtfm:RTFM", ("rgb",), RTFMSettings, RTFMLoss),
    "ur-dmu": Method("fusevad.models.baselines.ur_dmu:URDMU", ("rgb",), URDMUSettings, URDMULoss),
    "prodisc": Method(
        "fusevad.models.baselines.prodisc:ProDisc", ("rgb",), ProDiscSettings, ProDiscLoss
    ),
    "bn-wvad": Method(
        "fusevad.models.baselines.bn_wvad:BNWVAD", ("rgb",), BNWVADSettings, BNWVADLoss
    ),
    "vadclip": Method(
        "fusevad.models.baselines.vadclip:VadCLIP", ("rgb",), VadCLIPSettings, VadCLIPLoss
    ),
    "avadclip": Method(
        "fusevad.models.avadclip.detector:AVadCLIP",
        ("rgb", "audio"),
        AVadCLIPSettings,
        AVadCLIPLoss,
    ),
    "avadclip-student": Method(
        _AVADCLIP_STUDENT,
        ("rgb",),
        AVadCLIPStudentSettings,
        AVadCLIPStudentLoss,
        taught=True,
        teachers=("avadclip",),
        version=2,
    ),
    "avadclip-student-sound": Method(
        _AVADCLIP_STUDENT,
        ("audio",),
        AVadCLIPStudentSettings,
        AVadCLIPStudentLoss,
        taught=True,
        teachers=("avadclip",),
        version=2,
    ),
    "pi-vad": Method(
        _PI_VAD,
        ("rgb",),
        PIVADSettings,
        PIVADLoss,
        learns_from=MODALITIES,
        taught=True,
        teachers=("ur-dmu",),
        version=2,
    ),
    "pi-vad-sound": Method(
        _PI_VAD,
        ("rgb",),
        PIVADSettings,
        PIVADLoss,
        learns_from=(*MODALITIES, "audio"),
        taught=True,
        teachers=("ur-dmu",),
        version=2,
    ),
    "pi-vad-true": Method(
        _PI_VAD,
        ("rgb", *MODALITIES),
        PIVADSettings,
        PIVADLoss,
        taught=True,
        teachers=("ur-dmu",),
        version=2,
    ),
    "image-only-distilled": Method(
        "distilled:DistilledImageOnly", ("rgb",), loss=DistillationLoss, taught=True
    ),
}


def find(name: str) -> Method:
    """The method of that name.

    Raises:
        FusevadError: there is none; the message names all methods.
    """
    if name not in METHODS:
        raise FusevadError(
            f"method '{name}' is unknown; choose one of {', '.join(sorted(METHODS))}"
        )
    return METHODS[name]


def method_version(name: str) -> dict[str, int]:
    """What a method's version adds to the lineage of its runs; nothing at version 1.

    So lineages of first versions stay as they were before methods had versions.
    """
    version = find(name).version
    return {} if version == 1 else {"method_version": version}


def check_teacher(name: str, teacher: str, source: str) -> None:
    """Raise FusevadError if a method cannot learn from a teacher's method."""
    known = find(name).teachers
    if known and teacher not in known:
        raise FusevadError(
            f"{source}: method '{name}' learns from {' or '.join(known)}, and its teacher is"
            f" '{teacher}'; name another teacher"
        )


def read_in_training(name: str, teacher: str | None) -> tuple[str, ...]:
    """Roles of all streams that training reads: those that the teacher scores by come first.

    Args:
        name: of the method.
        teacher: the method of its teacher; None without a teacher.
    """
    scored_by = find(teacher).streams if teacher else ()
    return tuple(dict.fromkeys((*scored_by, *find(name).roles)))


def own(name: str, section: Section, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a section that a method has; the others belong to other methods."""
    known = _names(find(name), section)
    return {key: value for key, value in values.items() if key in known}


def check_own(name: str, section: Section, values: Mapping[str, Any], source: str) -> None:
    """Raise FusevadError if a section has a key that this method does not have."""
    known = _names(find(name), section)
    for key in values:
        if key not in known:
            raise FusevadError(
                f"{source}: method '{name}': {section}.{key}: {unknown_key(key, known)}"
            )


def _names(method: Method, section: Section) -> set[str]:
    return {field.name for field in fields(getattr(method, section))}
