"""Only containers of pictures are opened, and nothing but the file that was named."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fusevad.errors import FusevadError
from fusevad.video.decode import probe, read_frames
from tests.made_up_videos import error_of, write_video

# A file without a length of its own, which cannot be mapped into memory.
KERNEL = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@contextmanager
def counted_connections() -> Iterator[tuple[int, list[int]]]:
    """A port on loopback, and a list that grows with each connection to it."""
    connections: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                connections.append(1)
                client.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], connections
        # The queue is in order: once this one is counted, so is every earlier one.
        before = len(connections)
        socket.create_connection(server.getsockname()).close()
        while len(connections) == before:
            thread.join(0.01)
        connections.pop()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"
 profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="1"><BaseURL>{address}</BaseURL></Representation>
</AdaptationSet></Period></MPD>
"""
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n"
SCRIPTS = {
    "concat": "ffconcat version 1.0\nfile '{address}'\n",
    "playlist": PLAYLIST,
    "dash": DASH,
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".txt"])
@pytest.mark.parametrize("kind", SCRIPTS)
def test_scripts_that_name_other_files_are_refused(tmp_path, kind, suffix):
    write_video(tmp_path / "other.ts", 10)
    script = tmp_path / f"script{suffix}"
    script.write_text(SCRIPTS[kind].format(address="other.ts"))
    error_of(script)


@pytest.mark.parametrize("kind", ["concat", "playlist", "dash"])
def test_no_address_in_a_file_is_connected_to(tmp_path, kind):
    with counted_connections() as (port, connections):
        for scheme in ("http", "tcp", "ftp"):
            script = tmp_path / f"{scheme}.mp4"
            script.write_text(SCRIPTS[kind].format(address=f"{scheme}://127.0.0.1:{port}/a.ts"))
            error_of(script)
    assert connections == []


def test_the_listener_counts_connections():
    with counted_connections() as (port, connections):
        for _ in range(3):
            socket.create_connection(("127.0.0.1", port)).close()
    assert len(connections) == 3


def test_a_pattern_of_pictures_is_refused(tmp_path):
    for number in range(3):
        Image.new("RGB", (64, 48), (number, 0, 0)).save(tmp_path / f"{number}.png")
    pattern = tmp_path / "%d.png"
    pattern.write_bytes((tmp_path / "0.png").read_bytes())
    assert "not a container of pictures" in error_of(pattern)
    assert "not a container of pictures" in error_of(tmp_path / "0.png")


@pytest.mark.parametrize("suffix", [".gif", ".avif"])
def test_a_single_picture_is_no_video(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (64, 48), (90, 20, 30)).save(path)
    assert "a single picture, not a video" in error_of(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".y4m"])
def test_a_video_of_one_frame_is_one(tmp_path, suffix):
    codec = {".y4m": "wrapped_avframe", ".avi": "mpeg4"}.get(suffix, "libx264")
    assert probe(write_video(tmp_path / f"a{suffix}", 1, codec=codec)).frames == 1


@pytest.mark.parametrize(
    "name", ["clip%d.mp4", "concat:a|b.mp4", "http:a.mp4", "-a.mp4", "ä b.mp4"]
)
def test_names_that_mean_something_to_ffmpeg_are_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    os.replace(write_video(tmp_path / "plain.mp4", 7), name)
    assert probe(Path(name)).frames == 7
    assert len(list(read_frames(Path(name)))) == 7


