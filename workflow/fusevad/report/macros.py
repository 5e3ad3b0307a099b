r"""The numbers of Table 1 for the text of a paper: `\fusevad{rendered}{student-t}{auc}`."""

import pandas as pd

_HEAD = r"""% Numbers of Table 1, in percent. \input this file in the preamble; it needs no package.
%   \fusevad{DATASET}{EXPERIMENT}{METRIC}          mean over seeds, protocol PROTOCOL
%   \fusevad[oracle]{DATASET}{EXPERIMENT}{METRIC}  under another protocol
%   METRIC: auc, ap, ano-auc, ano-ap;  METRIC-std: standard deviation over seeds;
%   METRIC-pm: both, with the sign between them;  METRIC-n: number of seeds.
\makeatletter
\newcommand{\fusevad}[4][PROTOCOL]{\ifcsname fusevad@#1@#2@#3@#4\endcsname
  \csname fusevad@#1@#2@#3@#4\endcsname
  \else\errmessage{fusevad: no number for [#1]{#2}{#3}{#4}}\fi}
\newcommand{\fusevad@set}[2]{\expandafter\def\csname fusevad@#1\endcsname{#2}}
"""


def macros(values: pd.DataFrame, protocol: str) -> str:
    r"""The content of a file that defines `\fusevad`.

    Args:
        values: experiment, dataset, metric, protocol, seed, value (fractions).
        protocol: the protocol of `\fusevad` without an option.
    """
    lines = [
        rf"\fusevad@set{{{protocol_}@{dataset}@{experiment}@{name}}}{{{text}}}"
        for (protocol_, dataset, experiment, metric), own in values.groupby(
            ["protocol", "dataset", "experiment", "metric"], sort=False
        )["value"]
        for name, text in _numbers(str(metric).lower(), own).items()
    ]
    return "\n".join([_HEAD.replace("PROTOCOL", protocol), *lines, r"\makeatother", ""])


def _numbers(metric: str, values: pd.Series) -> dict[str, str]:
    mean, std = f"{100 * values.mean():.2f}", values.std(ddof=1)
    numbers = {metric: mean, f"{metric}-n": str(len(values)), f"{metric}-pm": mean}
    if std == std:
        spread = f"{100 * std:.2f}"
        numbers |= {f"{metric}-std": spread, f"{metric}-pm": rf"\ensuremath{{{mean} \pm {spread}}}"}
    return numbers
