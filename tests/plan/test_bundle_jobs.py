"""The run that a bundle is made of, by its folder."""

from pathlib import Path

import pytest

from fusevad.config.load import load_files
from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.plan.bundle_jobs import bundle_of_run

RUN = Path("results/rendered/runs/student-t")
SCORES = Path("results/rendered/studies/normal-scores/student-t.parquet")


@pytest.fixture(scope="module")
def config(root: Path) -> Config:
    """The default configuration."""
    return load_files([], root / "config")


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    """A working directory in which normal videos have been scored."""
    monkeypatch.chdir(tmp_path)
    SCORES.parent.mkdir(parents=True)
    SCORES.touch()
    RUN.mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("written", [str(RUN), f"{RUN}/", f"./{RUN}", f"results/../{RUN}"])
def test_a_run_is_known_however_its_path_is_written(config, results, written):
    for path in (Path(written), results / written):
        assert bundle_of_run(config, path)["experiment"] == "student-t"


def test_each_wrong_path_says_what_is_wrong_with_it(config, results):
    def said(path: str) -> str:
        with pytest.raises(FusevadError) as caught:
            bundle_of_run(config, Path(path))
        return str(caught.value)

    assert "no such folder" in said("results/rendered/runs/studnet-t")
    assert "not the folder of a finished run" in said("results/rendered")
    other = results / "elsewhere/runs/student-t"
    other.mkdir(parents=True)
    (other / "history.csv").touch()
    assert "name the --configfile" in said(str(other))
    assert "add it to config/tables/alarms.yaml" in said("results/rendered/runs/concat.searched")


def test_without_scores_of_normal_videos_the_target_that_makes_them_is_named(config, results):
    SCORES.unlink()
    with pytest.raises(FusevadError, match=r"run: snakemake .* results/rendered/bundles/student"):
        bundle_of_run(config, RUN)
