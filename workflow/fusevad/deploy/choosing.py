"""The threshold that is used, of those that a bundle has."""

from collections.abc import Sequence

from fusevad.deploy.contents import BundleFacts, Threshold
from fusevad.errors import FusevadError


def recording_threshold(about: BundleFacts, rate: float | None) -> Threshold:
    """The threshold for scores of recordings.

    Args:
        about: of the bundle.
        rate: false alarms an hour; None for the lowest.

    Raises:
        FusevadError: there is none for this rate.
    """
    return _of_rate([each for each in about.thresholds if each.window is None], rate)


def camera_threshold(about: BundleFacts, rate: float | None, window: int | None) -> Threshold:
    """The threshold for scores that look back, as a camera's do.

    Args:
        about: of the bundle.
        rate: false alarms an hour; None for the lowest.
        window: segments that scores look back on; None for any.

    Returns:
        One that was calibrated for such scores; if the bundle has none, one for scores of
        recordings, whose bound does not hold for a camera.

    Raises:
        FusevadError: there is none for this rate.
    """
    own = [each for each in about.thresholds if each.window is not None]
    fitting = [each for each in own if window in (None, each.window)]
    return _of_rate(fitting, rate) if fitting else recording_threshold(about, rate)


def _of_rate(thresholds: Sequence[Threshold], rate: float | None) -> Threshold:
    known = {each.rate: each for each in thresholds}
    if rate is None:
        return known[min(known)]
    if rate not in known:
        rates = ", ".join(f"{each:g}" for each in sorted(known))
        raise FusevadError(
            f"--alarms-per-hour {rate:g}: the model has thresholds for {rates}; choose one, or make"
            " another with fusevad calibrate"
        )
    return known[rate]
