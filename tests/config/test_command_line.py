"""The same words after --configfile and --config are one configuration, to both commands."""

import contextlib
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_args, parse_config
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from fusevad.config.command_line import check_command_line, overrides, values_of
from fusevad.config.load import load, load_files
from fusevad.config.names import configuration_name
from fusevad.errors import FusevadError


@pytest.fixture
def project(root, tmp_path):
    """A folder from which the project's configuration is read, with files to lay over it."""
    (tmp_path / "config").symlink_to(root / "config")
    files = {
        "fast.yaml": "hyperparameters: {base: rendered, epochs: 3, learning_rate: 5e-4}\n",
        "more.yaml": "hyperparameters: {epochs: 4, model: {nu: 4}}\nadd: {table1: [learned-nu]}\n",
        "paper.yaml": "hyperparameters: paper\nseeds: [3]\n",
        "cues.yaml": "cues: {windows: [8, 16]}\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with contextlib.chdir(tmp_path):
        yield tmp_path


def as_snakemake_reads(folder, words):
    """The configuration of the Snakefile, put together by Snakemake's own functions."""
    _, options = parse_args(["--cores", "1", "results/table1.tex", *words])
    values = load_configfile(folder / "config/config.yaml")
    for path in options.configfile:
        update_config(values, load_configfile(path))
    over = parse_config(options.config) if options.config else {}
    update_config(values, over)
    name = configuration_name(options.configfile, over, values.get("name"))
    return load(values, folder / "config", name)


def as_fusevad_reads(folder, words):
    found, _ = values_of(words)
    files = [Path(value) for values in found["--configfile"] for value in values]
    pairs = [value for values in found["--config"] for value in values]
    return load_files(files, folder / "config", pairs)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--configfile fast.yaml",
        "--configfile fast.yaml more.yaml",
        "--configfile more.yaml fast.yaml",
        "--configfile paper.yaml more.yaml",
        "--configfile more.yaml paper.yaml cues.yaml",
        "--configfiles paper.yaml",
        "--config seeds=[0,1]",
        "--config seeds=[0,1] protocol=last --configfile fast.yaml",
        "--config add={table1:[learned-nu],seeds:[10]}",
        "--config hyperparameters=null",
        "--configfile paper.yaml --config hyperparameters=tiny",
        "--config motion_cue={window:8} cues={windows:[8],thresholds:[10]}",
    ],
)
def test_the_same_words_are_the_same_configuration(project, line):
    words = [word.replace(":", ": ").replace(",", ", ") for word in line.split()]
    assert as_fusevad_reads(project, words) == as_snakemake_reads(project, words)


def test_each_of_these_words_counts(project):
    words = ["--configfile", "fast.yaml", "more.yaml", "--config", "seeds=[7]"]
    config = as_fusevad_reads(project, words)
    assert config.seeds == (7,)
    assert config.table1[-1] == "learned-nu"
    settings = config.train_settings("rendered", "student-t")
    assert (settings["epochs"], settings["learning_rate"]) == (4, 5e-4)
    assert settings["model"]["nu"] == 4 and settings["batch_size"] == 16


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--configfile fast.yaml --configfile more.yaml", "write --configfile fast.yaml more.yaml"),
        ("--configfile=fast.yaml --configfile more.yaml", "given twice"),
        ("--configfile fast.yaml --configfiles more.yaml", "given twice"),
        ("-Cseeds=[0] -Cseeds=[1]", "given twice"),
        ("-Cseeds=[0] --config seeds=[1]", "given twice"),
        ("--config seeds=[0] --config protocol=last", r"write --config seeds=\[0\] protocol=last"),
        ("--config seeds=[0] seeds=[1]", "seeds is given twice"),
        ("-nC seeds=[0] --config protocol=last", "given twice"),
        ("-npCseeds=[0] -C protocol=last", "given twice"),
        ("--configfile fast.yaml results/table1.tex", "results/table1.tex: .*name targets first"),
        ("--configfile fast.yaml all", "--configfile all: .*name targets first"),
        ("--configfile fast.yaml results/metrics.json", "name targets first"),
        ("--configfile missing.yaml", "missing.yaml: no such file"),
        ("--configfile", "name at least one file"),
        ("--config seeds=[0", r"--config seeds=\[0: not valid YAML"),
        ("--config results/table1.tex", "results/table1.tex: not key=value"),
        (
            "--config hyperparameters.model.nu=4",
            r"a key has no dots; write 'hyperparameters=\{model: \{nu: 4\}\}'",
        ),
    ],
)
def test_what_would_run_something_else_in_silence_is_one_line(project, line, message):
    with pytest.raises(FusevadError, match=message) as error:
        check_command_line(line.split())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("line", ["results/table1.tex --configfile fast.yaml more.yaml -n", ""])
