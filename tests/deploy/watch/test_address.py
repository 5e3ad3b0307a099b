"""What may be watched, and that passwords are nowhere to be seen."""

import pytest

from fusevad.deploy.watch.address import find_address, scrubbed, secret
from fusevad.errors import FusevadError

URL = "rtsp://bob:p@ss/w%3A0rd@10.0.0.2:8554/cam?channel=1"


@pytest.mark.parametrize(
    "text",
    [
        URL,
        f"no answer from {URL} (timed out)",
        f"[Errno 5] failed: '{URL}'",
        f"two: {URL} and http://user@host/path",
        "https://token@host/hook",
    ],
)
def test_users_and_passwords_are_cut_out(text):
    shown = scrubbed(text)
    assert not any(part in shown for part in ("bob", "p@ss", "0rd", "user", "token"))
    assert "://10.0.0.2:8554/cam" in shown or "://host/" in shown


def test_text_without_a_password_stays():
    text = "rtsp://10.0.0.2/cam: write to me@example.org"
    assert scrubbed(text) == text


def test_an_address_comes_from_a_variable(monkeypatch):
    monkeypatch.setenv("CAM", URL)
    found = find_address("env:CAM", None)
    assert (found.kind, found.where, found.shown) == (
        "rtsp",
        URL,
        "rtsp://10.0.0.2:8554/cam?channel=1",
    )


def test_an_address_comes_from_a_file(tmp_path):
    for mark in ("", "\ufeff"):  # Notepad writes one
        (tmp_path / "cam").write_text(f"{mark}{URL}\n")
        assert find_address(None, tmp_path / "cam").where == URL


@pytest.mark.parametrize("text", ["", "rtsp://a/b rtsp://c/d"])
def test_a_file_without_one_address_is_refused(tmp_path, text):
    (tmp_path / "cam").write_text(text)
    with pytest.raises(FusevadError, match="write one, such as"):
        find_address(None, tmp_path / "cam")


@pytest.mark.parametrize("what", ["SOURCE", "--webhook", "--mqtt"])
def test_a_password_on_the_command_line_is_refused_without_repeating_it(what):
    with pytest.raises(FusevadError, match="shows in the list of processes") as caught:
        secret(URL, what)
    assert "p@ss" not in str(caught.value)


def test_a_password_without_a_scheme_is_not_repeated():
    with pytest.raises(FusevadError) as caught:
        secret("bob:pass@host/topic", "--mqtt")
    assert "pass" not in str(caught.value).replace("a password", "")
    assert "bob" not in str(caught.value)


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(FusevadError, match="set NO_SUCH_CAMERA"):
        secret("env:NO_SUCH_CAMERA", "SOURCE")


@pytest.mark.parametrize(
    "where",
    [
        "http://host/a.mp4", "https://host/a.m3u8", "concat:a|b", "file:///etc/passwd", "udp://@:1",
        "/dev/sda", "/dev/video", "lavfi:testsrc", "rtsps://host/cam", "none.mp4", "rtsp:///cam",
    ],
)  # fmt: skip
def test_other_protocols_and_devices_are_refused(where):
    with pytest.raises(FusevadError):
        find_address(where, None)


def test_files_and_devices_are_known(tmp_path):
    file = tmp_path / "a@home.mp4"
    file.touch()
    assert find_address(str(file), None).kind == "file"
    assert find_address("/dev/video0", None).kind == "device"


@pytest.mark.parametrize("given", [(None, None), ("rtsp://host/cam", "file")])
def test_one_source_is_named(given):
    with pytest.raises(FusevadError, match="name one source"):
        find_address(*given)


@pytest.mark.parametrize("password", ["hun'ter2", 'hun"ter2', "hun ter2", "hun@ter2", "hun#ter2"])
def test_a_password_of_any_signs_is_not_shown(monkeypatch, password):
    monkeypatch.setenv("CAM", f"rtsp://bob:{password}@host/cam")
    try:
        shown = find_address("env:CAM", None).shown
    except FusevadError as error:
        shown = str(error)
    assert "bob" not in shown
    assert "ter2" not in shown


