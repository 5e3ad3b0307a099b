"""A truncated and a bit-flipped artifact of each kind, found and named before it is used."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.project import DATA, FIGURE, RUN, STUDY, TABLE, Project, Reference, one_line
from tests.faults.trial import Fault, promise

_END = RUN / "seeds.csv"
_STREAM = DATA / "embeddings/fusevad-small.stride-16/rgb"


@dataclass(frozen=True)
class Artifact:
    """An artifact that is damaged, and a job that reads it.

    Attributes:
        file: pattern of the artifact; the first that fits.
        removed: what the job made.
        target: of the job.
        end: of the last job that makes what was removed; None for the job itself.
        remade: whether the job itself makes the artifact again, with one line.
    """

    file: str
    removed: tuple[Path, ...]
    target: Path
    end: Path | None = None
    remade: bool = False


ARTIFACTS = {
    "the manifest": Artifact(
        f"{DATA}/manifest.csv", (DATA / "cues/paper/shard-0.h5",), DATA / "cues/paper/shard-0.h5"
    ),
    "motion cues": Artifact(
        f"{DATA}/cues/paper/shard-0.h5",
        (_STREAM.with_name("motion-T16-thr10") / "shard-0.safetensors",),
        _STREAM.with_name("motion-T16-thr10") / "shard-0.safetensors",
    ),
    "a shard of embeddings": Artifact(
        f"{_STREAM}/shard-0.safetensors", (_STREAM / "index.csv",), _STREAM / "index.csv"
    ),
    "a shard of embeddings under its index": Artifact(
        f"{_STREAM}/shard-0.safetensors", (RUN, DATA / "seeds/student-t"), RUN / "history.csv", _END
    ),
    "an index": Artifact(
        f"{_STREAM}/index.csv", (RUN, DATA / "seeds/student-t"), RUN / "history.csv", _END
    ),
    "weights": Artifact(f"{RUN}/weights/*.safetensors", (), STUDY),
    "the seed store": Artifact(
        f"{DATA}/seeds/student-t/*/seed-0-*.safetensors",
        (RUN,),
        RUN / "history.csv",
        _END,
        remade=True,
    ),
    "the record of a finished seed": Artifact(
        f"{DATA}/seeds/student-t/*/seed-0.json", (RUN,), RUN / "history.csv", _END, remade=True
    ),
    "scores by epoch": Artifact(
        f"{RUN}/epoch-scores.safetensors",
        tuple(RUN / name for name in ("seeds.csv", "classes.csv", "scores.parquet")),
        RUN / "seeds.csv",
    ),
    "scores": Artifact(f"{RUN}/scores.parquet", (), FIGURE),
    "a table of seeds": Artifact(f"{RUN}/seeds.csv", (TABLE,), TABLE),
}


def truncate(content: bytes, numbers: random.Random) -> bytes:
    """The beginning of a file."""
    return content[: numbers.randrange(len(content))]


def flip(content: bytes, numbers: random.Random) -> bytes:
    """A file with another value of one bit, anywhere."""
    place = numbers.randrange(len(content))
    changed = bytes([content[place] ^ 1 << numbers.randrange(8)])
    return content[:place] + changed + content[place + 1 :]


def faults(reference: Reference, seed: int) -> Iterator[Fault]:
    """Both kinds of damage."""
    promised = (
        "one line names the file before it is used, and deleting that file is enough; the store "
        "of seeds says so and trains the seed again"
    )
    for name, damage in (("A truncated artifact", truncate), ("A flipped bit", flip)):
        tries = {
            kind: partial(_damaged, reference, artifact, damage, random.Random(f"{seed} {kind}"))
            for kind, artifact in ARTIFACTS.items()
        }
        yield Fault(name, promised, tries)


def _damaged(
    reference: Reference,
    artifact: Artifact,
    damage: Callable[[bytes, random.Random], bytes],
    numbers: random.Random,
    folder: Path,
) -> dict[str, int]:
    project = reference.copy(folder, *artifact.removed)
    file = min(project.folder.glob(artifact.file))
    path = file.relative_to(project.folder)
    file.write_bytes(damage(file.read_bytes(), numbers))
    end = reference.job(project, artifact.target)
    if artifact.remade:
        promise(end.status == 0, f"{path} was not made again: {end.said[-3000:]}")
        promise(bool(end.lines(re.escape(str(path.parent)))), f"{path} is not named")
    else:
        advice = one_line(end, rf"{re.escape(str(path))}.*run the workflow again")
        _follow(project, advice)
    project.make_well(artifact.end or artifact.target)
    reference.compare(project, _of(reference, artifact, path))
    return {}


def _follow(project: Project, advice: str) -> None:
    """Delete what a line for users names."""
    found = re.search(r"delete (\S+) and", advice)
    promise(found is not None, f"no advice in: {advice}")
    project.remove(Path(found[1]))


def _of(reference: Reference, artifact: Artifact, path: Path) -> list[Path]:
    """What must have its old bytes: the artifact, and what the job made."""
    made = {path, artifact.target}
    return [
        each
        for each in reference.digests
        if each in made or any(each.is_relative_to(other) for other in artifact.removed)
    ]
