"""Remotes on real servers: S3 (moto) and read-only HTTP, whole and dying in the middle."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fusevad.artifacts import store as store_module
from fusevad.artifacts.store import Store
from fusevad.errors import FusevadError
from tests.made_up_store import (
    CONFIGFILE,
    clone,
    configuration,
    make,
    published,
    share,
    workspace,
)

DATA = "data@rendered-tiny"
TRAINED = "runs@rendered-tiny.student-t"
BUCKET = "artifacts"


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


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, Path, type[Dying]]]:
    """A clone that pushed to a folder, one that reads the folder by HTTP, and the server's side."""
    first = published(tmp_path / "first", str(tmp_path / "remote"), DATA, TRAINED)
    handler = type("Server", (Dying,), {})
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(tmp_path / "remote"))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    second = clone(tmp_path / "second", f"http://127.0.0.1:{server.server_port}", read_timeout="5")
    share(first, second)
    yield first, second, handler
    server.shutdown()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an S3 server with an empty bucket; keys are in the environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket=BUCKET)
    yield address
    server.stop()


def test_s3_gives_back_what_was_pushed(tmp_path: Path, s3: str) -> None:
    url = f"s3://{BUCKET}/dvc"
    first = published(tmp_path / "first", url, DATA, TRAINED, endpointurl=s3)
    second = clone(tmp_path / "second", url, endpointurl=s3)
    share(first, second)
    store = Store(second)
    store.restore(store.tracked(workspace(first)))
    assert workspace(second) == workspace(first)


def test_http_gives_back_what_was_pushed(served: tuple[Path, Path, type[Dying]]) -> None:
    first, second, _ = served
    store = Store(second)
    store.restore(store.tracked(workspace(first)))
    assert workspace(second) == workspace(first)


def test_a_remote_that_dies_in_the_middle_loses_nothing_that_arrived(
    served: tuple[Path, Path, type[Dying]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, server = served
    monkeypatch.setattr(store_module, "_BATCH", 2)
    arrived: list[str] = []
    store = Store(second)
    wanted = sorted(store.tracked(workspace(first)))
    server.left = 5
    with pytest.raises(FusevadError, match=r"remote 'test' \(http://") as caught:
        store.fetch(wanted, arrived.append)
    assert "\n" not in str(caught.value) and "run the command again" in str(caught.value)
    assert 0 < len(arrived) < len(wanted) and workspace(second) == {}
    server.left = 10**9
    Store(second).restore(wanted)
    assert workspace(second) == workspace(first)


def test_a_read_only_remote_refuses_a_push_in_one_line(
    served: tuple[Path, Path, type[Dying]],
) -> None:
    _, second, _ = served
    made = make(second, TRAINED, text="new")

    store = Store(second)
    store.record([made], configuration(), [CONFIGFILE])
    with pytest.raises(FusevadError, match="remote 'test'") as caught:
        store.push([made])
    assert "\n" not in str(caught.value)
