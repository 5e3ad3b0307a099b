"""The networks of a bundle in onnxruntime; skipped without the extra `onnx`."""

import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from fusevad.deploy import onnx as onnx_module
from fusevad.deploy.detector import Detector
from fusevad.deploy.onnx import export_onnx
from fusevad.errors import FusevadError
from fusevad.models.settings import TemporalSettings
from tests.made_up_videos import write_video

needs_extra = pytest.mark.skipif(
    find_spec("onnxruntime") is None, reason="without the extra: make env EXTRAS=onnx"
)
needs_cpu = pytest.mark.skipif(
    torch.cuda.is_available(), reason="exports need a CPU: CUDA_VISIBLE_DEVICES= pytest"
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(made_up, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("onnx")
    export_onnx(Detector.load(made_up.file), out)
    return out


def session(file: Path):
    import onnxruntime

    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


@needs_extra
@needs_cpu
def test_the_detector_scores_a_video_as_the_bundle_does(made_up, exported, tmp_path):
    detector = Detector.load(made_up.file)
    video = write_video(tmp_path / "a.mp4", frames=64)  # one chunk of four segments
    seen = []
    hook = detector.seeds[0].model.register_forward_pre_hook(lambda _, given: seen.append(given))
    expected = detector.score(video)["score"].to_numpy()
    hook.remove()
    streams, mask = seen[0]
    given = {"mask": mask.numpy()} | {role: x.numpy() for role, x in streams.items()}
    (found,) = session(exported / "detector.onnx").run(["score"], given)
    assert np.abs(found[0] - expected).max() < 1e-5


@needs_extra
@needs_cpu
@pytest.mark.parametrize("count", [1, 7])
def test_encoders_embed_any_number_of_pictures(made_up, exported, count):
    detector, random = Detector.load(made_up.file), np.random.default_rng(0)
    pictures = {
        "rgb": random.integers(0, 256, (count, 32, 32, 3), np.uint8),
        "motion": random.random((count, 32, 32), np.float32),
    }
    for role, given in pictures.items():
        expected = detector.streams[role].embedder.encoder.embed(given).numpy()
        run = session(exported / f"encoder-{role}.onnx").run
        assert np.abs(run(["embedding"], {"pictures": given})[0] - expected).max() < 1e-5


@needs_extra
@needs_cpu
def test_a_network_that_computes_something_else_is_not_kept(made_up, tmp_path, monkeypatch):
    detector = Detector.load(made_up.file)
    real = onnx_module._difference

    def changed(network, file):
        with torch.no_grad():
            network.module.models[0].classifier.bias += 0.1
        return real(network, file)

    monkeypatch.setattr(onnx_module, "_difference", changed)
    with pytest.raises(FusevadError, match=r"differs by .* from torch"):
        export_onnx(detector, tmp_path)
    assert not list(tmp_path.iterdir())


@needs_extra
@needs_cpu
def test_an_earlier_export_stays_whole_where_a_later_network_fails(
    exported, made_up, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    shutil.copytree(exported, out)
    (out / "detector.onnx").write_bytes(b"an earlier one")
    real = onnx_module._difference
    monkeypatch.setattr(
        onnx_module,
        "_difference",
        lambda network, file: real(network, file) if network.output == "score" else 1.0,
    )
    with pytest.raises(FusevadError, match=r"encoder-.*\.onnx: onnxruntime differs"):
        export_onnx(Detector.load(made_up.file), out)
    assert (out / "detector.onnx").read_bytes() == b"an earlier one"
    assert len(list(out.iterdir())) == len(list(exported.iterdir()))


@needs_extra
@needs_cpu
def test_an_encoder_of_another_bundle_is_not_left_beside_the_detector(made_up, tmp_path):
    (tmp_path / "encoder-flow.onnx").write_bytes(b"of another bundle")
    with pytest.raises(FusevadError, match=r"encoder-flow\.onnx: an encoder that this bundle does"):
        export_onnx(Detector.load(made_up.file), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["encoder-flow.onnx"]


@needs_extra
@needs_cpu
def test_a_network_that_gives_no_numbers_is_not_kept(made_up, tmp_path):
    detector = Detector.load(made_up.file)
    with torch.no_grad():
        detector.seeds[0].model.classifier.bias.fill_(float("nan"))
    with pytest.raises(FusevadError, match="differs by nan from torch"):
        export_onnx(detector, tmp_path)
    assert not list(tmp_path.iterdir())


@needs_extra
@needs_cpu
@pytest.mark.parametrize("window", [0, 2])
def test_methods_with_a_window_score_any_number_of_videos(made_up, tmp_path, window):
    """As `export_onnx` itself finds by comparing them with torch."""
    detector = Detector.load(made_up.file)
    settings = replace(detector.seeds[0].model.settings, window=window)
    for module in detector.seeds[0].model.modules():
        if isinstance(getattr(module, "settings", None), TemporalSettings):
            module.settings = settings
    assert export_onnx(detector, tmp_path)["detector.onnx"] < 1e-5


@needs_extra
@needs_cpu
def test_a_network_that_onnxruntime_cannot_run_is_one_line_and_not_kept(
    made_up, tmp_path, monkeypatch
):
    import onnxruntime

    def without_memory(*_: object) -> None:
        raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("no memory for 34 GB")

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", without_memory)
    with pytest.raises(FusevadError, match=r"can't run the network .*34 GB"):
        export_onnx(Detector.load(made_up.file), tmp_path)
    assert not list(tmp_path.iterdir())


@needs_extra
@needs_cpu
def test_a_detector_of_more_segments_than_fit_into_memory_is_one_line(made_up, tmp_path):
    detector = Detector.load(made_up.file)
    seeds = [replace(s, settings=replace(s.settings, max_segments=2**15)) for s in detector.seeds]
    detector.seeds = seeds
    with pytest.raises(FusevadError, match="scores 32768 segments at once, and at most 4096"):
        export_onnx(detector, tmp_path)
    assert not list(tmp_path.iterdir())


# Exports, then trains in the process and in a fork of it, as seeds are trained.
EXPORT_AND_FORK = """
import os, sys
from pathlib import Path
import torch
from fusevad.deploy.detector import Detector
from fusevad.deploy.onnx import export_onnx

def train():
    torch.ones(2, requires_grad=True).sum().backward()

export_onnx(Detector.load(Path(sys.argv[1])), Path(sys.argv[2]))
train()
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
try:
    train()
except RuntimeError as error:
    print(error, file=sys.stderr, flush=True)
    os._exit(1)
os._exit(0)
"""


@needs_extra
@needs_cpu
def test_processes_forked_after_an_export_can_train(made_up, tmp_path):
    subprocess.run(
        [sys.executable, "-c", EXPORT_AND_FORK, made_up.file, tmp_path], check=True, timeout=100
    )


def test_without_the_packages_one_line_says_what_to_install(made_up, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(FusevadError, match="make env EXTRAS=onnx"):
        export_onnx(Detector.load(made_up.file), tmp_path)
