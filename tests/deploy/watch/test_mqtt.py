"""MQTT, against Debian's mosquitto; skipped without it, or without the extra `mqtt`."""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from fusevad.deploy.watch.delivery import UndeliveredError
from fusevad.deploy.watch.outlets import Mqtt
from fusevad.errors import FusevadError
from tests.made_up_cameras import wait_until_it_answers

BROKER = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
needs_extra = pytest.mark.skipif(
    find_spec("paho") is None, reason="without the extra: make env EXTRAS=mqtt"
)
needs_broker = pytest.mark.skipif(
    BROKER is None, reason="no broker of MQTT: apt-get install mosquitto"
)


class Broker:
    """A broker on a port of its own, which asks for a password and can be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        passwords = folder / "passwords"
        made = [Path(str(BROKER)).parent.parent / "bin/mosquitto_passwd", "-c", "-b", passwords]
        subprocess.run([*map(str, made), "bob", "p@ss"], check=True)
        passwords.chmod(0o644)
        (folder / "broker.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\n"
            f"password_file {passwords}\nuser root\n"
        )
        self.start()

    def start(self) -> None:
        command = [str(BROKER), "-c", str(self._folder / "broker.conf")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until_it_answers(self.port)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def broker(tmp_path) -> Iterator[Broker]:
    found = Broker(tmp_path)
    yield found
    found.kill()


class Subscriber:
    """Texts of a topic, by another connection."""

    def __init__(self, port: int, topic: str) -> None:
        import paho.mqtt.client as paho

        self.texts: list[str] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("bob", "p@ss")
        ready = []
        self._client.on_message = lambda _c, _u, message: self.texts.append(
            message.payload.decode()
        )
        self._client.on_subscribe = lambda *_: ready.append(True)
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(topic, qos=1)
        self._client.loop_start()
        self._wait(lambda: bool(ready))

    def wait(self, count: int) -> list[str]:
        self._wait(lambda: len(self.texts) >= count)
        return self.texts

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @staticmethod
    def _wait(done) -> None:
        deadline = time.monotonic() + 10
        while not done():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@needs_extra
@needs_broker
def test_messages_reach_a_subscriber(broker):
    subscriber = Subscriber(broker.port, "cameras/door")
    outlet = Mqtt(f"bob:p@ss@127.0.0.1:{broker.port}/cameras/door")
    outlet.send('{"type": "new"}')
    outlet.send('{"type": "end"}')
    assert subscriber.wait(2) == ['{"type": "new"}', '{"type": "end"}']
    outlet.close()
    subscriber.leave()


@needs_extra
@pytest.mark.parametrize(
    "address",
    ["localhost:1883/site@home/door", "bob:p/w@localhost/door", "bob:pw@host/site@home/a"],
)
def test_an_address_that_can_be_read_in_two_ways_is_refused(address):
    with pytest.raises(FusevadError, match="write %2F for it in a password") as caught:
        Mqtt(address)
    assert "p/w" not in str(caught.value)


@needs_extra
@pytest.mark.parametrize("topic", ["c/#", "c/+", "c/%23", "c/%2B", "%00"])
def test_a_topic_is_no_pattern(topic):
    with pytest.raises(FusevadError, match="--mqtt: give HOST"):
        Mqtt(f"localhost/{topic}")


@needs_extra
@needs_broker
def test_a_topic_may_have_any_signs(broker):
    topic = "site@home/Tür %2F"
    subscriber = Subscriber(broker.port, topic)
    outlet = Mqtt(f"b%6fb:p%40ss@127.0.0.1:{broker.port}/site%40home/Tür %252F")
    outlet.send("new")
    assert subscriber.wait(1) == ["new"]
    outlet.close()
    subscriber.leave()


@needs_extra
@needs_broker
def test_a_broker_that_was_away_gets_the_next_message(broker):
    outlet = Mqtt(f"bob:p@ss@127.0.0.1:{broker.port}/door")
    outlet.send("before")
    broker.kill()
    with pytest.raises(UndeliveredError) as caught:
        outlet.send("lost")
    assert caught.value.again
    broker.start()
    subscriber = Subscriber(broker.port, "door")
    outlet.send("after")
    assert subscriber.wait(1) == ["after"]
    outlet.close()
    subscriber.leave()


@needs_extra
@needs_broker
def test_a_wrong_password_is_told_without_it(broker):
    outlet = Mqtt(f"bob:wrong@127.0.0.1:{broker.port}/door")
    with pytest.raises(UndeliveredError) as caught:
        outlet.send("text")
    assert "wrong" not in f"{caught.value} {outlet.shown}"


@needs_extra
@pytest.mark.parametrize(
    "address", ["host", "host/", "host:x/topic", "/topic", "host/a/#", "h/+/a"]
)
def test_other_addresses_are_refused(address):
    with pytest.raises(FusevadError, match="--mqtt: give HOST"):
        Mqtt(address)


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "paho.mqtt.client", None)
    with pytest.raises(FusevadError, match="make env EXTRAS=mqtt"):
        Mqtt("host/topic")


@needs_extra
def test_what_a_broker_sends_unasked_is_not_kept():
    """paho keeps messages of QoS 2 until the broker releases them: 65,535 of 256 MB."""
    ended = threading.Event()

    def serve(server: socket.socket) -> None:
        client, _ = server.accept()
        client.recv(4096)
        client.sendall(b"\x20\x02\x00\x00")  # let in
        body = b"\x00\x01a\x00\x01" + bytes(100)  # topic, number, content
        with contextlib.suppress(OSError):
            while True:
                client.sendall(bytes([0x34, len(body)]) + body)
        ended.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        outlet = Mqtt(f"127.0.0.1:{server.getsockname()[1]}/cameras")
        with pytest.raises(UndeliveredError):
            outlet.send("{}")
        assert ended.wait(10), "the connection goes on"
