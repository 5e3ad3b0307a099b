"""`config/claims.yaml`: the paper's claims, each as tests over tidy results.

An experiment may be a pattern (`student-t.nu-*`), which stands for all configured experiments that
match, so that a value added to a sweep is tested too.

Imports nothing heavy: the Snakefile asks at every start which runs the claims need.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from fusevad.parsing import FORBID, parse, read_yaml

# Metric of a test that names none: the data set's first metric.
MAIN = "main"
# Study (`results/{dataset}/studies/{name}.csv`) that a kind of test reads.
STUDIES = {
    "robust": "noise",
    "weights-move": "masking",
    "dimensions-move": "masking-dimensions",
}
Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Compare:
    """`experiment` against each of `against`, on the metric over all test frames.

    Kinds: `greater` (scores higher), `best-value` (the same test, for the value of a sweep that
    the paper recommends), `equivalent` (differs by less than `margin`), `significant` (differs, in
    either direction).
    """

    __pydantic_config__ = FORBID

    kind: Literal["greater", "best-value", "equivalent", "significant"]
    experiment: str
    against: Names
    metric: str = MAIN
    margin: Share | None = None


@dataclass(frozen=True, slots=True)
class Classes:
    """`experiment` scores higher than each of `against` on each class (all, or those named)."""

    __pydantic_config__ = FORBID

    kind: Literal["classes"]
    experiment: str
    against: Names
    classes: tuple[str, ...] = ()
    margin: Share | None = None


@dataclass(frozen=True, slots=True)
class Robust:
    """With noise in the motion cues, `experiment` loses less than `margin` at every level."""

    __pydantic_config__ = FORBID

    kind: Literal["robust"]
    experiment: str
    metric: str = MAIN
    margin: Share | None = None


@dataclass(frozen=True, slots=True)
class WeightsMove:
    """Masking part of a stream lowers a weight; a fall below `margin` counts as none.

    Kinds: `weights-move` (the mean weight of the masked stream falls, at every level),
    `dimensions-move` (it falls further in the masked dimensions than in the others).
    """

    __pydantic_config__ = FORBID

    kind: Literal["weights-move", "dimensions-move"]
    experiment: str
    margin: Share


@dataclass(frozen=True, slots=True)
class FusesDifferently:
    """With the parameters that `experiment` learned, its method fuses differently from `method`.

    Exact, without statistics: both compute scores and fusion weights of the same inputs.
    """

    __pydantic_config__ = FORBID

    kind: Literal["fuses-differently"]
    experiment: str
    method: str
    tolerance: Share


Test = Annotated[
    Compare | Classes | Robust | WeightsMove | FusesDifferently, Field(discriminator="kind")
]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, where the paper makes it, and tests that must all pass.

    Attributes:
        note: what a reader must know about the test; may be empty.
    """

    __pydantic_config__ = FORBID

    claim: str
    place: str
    tests: Annotated[tuple[Test, ...], Field(min_length=1)]
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClaimFile:
    """Content of `config/claims.yaml`.

    Attributes:
        alpha: family-wise level of a claim on a data set.
        margin: smallest difference of a metric that counts, as a fraction; tests may set their own.
        resamples: bootstrap draws of the test videos.
        claims: in the order of the report.
    """

    __pydantic_config__ = FORBID

    alpha: Annotated[float, Field(gt=0, lt=1)]
    margin: Share
    resamples: Annotated[int, Field(ge=100)]
    claims: Annotated[tuple[Claim, ...], Field(min_length=1)]


def read_claims(path: Path) -> ClaimFile:
    """Read and check a file of claims.

    Raises:
        FusevadError: naming the file, the key and what is wrong with it.
    """
    return parse(ClaimFile, read_yaml(path), str(path))


def compared_with(test: Compare | Classes, known: Iterable[str]) -> dict[str, list[str]]:
    """For each name or pattern of `against`, the known experiments that it stands for."""
    names = [name for name in known if name != test.experiment]
    return {
        pattern: [name for name in names if fnmatchcase(name, pattern)] for pattern in test.against
    }


def needed_experiments(path: Path, known: Iterable[str]) -> list[str]:
    """Experiments that the claims need, among the `known` (configured) ones and in their order."""
    tests = [test for claim in read_claims(path).claims for test in claim.tests]
    patterns = {name for test in tests for name in (test.experiment, *getattr(test, "against", ()))}
    return [name for name in known if any(fnmatchcase(name, pattern) for pattern in patterns)]


def compared_by_weights(path: Path) -> list[str]:
    """Experiments whose trained weights the claims compute with."""
    tests = [test for claim in read_claims(path).claims for test in claim.tests]
    names = (test.experiment for test in tests if isinstance(test, FusesDifferently))
    return list(dict.fromkeys(names))


def needed_studies(path: Path) -> dict[str, list[str]]:
    """Studies that the claims need, by name, and the experiments that each must include."""
    needed: dict[str, list[str]] = {}
    for claim in read_claims(path).claims:
        for test in claim.tests:
            if test.kind in STUDIES:
                needed.setdefault(STUDIES[test.kind], []).append(test.experiment)
    return {study: sorted(set(names)) for study, names in sorted(needed.items())}
