"""Every command of the documentation, run or planned in a copy of the project.

Commands in code blocks and in `spans` are collected. Of `fusevad`, `dvc` and `make` the verb, its
options and arguments are read by the program's own parser; of `snakemake` also all targets of a
configuration are planned, in one dry run for each configuration.
"""

import re
import shlex
import textwrap
from collections import defaultdict
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from dvc.cli.parser import get_main_parser
from snakemake.cli import parse_args
from snakemake.exceptions import CliException

from fusevad.cli import app
from fusevad.config.command_line import check_command_line
from fusevad.errors import FusevadError

from .conftest import ROOT
from .workflow_runs import copy_project, run

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PROGRAMS = ("snakemake", "fusevad", "make", "dvc", "pytest", "python")
# What readers put in place of words in capitals.
STAND_FOR = {"NAME": "ucf-crime", "REV": "HEAD"}
# And an experiment that CONTRIBUTING has them write (tests/models/test_add_a_method.py).
TARGETS_STAND_FOR = {"NAME": "table8", "mean-fusion": "image-only"}


@dataclass(frozen=True)
class Command:
    """A command as it stands on a page; `whole` is false for one that a sentence mentions."""

    page: str
    text: str
    whole: bool

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def commands(page: Path) -> list[Command]:
    """Commands of a page: lines of fenced and of indented blocks, and spans of a sentence."""
    text = page.read_text()
    fenced = "\n".join(re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE))
    rest = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    indented = "\n".join(re.findall(r"^ {4,}(\S.*)$", rest, re.MULTILINE))
    lines = f"{fenced}\n{indented}".replace("\\\n", " ").splitlines()
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]
    name = str(page.relative_to(ROOT))
    found = [(line.strip(), True) for line in lines] + [(span, False) for span in spans]
    return [
        Command(name, *each) for each in found if re.match(rf"({'|'.join(PROGRAMS)}) ", each[0])
    ]


COMMANDS = [command for page in PAGES for command in commands(page)]


def of(program: str) -> list[Command]:
    return [command for command in COMMANDS if command.words[0] == program]


def filled(words: list[str], names: dict[str, str]) -> list[str]:
    """The words with those in capitals filled in."""
    pattern = re.compile("|".join(rf"\b{name}\b" for name in names))
    return [pattern.sub(lambda match: names[match[0]], word) for word in words]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project, with the configurations that pages tell readers to write."""
    folder = copy_project(ROOT, tmp_path_factory.mktemp("documented"))
    for page in PAGES:
        for block in re.findall(r"^ +# \w+\.yaml\n(?:^ +.*\n)+", page.read_text(), re.MULTILINE):
            text = textwrap.dedent(block)
            (folder / text.splitlines()[0].removeprefix("# ")).write_text(text)
    return folder


def test_commands_are_found_in_blocks_and_in_sentences():
    assert {command.page for command in COMMANDS} >= {"README.md", "docs/surveillance-fight.md"}
    assert {command.whole for command in COMMANDS} == {True, False}
    assert {program for program in PROGRAMS if of(program)} == set(PROGRAMS)


@pytest.mark.parametrize("command", of("fusevad"), ids=str)
def test_fusevad_takes_the_words(command, project, monkeypatch):
    monkeypatch.chdir(project)
    words = filled(command.words[1:], STAND_FOR)
    group = typer.main.get_command(app)
    if words in (["--help"], ["--version"], ["--install-completion"]):
        return
    assert words[0] in group.commands, f"no such verb: {words[0]}"
    if not command.whole and len(words) == 1:
        return  # A sentence names the verb alone; a line in a block is to be typed as it stands.
    group.commands[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("command", of("make"), ids=str)
def test_make_has_the_target(command):
    text = (ROOT / "Makefile").read_text()
    known = re.findall(r"^([\w-]+):|^(\w+) \??:?=", text, re.MULTILINE)
    targets, variables = ({name for name in names if name} for names in zip(*known, strict=True))
    assert {word for word in command.words[1:] if "=" not in word} <= targets
    assert {word.partition("=")[0] for word in command.words[1:] if "=" in word} <= variables


@pytest.mark.parametrize("command", of("dvc"), ids=str)
def test_dvc_takes_the_words(command):
    get_main_parser().parse_args(filled(command.words[1:], STAND_FOR))


@pytest.mark.parametrize("command", [*of("pytest"), *of("python")], ids=str)
def test_the_file_is_there(command):
    assert (ROOT / command.words[1]).exists()


def planned(command: Command) -> tuple[tuple[str, ...], list[str]]:
    """The configuration of a command of snakemake, and its targets; none for reports and checks."""
    words = filled(command.words[1:], TARGETS_STAND_FOR)
    check_command_line(words)
    _, options = parse_args(words)
    if options.report is not None or options.lint or options.touch:
        return (), []
    return tuple(map(str, options.configfile)), options.targets or ["all"]


def lacks_its_executor(command: Command) -> bool:
    """Snakemake reads the options of a profile only where its executor is installed."""
    return "profiles/slurm" in command.words and not find_spec("snakemake_executor_plugin_slurm")


@pytest.mark.parametrize("command", of("snakemake"), ids=str)
def test_snakemake_takes_the_words(command, project, monkeypatch):
    if lacks_its_executor(command):
        pytest.skip("needs make env EXTRAS=slurm")
    monkeypatch.chdir(project)
    planned(command)


@pytest.mark.parametrize(
    "text",
    [
        "snakemake --cores all --configfile config/tiny.yaml results/tiny/table1.tex",
        "snakemake --cores all --configfile config/tiny.yaml --configfile config/paper.yaml",
        "snakemake --cores all --resources mem_mb=20000 results/table1.tex",
        "snakemake --coers all results/table1.tex",
    ],
)
def test_a_command_that_would_do_something_else_is_noticed(text, project, monkeypatch):
    monkeypatch.chdir(project)
    with pytest.raises((FusevadError, CliException, ValueError, SystemExit)):
        planned(Command("a page", text, whole=True))


@pytest.mark.slow
@pytest.mark.parametrize("program", [("snakemake", "--dry-run"), ("fusevad", "pull")])
def test_both_programs_refuse_a_second_configfile_in_one_line(program, project):
    over = ("--configfile", "config/tiny.yaml", "--configfile", "config/paper.yaml")
    result = run(project, *program, "results/table1.tex", *over, check=False)
    assert result.returncode
    printed = (result.stdout + result.stderr).splitlines()
    lines = [line for line in printed if "--configfile is given twice" in line]
    assert len(lines) == 1
    assert lines[0].endswith("write --configfile config/tiny.yaml config/paper.yaml")


@pytest.mark.slow
def test_snakemake_plans_all_targets_of_every_configuration(project, monkeypatch):
    monkeypatch.chdir(project)
    targets: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for command in of("snakemake"):
        if lacks_its_executor(command):
            continue
        configuration, found = planned(command)
        # The recipe's own method is planned by the test that follows the recipe.
        targets[configuration] |= {target for target in found if "mean-fusion" not in target}
    assert () in targets and ("config/surveillance-fight.yaml",) in targets
    for configuration, found in targets.items():
        over = ("--configfile", *configuration) if configuration else ()
        if found:
            run(project, "snakemake", *sorted(found), "--dry-run", "--quiet", "all", *over)
