"""Hyperparameters of the baselines: what they share with other methods, and what not."""

from dataclasses import fields

import pytest
import yaml

from fusevad.models.registry import METHODS, find, own
from fusevad.train.settings import train_settings

BASELINES = sorted(
    name for name, method in METHODS.items() if ".baselines." in method.implementation
)
PAGES = (*BASELINES, "avadclip", "pi-vad")
# Of all methods, and of no paper.
OURS = {"background", "background_share"}
SHARED = ("paper", "released", "rendered", "tiny")


def values(root, name: str) -> dict:
    return yaml.safe_load((root / f"config/hyperparameters/{name}.yaml").read_text())["all"]


@pytest.mark.parametrize("method", BASELINES)
@pytest.mark.parametrize("name", SHARED)
def test_a_set_that_all_methods_share_changes_no_baseline_but_its_highest_segments(
    root, method, name
):
    shared = values(root, name)
    assert own(method, "model", shared.get("model", {})) == {}
    assert own(method, "loss", shared.get("loss", {})).keys() <= {"top_k_divisor"}


@pytest.mark.parametrize("method", BASELINES)
def test_a_baselines_own_set_has_all_its_settings_and_is_that_of_its_native_experiment(
    root, method
):
    own_set = values(root, method)
    settings = train_settings(own_set | {"method": method}, method)
    for section in ("model", "loss"):
        names = {field.name for field in fields(getattr(find(method), section))}
        assert own_set[section].keys() == names - OURS
    assert settings.batch_size % 2 == 0
    experiments = yaml.safe_load((root / "config/experiments/baselines.yaml").read_text())
    native = experiments[f"{method}.native"]
    assert (native["method"], native["hyperparameters"]) == (method, method)


@pytest.mark.parametrize("method", PAGES)
def test_every_detector_of_a_paper_has_a_page_with_the_same_headings(docs, method):
    lines = (docs / "methods" / f"{method}.md").read_text().splitlines()
    assert [line[3:] for line in lines if line.startswith("## ")] == [
        "What the paper says",
        "What its code does",
        "What we do and why",
        "Numbers",
        "How to run it alone",
    ]
