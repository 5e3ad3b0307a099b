"""Where a configuration's results go: a folder of its name, and never the default's."""

from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load, load_files
from fusevad.config.names import configuration_name
from fusevad.config.reading import merge
from fusevad.errors import FusevadError
from fusevad.plan.stage import SHARED_UNITS
from fusevad.plan.stages import plan


def _name(*files: str, named: str | None = None, **over: object) -> str:
    return configuration_name([Path(file) for file in files], over, named)


def test_the_default_configuration_has_no_folder_of_its_own():
    whole = str(Path.cwd() / "config/config.yaml")
    assert _name() == _name("config/config.yaml") == _name(whole) == ""
    assert _name("config/config.yaml", seeds=[5]) == _name(seeds=[5])


@pytest.mark.parametrize(
    ("files", "over"),
    [
        (["elsewhere/config.yaml"], {}),
        (["config/tiny.yaml", "config/config.yaml"], {}),
        ([], {"name": "config", "seeds": [5]}),
        ([], {"name": None, "seeds": [5]}),
        ([], {"name": "", "seeds": [5]}),
    ],
)
def test_nothing_else_writes_into_the_results_of_the_default_configuration(files, over):
    with pytest.raises(FusevadError, match=r"rename it|correct it|name it first"):
        _name(*files, named=over.get("name"), **over)
    assert _name(*files, seeds=[5]) != "" != _name(*files, named="mine", name="mine", seeds=[5])


def test_keys_that_yaml_reads_as_no_text_have_a_name_too():
    names = [_name(data_root={key: "a", "msad": "b"}) for key in (1, True, None)]
    assert len(set(names)) == len(names)


def test_the_last_file_or_the_key_names_a_configuration():
    assert _name("config/tiny.yaml") == "tiny"
    assert _name("config/paper.yaml", "mine.yaml") == "mine"
    assert _name("config/paper.yaml", named="careful") == "careful"


def test_values_on_the_command_line_never_share_a_folder_with_other_values():
    names = [
        _name(),
        _name("tiny.yaml"),
        _name("tiny.yaml", named="careful", seeds=[0]),
        _name(seeds=[0]),
        _name(seeds=[0, 1]),
        _name("tiny.yaml", seeds=[0]),
        _name("tiny.yaml", seeds=[1]),
    ]
    assert len(set(names)) == len(names)
    assert _name(seeds=[0]) == _name(seeds=[0])
    assert _name("tiny.yaml", named="look", name="look", seeds=[0]) == "look"


@pytest.mark.parametrize("name", ["settings", "figures", "Mine", "a b", "../x"])
def test_names_that_are_no_folder_of_their_own_are_refused(name):
    with pytest.raises(FusevadError, match="rename it"):
        _name(f"{name}.yaml", named=name)


@pytest.fixture
def values(root, monkeypatch) -> dict:
    monkeypatch.chdir(root)
    return yaml.safe_load(Path("config/config.yaml").read_text())


@pytest.mark.parametrize("over", [{}, {"seeds": [0, 1]}, {"hyperparameters": {"epochs": 1}}])
def test_two_configurations_share_data_and_replace_nothing_of_each_other(values, over):
    default = plan(load(values, Path("config")))
    other = plan(load(merge(values, over), Path("config"), "look"))
    own = {path for job in other.jobs.values() for path in job.outputs if "results/look/" in path}
    shared = {
        path
        for job in other.jobs.values()
        for path in job.outputs
        if job.unit in SHARED_UNITS and default.producer(path)
    }
    made = {path for job in other.jobs.values() for path in job.outputs}
    assert made == own | shared
    assert not own & {path for job in default.jobs.values() for path in job.outputs}
    for path in shared:
        first, second = default.producer(path), other.producer(path)
        assert default.settings_file(first) == other.settings_file(second)


def test_settings_files_of_two_configurations_are_not_taken_for_one_job(values):
    """`adopt` removes other settings files of the same job."""
    default = plan(load(values, Path("config")))
    other = plan(load(merge(values, {"seeds": [0]}), Path("config"), "look"))
    job = "train/rendered/student-t"
    first, second = (each.settings_file(each.jobs[job]) for each in (default, other))
    assert first.rsplit(".", 2)[0] != second.rsplit(".", 2)[0]


def test_a_file_of_another_configuration_is_refused_with_the_right_one(values):
    tiny, default = plan(load_files([Path("config/tiny.yaml")])), plan(load_files([]))
    with pytest.raises(FusevadError, match=r"'tiny' it is results/tiny/table1\.tex"):
        tiny.check_targets(["-n", "results/table1.tex"])
    with pytest.raises(FusevadError, match=r"default configuration it is results/table1\.tex"):
        default.check_targets(["results/tiny/table1.tex"])
    with pytest.raises(FusevadError, match="results/tiny/rendered-tiny/runs/gating"):
        tiny.check_targets(["results/rendered-tiny/runs/gating"])
    tiny.check_targets(["results/tiny/table1.tex", "results/rendered-tiny/manifest.csv", "all"])
    default.check_targets(["results/table1.tex", "results/rendered/runs/gating/seeds.csv"])
    default.check_targets(["results/rendered/runs/gating/"])


def test_a_name_that_no_disk_takes_is_one_line_before_it_is_in_every_path(root):
    with pytest.raises(FusevadError, match="a name of 1000000 characters; shorten it") as error:
        load_files([], root / "config", pairs=[f"name={'x' * 1_000_000}"])
    assert len(str(error.value)) < 300
