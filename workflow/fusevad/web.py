"""HTTP with servers of others, whose answers may have no end."""

import contextlib
import io
import socket
from http.cookiejar import DefaultCookiePolicy
from threading import Timer
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, Retry


class WebSession(requests.Session):
    """Keeps no cookies, reads of a redirection its head alone, and waits for no head for ever.

    Args:
        head_seconds: for the head of an answer. A timeout of requests bounds each read, of which
            there may be any number.
        retries: when to ask again, and how often.
        redirects: whether redirections are followed.
    """

    def __init__(
        self, head_seconds: float, retries: Retry | int = 0, redirects: bool = True
    ) -> None:
        super().__init__()
        self._redirects = redirects
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(head_seconds, retries))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """See `requests.Session`, which reads a redirection's body after it, or even unasked."""
        target = super().get_redirect_target(resp) if self._redirects else None
        if target is not None:
            resp.raw.close()
            resp.raw = io.BytesIO()
        return target


class _Adapter(HTTPAdapter):
    """Connects as requests does, directly or through proxies, by a `_Connection`."""

    def __init__(self, seconds: float, retries: Retry | int) -> None:
        self._seconds = seconds
        super().__init__(max_retries=retries)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """See `HTTPAdapter`."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        kind = pool.ConnectionCls
        if not issubclass(kind, _Connection):
            own = {"head_seconds": self._seconds}
            pool.ConnectionCls = type(kind.__name__, (_Connection, kind), own)
        return pool


class _Connection:
    """Ends if the head of an answer is not there in time; an answer before a retry is not read."""

    head_seconds: float
    sock: socket.socket

    def getresponse(self) -> Any:
        """See `urllib3.connection.HTTPConnection`."""
        timer = Timer(self.head_seconds, _shut, (self.sock,))
        timer.daemon = True  # the command's end doesn't wait for it
        timer.start()
        try:
            response = super().getresponse()  # type: ignore[misc]
        finally:
            timer.cancel()
        response.drain_conn = response.close
        return response


def _shut(connection: socket.socket) -> None:
    """End a connection that another thread reads from."""
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)
