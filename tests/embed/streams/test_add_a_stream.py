"""CONTRIBUTING's recipe "Add a stream", followed to the letter in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from fusevad.files import sha256
from fusevad.video.decode import read_frames
from tests.made_up_tables import write_table
from tests.made_up_videos import write_video

pytestmark = pytest.mark.slow
FUSEVAD = ("-c", "from fusevad.cli import main; main()")
PLAN = """
import json
from fusevad.config.load import load_files
from fusevad.embed.streams.registry import PATTERN, kind_of
from fusevad.plan.jobs import Jobs
jobs = Jobs(load_files([], pairs=["streams={brightness: {every: 8}}"]))
print(json.dumps([
    jobs.embed("rendered", "brightness"),
    jobs.index("rendered", "brightness"),
    jobs.encoder_weights("rendered", "brightness"),
    jobs.config.has_stream("rendered", "brightness"),
    PATTERN,
]))
"""


@pytest.fixture(scope="module")
def copy(root, tmp_path_factory) -> Path:
    """The project with what the recipe's code blocks say, each where its step says."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("workflow", "config"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    recipe = (root / "CONTRIBUTING.md").read_text().partition("## Add a stream\n")[2]
    recipe = recipe.partition("\n## ")[0]
    blocks = re.findall(r"^   ```\w+\n(.*?)^   ```$", recipe, re.DOTALL | re.MULTILINE)
    *sources, line = (textwrap.dedent(block) for block in blocks)
    files = re.findall(r"Write `(workflow/fusevad/embed/streams/\w+/\w+\.py)`", recipe)
    for file, source in zip(files, sources, strict=True):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(source)
    (folder / files[0]).with_name("__init__.py").touch()
    registry = folder / "workflow/fusevad/embed/streams/registry.py"
    opening = "NAMES = (\n"
    assert opening in registry.read_text()
    registry.write_text(registry.read_text().replace(opening, f"{opening}    {line}"))
    return folder


def run(copy: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(copy / "workflow")}
    result = subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_plan_knows_the_stream_and_its_settings(copy):
    settings, index, weights, made, pattern = json.loads(run(copy, "-c", PLAN))
    assert settings == {"stream": "brightness", "every": 8}
    assert index == "results/rendered/embeddings/mean/brightness/index.csv"
    assert (weights, made) == ([], True)
    assert re.fullmatch(pattern, "brightness")


def test_its_first_version_is_recorded_and_its_settings_are_in_the_schema(copy):
    assert "recorded: stream brightness" in run(copy, *FUSEVAD, "versions", "--write").splitlines()
    run(copy, *FUSEVAD, "schemas")
    assert '"every"' in (copy / "workflow/schemas/config.schema.json").read_text()


def test_fusevad_embed_embeds_it(copy, tmp_path):
    path = write_video(tmp_path / "a.mp4", 20)
    write_table(
        tmp_path,
        "manifest",
        [("a", path, "train", "normal", 20, 20.0, 64, 48, sha256(path))],
    )
    (tmp_path / "settings.json").write_text(json.dumps({"stream": "brightness", "every": 8}))
    program = (
        "from pathlib import Path; from fusevad.embed.run import embed_shard;"
        "from fusevad.embed.streams.registry import parse_settings; import json;"
        f"folder = Path({str(tmp_path)!r});"
        "embed_shard(folder / 'manifest.csv', 0, 1,"
        " parse_settings(json.loads((folder / 'settings.json').read_text())),"
        " folder / 'shard-0.safetensors')"
    )
    run(copy, "-c", program)
    frames = [frame.mean() for frame in read_frames(path)]
    expected = [np.mean([frames[0], frames[8]]), frames[16]]
    found = load_file(tmp_path / "shard-0.safetensors")["a"]
    np.testing.assert_allclose(found[:, 0, 0], expected, rtol=1e-3)
