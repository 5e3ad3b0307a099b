"""A file that is watched."""

import json
from pathlib import Path
from typing import Any

from fusevad.deploy.contents import Threshold
from fusevad.deploy.detector import Detector
from fusevad.deploy.watch.address import find_address
from fusevad.deploy.watch.run import Watch, WatchSettings


def watched(
    detector: Detector, video: Path, threshold: Threshold, **settings: Any
) -> list[dict[str, Any]]:
    """What `fusevad watch` tells of a file.

    Args:
        detector: of a bundle.
        video: the file.
        threshold: of events.
        settings: more of `WatchSettings`.
    """
    lines: list[str] = []
    chosen = WatchSettings(threshold, **settings)
    Watch(detector, find_address(str(video), None), chosen, tell=lines.append).run()
    return [json.loads(line) for line in lines]
