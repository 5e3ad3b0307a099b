"""A webhook, against a web server on this machine."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

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


def test_an_answer_without_end_is_not_read():
    """Only its status counts."""
    server = socket.create_server(("127.0.0.1", 0))
    gone = threading.Event()

    def answer() -> None:
        connection, _ = server.accept()
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(bytes(1 << 16))
        gone.set()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with server:
        Webhook(f"http://127.0.0.1:{server.getsockname()[1]}/").send("{}")
        assert gone.wait(30)


@pytest.mark.parametrize("url", ["http://[", "https://u:hunter2\u2100@h/", "http://h:99999/"])
def test_what_is_no_url_is_one_line_without_it(url):
    with pytest.raises(FusevadError, match="--webhook: give a URL") as caught:
        Webhook(url)
    assert "hunter2" not in str(caught.value)


def test_a_user_that_http_cannot_send_is_no_crash():
    with pytest.raises(UndeliveredError, match="not reached"):
        Webhook("http://\u20ac:pass@127.0.0.1:9/").send("{}")
