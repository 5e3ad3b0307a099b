"""Open cameras: RTSP streams and devices, and nothing that they may point to."""

import av
from av.container import InputContainer
from av.error import HTTPForbiddenError, HTTPUnauthorizedError

from fusevad.errors import FusevadError
from fusevad.video.containers import BOUNDS, reason

_OPEN_SECONDS, _READ_SECONDS = 10.0, 5.0
_RTSP = {
    "rtsp_flags": "prefer_tcp",
    "allowed_media_types": "video",
    "protocol_whitelist": "rtsp,rtp,udp,tcp",
    "format_whitelist": "rtsp",
    # Pictures need not wait until FFmpeg has guessed a rate: times come from time stamps.
    "fflags": "nobuffer",
    "analyzeduration": "500000",
    "fpsprobesize": "0",
    **BOUNDS,
}


class LostError(FusevadError):
    """A camera that can't be reached, or stopped sending; it may come back."""


def open_rtsp(url: str, shown: str) -> InputContainer:
    """Connect to an RTSP stream: by TCP, or by UDP if the camera refuses that.

    Args:
        url: with the password.
        shown: without it, for messages.

    Raises:
        LostError: no answer, or no such stream.
        FusevadError: the camera refuses the user or the password. To try again might lock it.
    """
    try:
        return av.open(url, format="rtsp", options=_RTSP, timeout=(_OPEN_SECONDS, _READ_SECONDS))
    except (HTTPUnauthorizedError, HTTPForbiddenError) as error:
        raise FusevadError(
            f"{shown}: the camera refuses the user or the password; correct them"
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise LostError(f"{shown}: no connection ({reason(error)})") from error


def open_device(device: str) -> InputContainer:
    """Open a camera of this machine, by Video4Linux.

    Raises:
        LostError: it is not there, or in use.
    """
    try:
        return av.open(device, format="v4l2", options=BOUNDS)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise LostError(f"{device}: the camera can't be opened ({reason(error)})") from error
