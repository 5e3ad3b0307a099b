"""Tables and figures, made from what the earlier stages wrote; nothing is computed twice."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from pydantic_core import ArgsKwargs

from fusevad.errors import FusevadError
from fusevad.report.ablation import make_ablation
from fusevad.report.attention_maps import make_attention_maps
from fusevad.report.attention_table import make_attention_table
from fusevad.report.claims import make_claims
from fusevad.report.classes import make_classes
from fusevad.report.curves import make_curves
from fusevad.report.equivalence_table import make_equivalence_table
from fusevad.report.leaks_table import make_leaks_table
from fusevad.report.masking_table import make_masking_table
from fusevad.report.noise_table import make_noise_table
from fusevad.report.radar import make_radar
from fusevad.report.selection import make_selection
from fusevad.report.table1 import make_table1
from fusevad.report.timelines import make_timelines
from fusevad.report.weight_surface import make_weight_surface
from fusevad.settings import parse

REPORTS: dict[str, Callable[..., None]] = {
    "ablation": make_ablation,
    "attention": make_attention_table,
    "attention-maps": make_attention_maps,
    "claims": make_claims,
    "table1": make_table1,
    "classes": make_classes,
    "radar": make_radar,
    "curves": make_curves,
    "timelines": make_timelines,
    "equivalence": make_equivalence_table,
    "leaks": make_leaks_table,
    "masking": make_masking_table,
    "noise": make_noise_table,
    "selection": make_selection,
    "weight-surface": make_weight_surface,
}


def make_report(kind: str, settings: dict[str, Any], first: Path, second: Path) -> None:
    """Make a table (LaTeX and CSV), figure (PDF and PNG) or page; `settings` are its arguments.

    The two files are the last two parameters of its function.
    """
    if kind not in REPORTS:
        raise FusevadError(f"report '{kind}' is unknown; choose one of {', '.join(REPORTS)}")
    names = list(signature(REPORTS[kind]).parameters)[-2:]
    outputs = dict(zip(names, (first, second), strict=True))
    parse(REPORTS[kind], ArgsKwargs((), settings | outputs), f"report {kind}")