def test_the_cover_of_a_sound_file_is_no_video(tmp_path):
    Image.new("RGB", (64, 48), (90, 20, 30)).save(tmp_path / "cover.jpg")
    path = tmp_path / "song.mka"
    with av.open(str(path), "w", format="matroska") as container:
        container.add_attachment("cover.jpg", "image/jpeg", (tmp_path / "cover.jpg").read_bytes())
        sound = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & av.stream.Disposition.attached_pic
    assert "no video stream" in error_of(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_devices_pipes_and_folders_are_refused_without_being_opened(tmp_path, make):
    path = tmp_path / "a.mp4"
    make(path)
    assert "folder or device" in error_of(path)


def test_files_of_the_kernel_that_never_end_are_not_opened(tmp_path):
    (tmp_path / "a.mp4").symlink_to("/proc/kmsg")
    assert "an empty file" in error_of(tmp_path / "a.mp4")


@pytest.mark.skipif(not KERNEL.is_file(), reason=f"no {KERNEL}: not Linux")
def test_a_file_of_the_kernel_is_one_line_that_names_it(tmp_path):
    (tmp_path / "a.mp4").symlink_to(KERNEL)
    assert "can't be read (" in error_of(tmp_path / "a.mp4")


def test_links_to_videos_are_videos(tmp_path):
    write_video(tmp_path / "real.mp4", 6)
    (tmp_path / "link.mp4").symlink_to("real.mp4")
    assert probe(tmp_path / "link.mp4").frames == 6


def test_a_link_to_itself_and_a_name_that_is_too_long_are_one_line(tmp_path):
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    assert "can't be opened" in error_of(tmp_path / "loop.mp4")
    with pytest.raises(FusevadError, match="can't be opened"):
        probe(tmp_path / f"{'a' * 300}.mp4")


def external_track(path: Path, other: Path) -> None:
    """Write a movie whose track names another movie as where its pictures are."""
    name = bytes(other)
    alias = bytes(10) + b"\x04disk".ljust(28, b"\0") + bytes(12)
    alias += bytes([len(other.name)]) + other.name.encode().ljust(63, b"\0") + bytes(16)
    alias += struct.pack(">HH", 1, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2)
    alias = (bytes(4) + alias + struct.pack(">HH", 0xFFFF, 0)).ljust(170, b"\0")
    entry = struct.pack(">I4s", len(alias) + 8, b"alis") + alias
    box = struct.pack(">I4sII", len(entry) + 16, b"dref", 0, 1) + entry
    data = bytearray(other.read_bytes())
    start = data.rindex(b"dref") - 4
    size = int.from_bytes(data[start : start + 4], "big")
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = data.rindex(parent) - 4
        longer = int.from_bytes(data[place : place + 4], "big") + len(box) - size
        data[place : place + 4] = longer.to_bytes(4, "big")
    data[start : start + size] = box
    path.write_bytes(data)


def test_a_track_in_another_file_is_not_opened(tmp_path):
    other = write_video(tmp_path / "other.mov", 10)
    external_track(tmp_path / "a.mov", other)
    with av.open(str(tmp_path / "a.mov"), options={"enable_drefs": "1", "use_absolute_path": "1"}):
        pass  # FFmpeg would open it if it were asked to
    error_of(tmp_path / "a.mov")


def large_picture(path: Path) -> Path:
    """One black picture of more pixels than 8K UHD, in few bytes."""
    width, height = 7696, 4336
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_pictures_that_take_gigabytes_are_refused(tmp_path):
    large = large_picture(tmp_path / "large.mp4")
    assert large.stat().st_size < 200_000
    assert "more than 8K UHD" in error_of(large)
    large = large_picture(tmp_path / "large.h264").read_bytes()
    small = write_video(tmp_path / "small.h264", 25).read_bytes()
    grown = tmp_path / "grown.h264"
    grown.write_bytes(20 * small + large)
    assert "decoding fails after" in error_of(grown)


def with_sounds(path: Path, sounds: int) -> Path:
    """Pictures behind streams of sound."""
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("mp2", rate=44100, layout="mono") for _ in range(sounds)]
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for track in tracks:
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), "s16", "mono")
            sound.sample_rate = 44100
            container.mux(track.encode(sound))
            container.mux(track.encode())
        for _ in range(20):
            container.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(video.encode())
    return path


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".ts"])
def test_streams_that_take_gigabytes_are_refused(tmp_path, suffix):
    # A header of 14 kB may unpack to 14 MB in Matroska: 1,000 of them take 80 GB of memory.
    assert "20 streams or more" in error_of(with_sounds(tmp_path / f"many{suffix}", sounds=24))
    assert probe(with_sounds(tmp_path / f"few{suffix}", sounds=16)).frames == 20


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "libx264"),
        (".mov", "libx264"),
        (".mkv", "libx264"),
        (".webm", "libvpx"),
        (".avi", "mpeg4"),
        (".ts", "libx264"),
        (".mpg", "mpeg2video"),
        (".flv", "libx264"),
        (".wmv", "wmv2"),
        (".mxf", "mpeg2video"),
        (".h264", "libx264"),
        (".gif", "gif"),
    ],
)
def test_the_usual_containers_are_read(tmp_path, suffix, codec):
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for time in range(30):
            picture = np.full((48, 64, 3), 8 * time, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode())
    info = probe(path)
    assert info.frames == 30
    assert info.fps == pytest.approx(25, rel=0.02)
