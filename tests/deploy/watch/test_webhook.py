"""A webhook, against a web server on this machine."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fusevad.deploy.watch import outlets
from fusevad.deploy.watch.delivery import UndeliveredError
from fusevad.deploy.watch.outlets import Webhook
from fusevad.errors import FusevadError


@contextlib.contextmanager
def answering(status: int, **headers: str) -> Iterator[tuple[str, list[tuple[str, dict, str]]]]:
    """A server that always answers the same; its address, and the requests that it got."""
    got: list[tuple[str, dict, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


def test_a_message_is_posted_as_json():
    with answering(204) as (host, got):
        Webhook(f"http://bob:pass@{host}/hook?key=1").send(json.dumps({"type": "new"}))
    ((path, headers, body),) = got
    assert (path, json.loads(body)) == ("/hook?key=1", {"type": "new"})
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "again"), [(400, False), (404, False), (429, True), (500, True), (503, True)]
)
def test_answers_that_may_change_are_worth_another_try(status, again):
    with answering(status) as (host, _), pytest.raises(UndeliveredError) as caught:
        Webhook(f"http://{host}/").send("{}")
    assert (str(caught.value), caught.value.again) == (f"answers {status}", again)


def test_redirections_are_not_followed():
    with answering(200) as (other, got):  # noqa: SIM117
        with answering(307, Location=f"http://{other}/") as (host, _):
            with pytest.raises(UndeliveredError, match="answers 307"):
                Webhook(f"http://{host}/").send("{}")
    assert not got


def test_no_server_is_worth_another_try_and_no_secret_is_told():
    with answering(200) as (host, _):
        pass
    webhook = Webhook(f"http://bob:pass@{host}/token")
    with pytest.raises(UndeliveredError) as caught:
        webhook.send("{}")
    assert caught.value.again
    told = f"{caught.value} {webhook.shown}"
    assert not any(secret in told for secret in ("bob", "pass", "token"))


@pytest.mark.parametrize("url", ["ftp://host/", "host/hook", "http:///hook", "file:///etc/passwd"])
def test_other_addresses_are_refused(url):
    with pytest.raises(FusevadError, match="--webhook"):
        Webhook(url)


@contextlib.contextmanager
def sending(head: bytes, piece: bytes, pause: float = 0.0) -> Iterator[tuple[str, threading.Event]]:
    """A server that sends pieces until nobody takes them, but for 20 s at most.

    Yields its address, and whether somebody has taken them all.
    """
    server = socket.create_server(("127.0.0.1", 0))
    taken = threading.Event()

    def answer() -> None:
        connection, _ = server.accept()
        connection.settimeout(1)
        end = time.monotonic() + 20
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(head)
            while time.monotonic() < end:
                connection.sendall(piece)
                time.sleep(pause)
            taken.set()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", taken
        thread.join()


def test_an_answer_without_end_is_not_read():
    """Only its status counts."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    with sending(head, bytes(1 << 16)) as (url, taken):
        Webhook(url).send("{}")
        assert not taken.is_set()


def test_a_redirection_without_end_is_not_read():
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n"
    with sending(head, b"x", 0.01) as (url, taken):
        with pytest.raises(UndeliveredError, match="answers 302"):
            Webhook(url).send("{}")
        assert not taken.is_set()


@pytest.mark.parametrize(
    ("piece", "pause"), [(b"HTTP/1.1 100 Continue\r\n\r\n" * 500, 0.0), (b"X", 0.01)]
)
def test_a_receiver_that_keeps_sending_but_never_answers_is_left(piece, pause, monkeypatch):
    """Each read ends soon, so no timeout of a read helps."""
    monkeypatch.setattr(outlets, "_SECONDS", 0.5)
    with sending(b"", piece, pause) as (url, taken):
        with pytest.raises(UndeliveredError, match="not reached") as caught:
            Webhook(url).send("{}")
        assert caught.value.again and not taken.is_set()


@pytest.mark.parametrize("url", ["http://[", "https://u:hunter2\u2100@h/", "http://h:99999/"])
def test_what_is_no_url_is_one_line_without_it(url):
    with pytest.raises(FusevadError, match="--webhook: give a URL") as caught:
        Webhook(url)
    assert "hunter2" not in str(caught.value)


def test_a_user_that_http_cannot_send_is_no_crash():
    with pytest.raises(UndeliveredError, match="not reached"):
        Webhook("http://\u20ac:pass@127.0.0.1:9/").send("{}")
