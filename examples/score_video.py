"""Score one video with a bundle, and print what a camera's operator would want to know.

python examples/score_video.py model.fusevad video.mp4
"""

import sys
from pathlib import Path

from fusevad import Detector
from fusevad.deploy.card import threshold_line


def main(model: str, video: str) -> None:
    """Print the video's most anomalous segments, and its events at the lowest rate of alarms."""
    detector = Detector.load(model)
    scored = detector.scored(Path(video))
    columns = ["start_seconds", "end_seconds", "score", "spread"]
    print(scored.table.nlargest(5, "score")[columns].to_string(index=False))
    threshold = detector.about.thresholds[0]
    print(f"Threshold {threshold_line(threshold)}.")
    print("Calibrate it on your own camera. Events of this video:")
    for event in detector.events(scored, threshold.threshold):
        print(f"  {event.start:.1f} s to {event.end:.1f} s, highest score {event.peak:.2f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
