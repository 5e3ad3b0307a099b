"""The versions of the code that decides a score: code of other versions scores otherwise."""

from collections.abc import Iterable, Mapping
from typing import Any

from fusevad.embed.streams.registry import kind_of
from fusevad.errors import FusevadError
from fusevad.models.registry import find
from fusevad.plan.records import Record
from fusevad.plan.stage import STAGES
from fusevad.video.pixels import PIXELS_VERSION


def code_versions(method: str, streams: Iterable[str]) -> dict[str, int]:
    """The version of each piece of code between a video and a method's alarms, by its name.

    Args:
        method: as in the registry.
        streams: names of the streams that it reads, such as `motion-T16-thr10`.
    """
    found = {
        "score": STAGES["score"].version,
        "embed": STAGES["embed"].version,
        "pixels": PIXELS_VERSION,
        f"method {method}": find(method).version,
    }
    for stream in streams:
        kind = kind_of(stream)
        found[f"stream {kind.name}"] = kind.version
        if kind.cue(stream) is not None:
            found["cues"] = STAGES["cues"].version
    return found


def check_learned(versions: Mapping[str, int], record: Record) -> None:
    """Check that a run learned from what the code of these versions makes.

    Raises:
        FusevadError: a step of its lineage has another version.
    """
    for step in record.lineage.values():
        for name, found in _of_step(step).items():
            if versions.get(name, found) != found:
                raise FusevadError(
                    f"{record.job}: made by other code: {name} had version {found}, and has"
                    f" {versions[name]}; run the workflow again"
                )


def _of_step(step: Mapping[str, Any]) -> dict[str, Any]:
    """Versions of the code of a step of a lineage, by the names of `code_versions`."""
    settings = step.get("settings", {})  # a record of others may lack anything
    found = {str(step.get("stage")): step.get("version")}
    match step.get("stage"):  # lineages leave out first versions of methods and streams
        case "train":
            found[f"method {settings.get('method')}"] = step.get("method_version", 1)
        case "embed":
            kind = kind_of(str(settings.get("stream")))
            found[f"stream {kind.name}"] = step.get("stream_version", 1)
    return found
