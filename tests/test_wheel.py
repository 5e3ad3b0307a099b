"""The package without its repository: a wheel in an environment of its own, in an empty folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.made_up_bundles import make_bundle_file
from tests.made_up_videos import write_video

from .conftest import ROOT

pytestmark = pytest.mark.slow


def call(*words: object, folder: Path) -> str:
    """What a command prints, in a folder and without this test's own package on the path."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [str(word) for word in words], cwd=folder, env=variables, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Folder of the commands of an environment with our wheel, and with our dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        ROOT / "workflow",
        source / "workflow",
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "rules", "report"),
    )
    shutil.copytree(ROOT / "workflow/fusevad/report", source / "workflow/fusevad/report")
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    uv = shutil.which("uv", path=Path(sys.executable).parent) or "uv"
    offline = ("--offline", "--no-build-isolation", "--python", sys.executable)
    call(uv, "build", "--wheel", *offline, "--out-dir", folder, source, folder=folder)
    call(sys.executable, "-m", "venv", "--without-pip", folder / "venv", folder=folder)
    python = folder / "venv/bin/python"
    (wheel,) = folder.glob("*.whl")
    call(uv, "pip", "install", "--offline", "--no-deps", "--python", python, wheel, folder=folder)
    # The packages that `pip install` would bring; their own .pth files, such as that of an editable
    # FuseVAD, are not read from here.
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    purelib = call(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder
    )
    (Path(purelib.strip()) / "dependencies.pth").write_text("\n".join(paths))
    return python.parent


def test_the_wheel_scores_a_video_where_no_repository_is(installed, tmp_path):
    place = call(installed / "python", "-c", "import fusevad; print(fusevad)", folder=tmp_path)
    assert str(installed.parent) in place
    bundle = make_bundle_file(tmp_path).file
    write_video(tmp_path / "a.mp4", frames=40)
    call(
        installed / "fusevad", "score", "a.mp4", "--model", bundle, "--out", "out", folder=tmp_path
    )
    assert {path.name for path in (tmp_path / "out/a").iterdir()} >= {"events.json", "segments.csv"}


def test_every_file_of_the_package_is_in_the_wheel(installed):
    (package,) = installed.parent.glob("lib/python*/site-packages/fusevad")
    names = {
        path.relative_to(ROOT / "workflow/fusevad")
        for path in (ROOT / "workflow/fusevad").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names
    assert not [name for name in sorted(names) if not (package / name).is_file()]


def test_the_package_s_metadata_asks_for_all_that_it_imports(installed, tmp_path):
    program = (
        "import fusevad.cli.machine as m, importlib.metadata as i;"
        "print(*sorted(i.requires('fusevad')), sep='\\n')"
    )
    asked = call(installed / "python", "-c", program, folder=tmp_path)
    assert "torch<3,>=2.8" in asked and "typer>=0.15" in asked
    for forbidden in ("snakemake", "pytest", "moto"):
        assert forbidden not in asked
