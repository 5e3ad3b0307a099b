"""Decode in processes that run ahead of the encoder.

Each process reads every n-th video and keeps at most a few chunks ready; videos come in order, so
that a killed run loses only the video that is being embedded.
"""

import multiprocessing
import queue
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection

import cv2

from fusevad.data.manifest import Video
from fusevad.embed.embedder import Source
from fusevad.embed.image_sources import Chunk
from fusevad.errors import FusevadError

# Of 32 images of 224 x 224 pixels each: about 50 MB a process.
_CHUNKS_AHEAD = 8

VideoChunks = Iterator[tuple[Video, Iterator[Chunk]]]


@contextmanager
def reading_ahead(source: Source, videos: Sequence[Video], workers: int) -> Iterator[VideoChunks]:
    """Yield every video with its chunks, in order; use up the chunks before the next video.

    Args:
        source: makes the chunks of a video.
        videos: what to read.
        workers: processes that read ahead; 0 reads in this one.

    Raises:
        FusevadError: from the source; or a process was killed.
    """
    workers = min(workers, len(videos))
    if workers == 0:
        yield ((video, source.chunks(video)) for video in videos)
        return
    with ExitStack() as running:
        connections = [
            running.enter_context(_reader(source, videos[worker::workers]))
            for worker in range(workers)
        ]
        yield (
            (video, _received(connections[position % workers], video))
            for position, video in enumerate(videos)
        )


@contextmanager
def _reader(source: Source, videos: Sequence[Video]) -> Iterator[Connection]:
    """A process that sends the chunks of `videos`, each video followed by `None`."""
    # "spawn": this process may hold threads of OpenCV or torch, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_read, args=(source, videos, sender), daemon=True)
    process.start()
    sender.close()  # only the process has it open now, so that its death ends the connection
    try:
        yield receiver
    finally:
        receiver.close()
        process.terminate()
        process.join()


def _received(connection: Connection, video: Video) -> Iterator[Chunk]:
    while True:
        try:
            item = connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise FusevadError(
                f"{video.path}: the process that reads it was killed (out of memory?); run the "
                "command again, with fewer threads if it happens again"
            ) from error
        if item is None:
            return
        if isinstance(item, Exception):
            raise item
        yield item


def _read(source: Source, videos: Sequence[Video], connection: Connection) -> None:
    """Send chunks while the next ones are computed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends this one
    cv2.setNumThreads(1)
    ready: queue.Queue[Chunk | Exception | None] = queue.Queue(_CHUNKS_AHEAD)
    threading.Thread(target=_make_chunks, args=(source, videos, ready), daemon=True).start()
    for _ in videos:
        while True:
            item = ready.get()
            try:
                connection.send(item)
            except BrokenPipeError:  # the main process is gone
                return
            if isinstance(item, Exception):
                return
            if item is None:
                break


def _make_chunks(source: Source, videos: Sequence[Video], ready: queue.Queue) -> None:
    try:
        for video in videos:
            for chunk in source.chunks(video):
                ready.put(chunk)
            ready.put(None)
    except Exception as error:
        if not isinstance(error, FusevadError):
            error.add_note(traceback.format_exc())
        ready.put(error)
