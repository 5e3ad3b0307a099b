"""Receivers of events: a webhook, and a topic of an MQTT broker (the extra `mqtt`)."""

import re
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import requests

from fusevad.deploy.watch.address import web_address
from fusevad.deploy.watch.delivery import UndeliveredError
from fusevad.errors import FusevadError
from fusevad.web import WebSession

_SECONDS = 10
# Answers that may be others later: timeout, too early, too many.
_LATER = (408, 425, 429)
_MQTT = re.compile(r"(?P<host>[^:@/]+)(?::(?P<port>[0-9]{1,5}))?/(?P<topic>.+)")
_MQTT_PORT = 1883


class Webhook:
    """Posts each message to a URL."""

    def __init__(self, url: str) -> None:
        """Make a webhook.

        Args:
            url: http or https; it may have a user and a password, or a token in its path.

        Raises:
            FusevadError: it is no such URL.
        """
        parts = web_address(url)
        if parts is None or parts.scheme not in ("http", "https"):
            raise FusevadError("--webhook: give a URL such as https://HOST/PATH")
        self._url = url
        self._session = WebSession(_SECONDS, redirects=False)
        self.shown = f"{parts.scheme}://{parts.hostname}"  # a path may have a token

    def send(self, text: str) -> None:
        """See `Outlet.send`."""
        headers = {"Content-Type": "application/json"}
        try:
            # Only the status is read: what follows may be without end.
            with self._session.post(
                self._url,
                text,
                headers=headers,
                timeout=_SECONDS,
                stream=True,
            ) as answer:
                status = answer.status_code
        except (requests.RequestException, ValueError) as error:
            # Its text would have the URL.
            raise UndeliveredError(f"not reached ({type(error).__name__})", again=True) from error
        if not 200 <= status < 300:
            raise UndeliveredError(f"answers {status}", again=status >= 500 or status in _LATER)

    def close(self) -> None:
        """See `Outlet.close`."""
        self._session.close()


class Mqtt:
    """Publishes each message to a topic, which the broker confirms (QoS 1)."""

    def __init__(self, address: str) -> None:
        """Make a publisher; it connects with its first message.

        Args:
            address: [USER:PASSWORD@]HOST[:PORT]/TOPIC; user, password and topic may have %40 for @.

        Raises:
            FusevadError: it has another form, or the extra is not installed.
        """
        login, _, place = address.rpartition("@")
        if "/" in login:
            raise FusevadError(
                "--mqtt: a / before an @; write %2F for it in a password, %40 for an @ in a topic"
            )
        found = _MQTT.fullmatch(place)
        port = int(found["port"] or _MQTT_PORT) if found else 0
        topic = unquote(found["topic"]) if found else ""
        if found is None or not 0 < port < 1 << 16 or set("#+\0") & set(topic):
            raise FusevadError("--mqtt: give HOST[:PORT]/TOPIC, such as localhost/cameras/door")
        self._host, self._port = found["host"], port
        self._topic = topic
        user, colon, password = login.partition(":")
        self._login = (unquote(user), unquote(password) if colon else None) if user else None
        self._paho = _paho()
        self._client: Any = None
        self.shown = f"mqtt {self._host}:{self._port}/{self._topic}"

    def send(self, text: str) -> None:
        """See `Outlet.send`."""
        try:
            client = self._client or self._connected()
            sent = client.publish(self._topic, text, qos=1)
            sent.wait_for_publish(_SECONDS)
            taken = sent.is_published()
        except (OSError, ValueError, RuntimeError) as error:
            self.close()
            raise UndeliveredError(f"not reached ({type(error).__name__})", again=True) from error
        if not taken:
            self.close()
            raise UndeliveredError("does not confirm", again=True)

    def close(self) -> None:
        """See `Outlet.close`."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connected(self) -> Any:
        """A client that the broker has let in."""
        version = self._paho.CallbackAPIVersion.VERSION2
        client = self._paho.Client(version, reconnect_on_failure=False)
        answers: SimpleQueue[Any] = SimpleQueue()
        client.on_connect = lambda _client, _data, _flags, reason, _more: answers.put(reason)
        if self._login is not None:
            client.username_pw_set(*self._login)
        # Nothing is subscribed to, and paho would keep what a broker sends nevertheless.
        client._handle_publish = lambda: self._paho.MQTT_ERR_PROTOCOL
        client.connect(self._host, self._port)
        client.loop_start()
        self._client = client
        try:
            reason = answers.get(timeout=_SECONDS)
        except Empty as error:
            raise TimeoutError("no answer") from error
        if reason.is_failure:
            self.close()
            raise UndeliveredError(f"lets nobody in ({reason})", again=True)
        return client


def _paho() -> ModuleType:
    try:
        import paho.mqtt.client
    except ImportError as error:
        raise FusevadError("--mqtt needs more; run: make env EXTRAS=mqtt") from error
    return paho.mqtt.client
