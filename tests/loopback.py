"""Servers on this machine that stand for remotes: a folder by HTTP, which can die, and S3."""

import contextlib
import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer


class Dying(SimpleHTTPRequestHandler):
    """Serves a folder; after `left` files it answers with the first half of one and no more."""

    left = 10**9

    def do_GET(self) -> None:
        type(self).left -= 1
        if type(self).left >= 0:
            super().do_GET()
            return
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[str, type[Dying]]]:
    """Address of a web server for a folder, and its handler, whose `left` says when it dies."""
    handler = type("Server", (Dying,), {})
    answering = functools.partial(handler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()


@contextlib.contextmanager
def s3_bucket(bucket: str) -> Iterator[str]:
    """Address of an S3 server with an empty bucket; keys are in the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "made-up")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket=bucket)
        yield address
    server.stop()
