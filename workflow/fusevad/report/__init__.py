"""Tables and figures from the outputs of earlier stages; nothing is computed twice."""

from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from pydantic_core import ArgsKwargs

from fusevad.errors import FusevadError
from fusevad.parsing import parse

# Module and function of each report. Loaded on request: a table of seconds need not wait for the
# libraries of figures and detectors.
REPORTS = {
    "ablation": ("ablation", "make_ablation"),
    "alarms": ("alarms_table", "make_alarms_table"),
    "alarms-figure": ("alarms_figure", "make_alarms_figure"),
    "attention": ("attention_table", "make_attention_table"),
    "attention-maps": ("attention_maps", "make_attention_maps"),
    "claims": ("verdicts", "make_claims"),
    "classes": ("classes", "make_classes"),
    "confusion": ("confusion", "make_confusion"),
    "curves": ("curves", "make_curves"),
    "equivalence": ("equivalence_table", "make_equivalence_table"),
    "leaks": ("leaks_table", "make_leaks_table"),
    "locality": ("locality_table", "make_locality_table"),
    "localisation": ("localisation", "make_localisation"),
    "masking": ("masking_table", "make_masking_table"),
    "methods": ("methods", "make_methods"),
    "metrics": ("run_metrics", "make_run_metrics"),
    "noise": ("noise_table", "make_noise_table"),
    "radar": ("radar", "make_radar"),
    "seeds": ("seeds_figure", "make_seeds_figure"),
    "selection": ("selection", "make_selection"),
    "table1": ("table1", "make_table1"),
    "timelines": ("timelines", "make_timelines"),
    "transfer": ("transfer_table", "make_transfer_table"),
    "weight-surface": ("weight_surface", "make_weight_surface"),
}


def make_report(kind: str, settings: dict[str, Any], first: Path, second: Path) -> None:
    """Make a table (LaTeX and CSV), figure (PDF and PNG), page or numbers from its `settings`.

    The two files are the last two parameters of its function.
    """
    if kind not in REPORTS:
        raise FusevadError(f"report '{kind}' is unknown; choose one of {', '.join(REPORTS)}")
    module, name = REPORTS[kind]
    make = getattr(import_module(f"fusevad.report.{module}"), name)
    names = list(signature(make).parameters)[-2:]
    outputs = dict(zip(names, (first, second), strict=True))
    parse(make, ArgsKwargs((), settings | outputs), f"report {kind}")
