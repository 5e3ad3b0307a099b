"""The list of sources of surveillance-fight: which video each of its clips was cut from."""

import re

import pytest

from fusevad.data.splice.sources import read_sources, source_groups
from fusevad.errors import FusevadError


def test_real_list_gives_every_clip_a_source(real):
    sources = read_sources(real / "videos.txt")
    assert set(sources) == {path.stem for path in real.glob("*ight/*.mp4")}
    assert len(sources) == 300
    twice = {clip: names for clip, names in sources.items() if len(names) > 1}
    assert twice == {
        "nofi022": ("IZjLv7alWTk", "g0x9-0pOuhw"),
        "nofi076": ("CamNet Dataset", "Synopsis dataset"),
    }
    assert len({name for names in sources.values() for name in names}) == 46
    assert len(set(source_groups(sources).values())) == 44


def test_real_list_agrees_with_counting_its_lines(real):
    text = (real / "videos.txt").read_text()
    single = re.findall(r"^((?:no)?fi\d+):", text, re.MULTILINE)
    assert len(single) == 271  # 270 clips, nofi022 twice; the other 30 stand in two ranges
    sources = read_sources(real / "videos.txt")
    assert set(sources) - set(single) == {f"nofi{number:03d}" for number in range(62, 92)}
    spots = {clip: text.index(f"\n{clip}: ") for clip in single}
    for clip in single:
        assert sources[clip][0] == re.findall(r"v=(\S+)", text[: spots[clip]])[-1]


@pytest.mark.parametrize("line", ["fi1 0.10 - 0.20", "see the readme", "fi2 - nofi4 : Both"])
def test_an_odd_line_is_an_error_with_its_number(tmp_path, line):
    path = tmp_path / "videos.txt"
    path.write_text(f"https://www.youtube.com/watch?v=a\n\nfi001: 1 - 2\n{line}\n")
    with pytest.raises(FusevadError, match="line 4"):
        read_sources(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nofi1 - nofi2 : Caméra\n".encode("latin-1"), "not a list in UTF-8"),
        (b"nofi1 - nofi999999 : X\n", "line 1 is not a range"),
        (b"nofi1 - nofi" + b"9" * 5000 + b" : X\n", "line 1"),
        (b"nofi1 - nofi9999 : X\n" * 40_000, "more than 10000 clips"),
    ],
    ids=["Latin-1", "a million", "digits", "repeated"],
)
def test_a_list_of_sources_that_could_take_gigabytes_is_one_line(tmp_path, content, message):
    (tmp_path / "videos.txt").write_bytes(content)
    with pytest.raises(FusevadError, match=rf"videos\.txt: {message}") as caught:
        read_sources(tmp_path / "videos.txt")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_clip_before_any_source_is_an_error(tmp_path):
    path = tmp_path / "videos.txt"
    path.write_text("fi001: 1 - 2\n")
    with pytest.raises(FusevadError, match="line 1"):
        read_sources(path)


def test_sources_that_share_a_clip_are_one_group():
    groups = source_groups({"a": ["x"], "b": ["y"], "c": ["y", "z"], "d": ["x", "w"], "e": ["v"]})
    assert groups == {"a": "w+x", "d": "w+x", "b": "y+z", "c": "y+z", "e": "v"}
