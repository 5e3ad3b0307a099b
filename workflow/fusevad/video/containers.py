"""Open a video file: only containers of pictures, and no other file or network address."""

import errno
import stat
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from fusevad.errors import FusevadError
from fusevad.video.sample_counts import check_sample_counts

REPLACE = "replace it with an intact copy, or set on_bad_video: skip"

# Demuxers of FFmpeg that read pictures from the file itself. All others are refused: playlists and
# scripts name other files and addresses, `image2` reads every file that matches a pattern.
_DEMUXERS = (
    "asf", "av1", "avi", "dhav", "dv", "flv", "gif", "gxf", "h264", "hevc", "ivf", "m4v",
    "matroska", "mjpeg", "mov", "mpeg", "mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "rm",
    "vc1", "wtv", "yuv4mpegpipe",
)  # fmt: skip
# Pixels of a picture: 8K UHD. A decoder keeps up to 17 pictures, whatever the size of the file.
MOST_PIXELS = 7680 * 4320
# Streams of a file, of which broadcasts have 16 of sound. A stream of Matroska with a compressed
# header takes 14 kB of the file, and 80 MB of memory when it is opened.
_TOO_MANY_STREAMS = 20
# Some demuxers say of a stream too many that there is no memory for it.
_FEWER_STREAMS = (
    f"{_TOO_MANY_STREAMS} streams or more, or too little memory for them; keep one stream of"
    " pictures and one of sound, or set on_bad_video: skip"
)
_CODEC_BOUNDS = {"max_pixels": str(MOST_PIXELS)}
# Of whatever is opened; those of codecs are of the decoders that look at the first pictures.
BOUNDS = {"max_streams": str(_TOO_MANY_STREAMS), **_CODEC_BOUNDS}
_ONLY_THIS_FILE = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_DEMUXERS),
    **BOUNDS,
}
# Brands of MP4 files that have one picture: HEIC, AVIF.
_STILL = ("avif", "heic", "heix", "heim", "heis", "mif1")
_COVERS = Disposition.attached_pic | Disposition.timed_thumbnails


def open_container(path: Path) -> InputContainer:
    """Open a video file for reading.

    Raises:
        FusevadError: there is no such file, it is not a regular file or a container of pictures, or
            it declares more samples than it can have, or too many streams.
    """
    _check_regular(path)
    check_sample_counts(path, REPLACE)
    try:
        # With the protocol in front, a file name is never taken for an address.
        return av.open(f"file:{path}", options=_ONLY_THIS_FILE)
    except av.ArgumentError as error:
        raise FusevadError(
            f"{path}: not a container of pictures; playlists, scripts, single images and sound are"
            f" not videos: {REPLACE}"
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ENOMEM:
            raise FusevadError(f"{path}: {_FEWER_STREAMS}") from error
        raise FusevadError(
            f"{path}: not a readable video, or cut short ({reason(error)}); {REPLACE}"
        ) from error


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of pictures that is not a cover or thumbnail.

    Raises:
        FusevadError: there is none, its codec is unknown, its pictures are too large, or the file
            has too many streams.
    """
    if len(container.streams) >= _TOO_MANY_STREAMS:
        raise FusevadError(f"{path}: {_FEWER_STREAMS}")
    streams = [each for each in container.streams.video if not each.disposition & _COVERS]
    if not streams:
        raise FusevadError(f"{path}: the file has no video stream; {REPLACE}")
    stream = streams[0]
    if stream.codec_context is None:
        raise FusevadError(
            f"{path}: unknown video codec; convert it to H.264, or set on_bad_video: skip"
        )
    if stream.width * stream.height > MOST_PIXELS:
        raise FusevadError(
            f"{path}: pictures of {stream.width} x {stream.height} pixels, more than 8K UHD; scale"
            " them down, or set on_bad_video: skip"
        )
    stream.codec_context.options = _CODEC_BOUNDS
    # One thread per video: more threads would change where a broken file stops.
    stream.codec_context.thread_count = 1
    return stream


def holds_pictures(container: InputContainer) -> bool:
    """Whether the format is one of single pictures, which may be animated."""
    return container.format.name == "gif" or container.metadata.get("major_brand") in _STILL


def reason(error: Exception) -> str:
    """FFmpeg's message for a failure."""
    return getattr(error, "strerror", None) or str(error)


def _check_regular(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FusevadError(
            f"{path}: no such video file; put it there or correct the path"
        ) from error
    except OSError as error:
        raise FusevadError(
            f"{path}: the video file can't be opened ({error.strerror}); correct the path"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise FusevadError(f"{path}: a folder or device, not a video file; correct the path")
    # Files of the kernel say so, too, and reading them may wait for ever.
    if not found.st_size:
        raise FusevadError(f"{path}: an empty file, not a readable video; {REPLACE}")
