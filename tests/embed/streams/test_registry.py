"""The kinds of streams: what the plan asks them, so that it knows none of them by name."""

import ast
import pickle
import re
from pathlib import Path

import pytest

from fusevad.cues.settings import MotionCue
from fusevad.data.render.settings import RenderSettings
from fusevad.embed.image_sources import MiddleFrameSource
from fusevad.embed.rendered_sources import RenderedSource
from fusevad.embed.streams.audio.embedder import SoundSource
from fusevad.embed.streams.depth.embedder import describe as describe_depth
from fusevad.embed.streams.flow.embedder import FlowSource
from fusevad.embed.streams.flow.settings import FlowSettings
from fusevad.embed.streams.masks.embedder import describe as describe_masks
from fusevad.embed.streams.pose.embedder import describe as describe_pose
from fusevad.embed.streams.registry import (
    KINDS,
    PATTERN,
    is_made,
    kind_of,
    parse_settings,
    stream_in_role,
)
from fusevad.embed.streams.settings import Given
from fusevad.embed.streams.text.embedder import CaptionSource, RenderedCaptions
from fusevad.errors import FusevadError

ROOT = Path(__file__).resolve().parents[3]
NAMES = (
    "rgb",
    "flow",
    "audio",
    "pose",
    "depth",
    "masks",
    "text",
    "motion-T16-thr10",
    "motion-released-T8-thr25",
)
NAMES += ("motion-camera-T32-thr1",)


@pytest.mark.parametrize("stream", NAMES)
def test_a_name_of_a_stream_belongs_to_one_kind(stream):
    assert [kind for kind in KINDS.values() if re.fullmatch(kind.pattern, stream)] == [
        kind_of(stream)
    ]
    assert re.fullmatch(PATTERN, stream)


@pytest.mark.parametrize("stream", ["", "rgb2", "motion", "motion-T16", "Rgb", "rgb|motion"])
def test_other_names_are_refused_in_a_line_with_the_kinds(stream):
    with pytest.raises(FusevadError, match=r"unknown; use rgb.* of rgb, motion, flow"):
        kind_of(stream)
    assert not re.fullmatch(PATTERN, stream)


def test_a_role_without_a_kind_is_its_own_stream_which_can_only_be_imported():
    cue = MotionCue("released", 16, 10)
    roles = ("rgb", "motion", "smell")
    assert [stream_in_role(role, cue) for role in roles] == ["rgb", cue.stream, "smell"]
    assert [is_made(each) for each in ("rgb", cue.stream, "smell")] == [True, True, False]


def test_settings_without_a_stream_are_refused():
    with pytest.raises(FusevadError, match="embed: stream: missing"):
        parse_settings({"crops": [0]})


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_a_folder_with_its_name(name):
    folder = ROOT / "workflow/fusevad/embed/streams" / name
    assert KINDS[name].name == name
    assert {file.stem for file in folder.glob("*.py")} >= {"settings", "embedder"}


@pytest.mark.parametrize("place", ["plan", "embed", "config", "report/timelines.py", "cli"])
def test_no_place_outside_the_kinds_compares_a_name_with_a_stream(place):
    found = ROOT / "workflow/fusevad" / place
    files = [found] if found.is_file() else found.rglob("*.py")
    wrong = [
        f"{file.name}:{node.lineno}"
        for file in files
        if "streams" not in file.parts
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Constant) and side.value in ("rgb", "motion")
    ]
    # The studies of masking and noise are about motion cues: `config/checks.py` asks for them.
    assert not [each for each in wrong if not each.startswith("checks.py")]


@pytest.mark.parametrize("name", ["flow", "audio", "pose", "depth", "masks"])
def test_weights_that_are_no_safetensors_are_refused_when_the_plan_is_made(name):
    chosen = {"weights": "model.pth"} | ({"estimator": "raft-small"} if name == "flow" else {})
    given = Given("rendered", (0,), 16, {"name": "clip"}, {}, {name: chosen}, None)
    with pytest.raises(FusevadError, match=rf"streams\.{name}\.weights: model\.pth is no \.safe"):
        KINDS[name].settings(name, given)


SOURCES = [
    FlowSource(FlowSettings("flow")),
    SoundSource(),
    MiddleFrameSource((64, 48)),
    RenderedSource(RenderSettings(), describe_pose),
    RenderedSource(RenderSettings(), describe_depth),
    RenderedSource(RenderSettings(), describe_masks),
    CaptionSource(RenderedCaptions(RenderSettings()), "ViT-B-16"),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)
def test_sources_can_be_sent_to_processes_that_read_ahead(source):
    assert pickle.loads(pickle.dumps(source)) == source
