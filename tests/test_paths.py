"""Bounds of paths that others name."""

import errno
import os

import pytest

from fusevad.paths import shown_files, stays_inside


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/".join(["a"] * 100), True),
        ("/".join(["a"] * 101), False),
        ("/".join(["a" * 255] * 15), True),
        ("/".join(["a" * 255] * 16), True),  # 4,095 bytes
        ("/".join(["a" * 255] * 15 + ["a" * 254, "b"]), False),
        ("/".join(["\u00fc" * 120] * 18), False),
    ],
)
def test_a_path_of_others_is_one_that_the_system_takes(path, expected):
    assert stays_inside(path) == expected


@pytest.mark.parametrize(
    ("function", "failing"), [("scandir", "videos/cam2"), ("stat", "videos/cam2/b.mp4")]
)
@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE])
def test_what_cannot_be_listed_is_not_taken_for_empty(
    tmp_path, monkeypatch, function, failing, number
):
    for name in ("a.mp4", "cam2/b.mp4"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "videos" / name).touch()
    real = getattr(os, function)

    def fail(path, *args, **more):
        if str(path) == str(tmp_path / failing):
            raise OSError(number, os.strerror(number), path)
        return real(path, *args, **more)

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="cam2") as caught:
        list(shown_files(tmp_path / "videos"))
    assert caught.value.errno == number


def test_a_link_that_leads_nowhere_and_a_missing_folder_have_no_files(tmp_path):
    (tmp_path / "gone.mp4").symlink_to("nowhere")
    (tmp_path / "round.mp4").symlink_to("round.mp4")
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "lost+found" / "a.mp4").touch()
    assert not list(shown_files(tmp_path)) and not list(shown_files(tmp_path / "absent"))
