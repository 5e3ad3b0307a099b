"""What `fusevad` says of itself: groups, examples that parse, the version."""

import shlex

import pytest
import typer
from typer.testing import CliRunner

import fusevad
from fusevad.cli import app
from fusevad.cli.app import DATA, OWN, RESULTS, RUN, STAGES

GROUP = typer.main.get_command(app)
VERBS = {name: each for name, each in GROUP.commands.items() if not each.hidden}


def said(*words: str) -> str:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return result.output


def test_the_version_is_the_package_s():
    assert said("--version") == f"fusevad {fusevad.__version__}\n"


def test_the_list_of_verbs_is_grouped_by_what_people_want_with_their_own_videos_first():
    text = said("--help")
    places = [text.index(group) for group in (OWN, RESULTS, DATA, RUN, STAGES)]
    assert places == sorted(places)
    own = text[places[0] : places[1]]
    assert {"score", "bundle", "calibrate", "init-dataset"} <= set(own.split())
    assert "merge-records" not in text


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb_ends_with_an_example_that_the_verb_takes(name):
    words = shlex.split(VERBS[name].epilog.removeprefix("Example: "))
    assert words[:2] == ["fusevad", name]
    VERBS[name].make_context(name, words[2:])
    assert words[1] in said(name, "--help").split(" Example: ")[-1]


def test_the_shell_completes_verbs():
    variables = {
        "_FUSEVAD_COMPLETE": "complete_bash",
        "COMP_WORDS": "fusevad init",
        "COMP_CWORD": "1",
    }
    result = CliRunner().invoke(app, [], env=variables, prog_name="fusevad")
    assert result.output.split() == ["init-dataset"]
