"""Commands whose libraries are imported before they start do what the installed ones do."""

import json
from pathlib import Path

import pytest

from tests.workflow_runs import copy_project, run


@pytest.fixture(scope="module")
def project(root, tmp_path_factory) -> Path:
    return copy_project(root, tmp_path_factory.mktemp("preloaded"))


@pytest.mark.parametrize(
    "command",
    [
        "fusevad --help",
        "fusevad nonsense",
        "fusevad render out --settings missing.yaml",
        "fusevad train --manifest no.csv --stream rgb=a --settings {} out",
        "fusevad versions",
        "snakemake --list-rules",
    ],
)
def test_words_and_status_are_those_of_the_installed_command(project, command):
    found, expected = (
        run(project, *command.split(), check=False, as_installed=installed)
        for installed in (False, True)
    )
    assert (found.returncode, found.stdout) == (expected.returncode, expected.stdout)
    assert found.stderr == expected.stderr


PROBE = """
import json, os, socket, sys
from fusevad.cli.app import app

@app.command()
def probe() -> None:
    try:
        socket.create_connection(("192.0.2.1", 9))
    except OSError as error:
        refused = str(error)
    print(json.dumps([os.getcwd(), "torch" in sys.modules, refused, sys.stdin.read()]))

@app.command()
def die() -> None:
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def probed(root, tmp_path) -> Path:
    """A copy of the project whose own package has two verbs more."""
    folder = copy_project(root, tmp_path)
    with (folder / "workflow/fusevad/cli/__init__.py").open("a") as file:
        file.write(PROBE)
    return folder


def test_it_runs_the_package_of_its_copy_in_the_folder_and_streams_of_its_caller(probed):
    (probed / "config/said").write_text("said")
    said = run(probed, "bash", "-c", "cd config && fusevad probe < said").stdout
    assert json.loads(said) == [
        str(probed / "config"),
        True,
        "network is blocked in this test",
        "said",
    ]


def test_a_command_that_is_killed_fails(probed):
    killed = run(probed, "fusevad", "die", check=False)
    assert killed.returncode == 1
    assert "killed" in killed.stderr