@pytest.mark.parametrize(
    "path",
    [
        "?user=bob&password=hunter2&channel=1",
        "user=bob_password=hunter2_channel=1",
        "?PWD=hunter2",
        "cam?channel=1&subtype=0&authbasic=hunter2",
        "?loginuse=bob&loginpas=hunter2",
        "?psw=hunter2",
        "?usr=bob&pw=hunter2",
        "live?auth=hunter2",
        "?apikey=hunter2",
        "?key=hunter2",
        "?passphrase=hunter2",
        "password:hunter2/1",
        "password:1234hunter2",
        "?user=bob&password=h@hunter2&channel=1",
        "user=bob_password=h@hunter2_channel=1_stream=0.sdp",
        "user=bob&password=h/h@hunter2:1&channel=1",
    ],
)
def test_a_password_within_an_address_is_not_shown_nor_taken_from_the_command_line(
    monkeypatch, path
):
    where = f"rtsp://host/{path}"
    monkeypatch.setenv("CAM", where)
    found = find_address("env:CAM", None)
    assert found.where == where
    assert "hunter2" not in found.shown and "bob" not in found.shown
    assert found.shown.startswith("rtsp://host/")
    with pytest.raises(FusevadError, match="shows in the list of processes") as caught:
        find_address(where, None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "where",
    [
        "bob:hunter2@host/cam", "//bob:hunter2@host/cam", "rtsp:/bob:hunter2@host/cam",
        "rtsp://bob:hunter2\u2100@host/cam", "rtsp://bob:hunter2@[", "rtsp://bob:hunter2@host:99999/",
        "rtsps://bob:hunter2@host/cam", f"bob:hunter2@host/{'a' * 5000}",
    ],
)  # fmt: skip
def test_of_a_wrong_address_only_the_place_that_has_it_is_named(monkeypatch, tmp_path, where):
    monkeypatch.setenv("CAM", where)
    (tmp_path / "cam").write_text(where)
    for source, file in ("env:CAM", None), (None, tmp_path / "cam"):
        with pytest.raises(FusevadError) as caught:
            find_address(source, file)
        assert str(caught.value).startswith(source or str(file))
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "where",
    [
        "rtsp://bob:hun@hunter2?x=1/w@host/cam",
        "rtsp://bob:hunter3@host/cam?password=hun@hunter2",
        "rtsp://host/live/bob:hun@hunter2",
        "rtsp://bob:12/hunter2@host/cam",
        "rtsp://bob:12?hunter2@host/cam",
        "rtsp://bob:12?hunter2@host",
        "rtsp://bob:12/x?hunter2@host/cam",
        "rtsp://bob:hunter3@host?x=hun@hunter2/x",
    ],
)
def test_an_address_that_can_be_read_in_two_ways_is_not_shown(monkeypatch, where):
    monkeypatch.setenv("CAM", where)
    found = find_address("env:CAM", None)
    assert (found.where, found.shown) == (where, "rtsp://...")


@pytest.mark.parametrize("host", ["auth", "key", "api-token", "my_secret", "pw"])
def test_a_host_that_is_called_like_a_password_is_taken_from_the_command_line(host):
    for where in f"http://{host}:8080/hook", f"{host}:1883/cams", f"rtsp://{host}:554":
        assert secret(where, "--webhook") == where
    where = f"rtsp://{host}:8554/cam"
    assert find_address(where, None).shown == where
    assert scrubbed(f"{where}: connected") == f"{where}: connected"


@pytest.mark.parametrize("path", ["password:1234", "cam/password:1234/1"])
def test_a_password_of_digits_in_a_path_is_no_port(path):
    with pytest.raises(FusevadError, match="shows in the list of processes"):
        find_address(f"rtsp://host/{path}", None)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("bob:hunter2/ch1", ".../ch1"),
        ("live/bob:hunter2", "live/..."),
        ("id=bob:hunter2/1", ".../1"),
        ("cam?id=bob:hunter2", "cam?id=..."),
        ("a/:hunter2?channel=1", "a/...?channel=1"),
    ],
)
def test_a_name_and_a_password_in_a_path_are_known_by_their_colon(monkeypatch, path, expected):
    monkeypatch.setenv("CAM", f"rtsp://bob:hunter3@host:8554/{path}")
    assert find_address("env:CAM", None).shown == f"rtsp://host:8554/{expected}"
    text = f"[Errno 5] rtsp://host:8554/{path}: timed out"
    assert scrubbed(text) == f"[Errno 5] rtsp://host:8554/{expected}: timed out".replace(
        "...: timed", "... timed"
    )


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://[fe80::1]:554/cam?channel=1: timed out",
        "/home/me/reader.py:12: wrong password: try another",
        "'rtsp://host/cam': no answer; key: none",
    ],
)
def test_other_colons_stay(text):
    assert scrubbed(text) == text


def test_of_a_query_only_what_chooses_pictures_is_shown(monkeypatch):
    monkeypatch.setenv("CAM", "rtsp://host/cam?channel=2&subtype=1&kennwort=hunter2&hunter3")
    shown = find_address("env:CAM", None).shown
    assert shown == "rtsp://host/cam?channel=2&subtype=1&kennwort=...&..."


@pytest.mark.parametrize("query", ["camera=1&videocodec=h264", "inst=2", "compass=1&author=me"])
def test_an_address_without_a_password_is_taken_from_the_command_line(query):
    found = find_address(f"rtsp://host/media.amp?{query}", None)
    assert found.where.endswith(query)
    assert ("=..." in found.shown) == ("compass" in query)


def test_the_name_of_a_file_is_text_that_json_can_have(tmp_path):
    file = tmp_path / "caf\udce9.mp4"
    file.touch()
    found = find_address(str(file), None)
    assert found.where == str(file) and found.shown == f"{tmp_path}/caf\\xe9.mp4"


def test_a_long_address_is_one_line():
    with pytest.raises(FusevadError, match="no video file"):
        find_address("a" * 5000, None)