def test_targets_first_and_files_last_is_the_form_that_works(project, line):
    check_command_line(line.split())


@pytest.mark.parametrize(
    "words", ["-nC seeds=[0]", "-npCseeds=[0]", "-C seeds=[0] -n", "-sC", "-dCases"]
)
def test_short_options_that_are_written_together_are_read_as_snakemake_does(words):
    _, options = parse_args(["--cores", "1", *words.split()])
    found, others = values_of(words.split())
    assert found["--config"] == ([options.config] if options.config else [])
    assert options.dryrun == any(word.startswith("-n") for word in others)


@pytest.mark.parametrize("pair", ["seeds", "=1", "se-eds=1", "seeds=[0", "seeds={a: 1, a: 2}"])
def test_a_value_that_is_none_is_one_line(pair):
    with pytest.raises(FusevadError, match="--config ") as error:
        overrides([pair])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("seeds=3", r"seeds: 3: input should be a list, as in \[0, 1\]; correct the value"),
        ("seeds=0,1", r"seeds: '0,1': input should be a list, as in \[0, 1\]; correct the value"),
        ("cues=8", r"cues: 8: input should be a mapping, as in \{key: value\}; correct the value"),
    ],
)
def test_a_wrong_shape_is_named_in_the_words_of_yaml(project, pair, message):
    with pytest.raises(FusevadError, match=message):
        as_fusevad_reads(project, ["--config", pair])


def test_aliases_that_multiply_on_the_command_line_are_one_line(project):
    """Eight levels of ten: the values written out would be ten million."""
    levels = ["&a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefg", "bcdefgh", strict=True):
        levels.append(f"&{name} [{', '.join([f'*{before}'] * 10)}]")
    with pytest.raises(FusevadError, match=r"--config add=.*aliases multiply") as caught:
        check_command_line(["--config", f"add=[{', '.join(levels)}]"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", ["--configfile", "--config", "-C"])
@pytest.mark.parametrize("word", ["- z.yaml", "-", "-1", "-.5", "-z \n.yaml", "- a=1"])
def test_a_value_that_looks_like_an_option_is_one_line(option, word):
    """Snakemake takes it for a file, which nobody would have looked into."""
    with pytest.raises(FusevadError, match="begins with a dash and is no option"):
        values_of([option, "a.yaml", word])
    assert values_of([option, "a=1", "--cores", "1"])[1] == ["--cores", "1"]


def test_a_configuration_that_is_a_program_is_refused(project):
    program = "__use_yte__: true\n?open('ran', 'w').name: 1\n"
    (project / "program.yaml").write_text(program)
    (project / "merged.yaml").write_text("<<: {__use_yte__: true}\n")
    for name in ("program.yaml", "merged.yaml"):
        with pytest.raises(FusevadError, match=f"{name}: with __use_yte__ Snakemake would run"):
            check_command_line(["--configfile", name])
    (project / "config").unlink()
    (project / "config").mkdir()
    (project / "config/config.yaml").write_text(program)
    with pytest.raises(FusevadError, match=r"config/config\.yaml: with __use_yte__"):
        check_command_line(["results/table1.tex"])
    assert not (project / "ran").exists()


@pytest.mark.parametrize("name", [3, {"a": 1}, ["a"], True])
def test_a_name_that_is_no_text_is_one_line(name):
    with pytest.raises(FusevadError, match="no word"):
        configuration_name([], {"name": name}, name)


def test_text_that_is_no_yaml_is_text_in_the_name_of_a_configuration():
    texts = ["[" * 5000, "a: b: c", "&a [*a]"]
    assert len({configuration_name([], {"protocol": text}) for text in texts}) == len(texts)


def test_a_key_given_twice_is_seen_although_snakemake_drops_one(project):
    (project / "twice.yaml").write_text("seeds: [1]\nseeds: [2]\n")
    assert yaml.safe_load((project / "twice.yaml").read_text()) == {"seeds": [2]}
    with pytest.raises(FusevadError, match=r"twice\.yaml: .*key 'seeds' is given twice"):
        check_command_line(["--configfile", "twice.yaml"])


def test_a_folder_on_whose_name_snakemake_fails_is_named(tmp_path, monkeypatch):
    (tmp_path / "a{b}").mkdir()
    monkeypatch.chdir(tmp_path / "a{b}")
    with pytest.raises(FusevadError, match=r"a\{b\}: has braces"):
        check_command_line(["results/table1.tex"])
