"""The command `fusevad`: one verb a stage, the same verbs that the workflow calls.

Slow imports are inside the verbs, so that `fusevad --help` answers at once.
"""

from fusevad.cli import (
    artifacts,
    configuration,
    costs,
    data,
    deploy,
    doctor,
    features,
    numbers,
    own,
    results,
    studies,
)
from fusevad.cli.app import app, main

__all__ = [
    "app",
    "artifacts",
    "configuration",
    "costs",
    "data",
    "deploy",
    "doctor",
    "features",
    "main",
    "numbers",
    "own",
    "results",
    "studies",
]
