"""Servers whose answers have no end: what is read of them, and how long they are waited for."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest
import requests
import urllib3

from fusevad.web import WebSession

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok"
HEADS = {
    "redirection": b"HTTP/1.1 302 Found\r\nLocation: /ok\r\n\r\n",
    "compressed": b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Encoding: gzip\r\n\r\n",
    "busy": b"HTTP/1.1 503 Busy\r\n\r\n",
}


class Endless(socketserver.BaseRequestHandler):
    """Answers by path; after the heads, zeros without end; `slow` sends a head a byte at a time."""

    sent = 0
    asked: list[bytes]

    def handle(self) -> None:
        request = self.request.recv(1 << 16)
        type(self).asked.append(request)
        name = request.split()[1].decode().strip("/")
        with contextlib.suppress(OSError):
            if name == "ok" or (name == "busy" and len(type(self).asked) > 1):
                self.request.sendall(OK)
            elif name == "slow":
                for letter in b"HTTP/1.1 200 OK\r\nA: " + b"a" * 1000:
                    self.request.sendall(bytes([letter]))
                    time.sleep(0.05)
            else:
                self.request.sendall(HEADS[name])
                while True:
                    type(self).sent += self.request.send(bytes(1 << 16))


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server of endless answers."""
    Endless.sent, Endless.asked = 0, []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Endless) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.mark.parametrize("name", ["redirection", "compressed", "busy"])
def test_what_has_no_end_is_not_read_on_the_way_to_an_answer(server, name):
    retry = urllib3.Retry(status=2, status_forcelist=(503,), backoff_factor=0)
    with WebSession(5, retry) as session:
        assert session.get(f"{server}/{name}", timeout=5).content == b"ok"
    assert Endless.sent < 20_000_000, "what the system's buffers hold"


def test_a_head_that_drips_is_not_waited_for_for_ever(server):
    start = time.monotonic()
    with WebSession(0.5) as session, pytest.raises(requests.ConnectionError):
        session.get(f"{server}/slow", timeout=5)
    assert time.monotonic() - start < 5


def test_redirections_are_followed_only_where_that_is_asked_for(server):
    with WebSession(5, redirects=False) as session:
        answer = session.get(f"{server}/redirection", timeout=5, stream=True)
        assert answer.status_code == 302
        answer.close()


def test_no_cookie_of_an_answer_is_kept(server):
    with WebSession(5) as session:
        for _ in range(2):
            session.get(f"{server}/ok", timeout=5)
        assert not list(session.cookies)
    assert not any(b"cookie" in request.lower() for request in Endless.asked)
