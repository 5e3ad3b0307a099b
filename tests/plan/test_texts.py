"""Texts of classes in the plan: made once a data set, with the tower of the features' encoder."""

import shutil
from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load
from fusevad.config.reading import merge
from fusevad.errors import FusevadError
from fusevad.plan.stages import plan

FEATURES = {"layout": "vadclip", "folder": "clip", "crops": [0]}


@pytest.fixture
def values(root, monkeypatch) -> dict:
    monkeypatch.chdir(root)
    return yaml.safe_load((root / "config" / "config.yaml").read_text())


def imported(values: dict, **more) -> dict:
    """The default configuration with features of its data set in place of embeddings."""
    return merge(values, {"features": {"rendered": FEATURES | more}, "table1": ["image-only"]})


def planned(values: dict):
    return plan(load(values, Path("config")))


def test_a_method_with_texts_reads_those_of_the_encoders_tower_and_the_row_without_none(values):
    jobs = planned(values).jobs
    file = "results/rendered/encoders/fusevad-small/class-texts.safetensors"
    assert jobs["train/rendered/vadclip"].reads["texts"] == [file]
    for name in ("vadclip.no-language", "image-only"):
        assert jobs[f"train/rendered/{name}"].reads["texts"] == []
    made = jobs["class-texts/rendered/fusevad-small.texts"]
    assert made.outputs == (file,)
    assert made.reads["weights"] == [made.settings["model"], made.settings["pretrained"]]


def test_other_names_of_classes_or_another_tower_train_again(values):
    whole = planned(values)
    steps = whole.lineage(whole.jobs["train/rendered/vadclip"])
    assert {"class-texts/rendered/fusevad-small.texts", "manifest/rendered"} <= set(steps)
    alone = whole.lineage(whole.jobs["train/rendered/vadclip.no-language"])
    assert "class-texts/rendered/fusevad-small.texts" not in alone


def test_imported_features_need_the_name_of_their_text_tower(values):
    without = planned(imported(values))
    assert "train/rendered/vadclip" not in without.jobs
    assert "train/rendered/vadclip.no-language" in without.jobs
    with pytest.raises(FusevadError, match=r"a text tower or .* that the configuration lacks"):
        without.inputs("train/rendered/vadclip")
    # Tables leave the rows out that nobody can train.
    shown = [file for file in without.jobs["report/baselines"].inputs if "/vadclip" in file]
    assert {file.split("/")[3] for file in shown} == {"vadclip.no-language"}
    named = planned(imported(values, text_tower="vit-b-16"))
    file = "results/rendered/encoders/vit-b-16/class-texts.safetensors"
    assert named.jobs["train/rendered/vadclip"].reads["texts"] == [file]
    assert named.jobs["class-texts/rendered/vit-b-16.texts"].settings["pretrained"] == "openai"


def test_a_row_that_needs_the_text_tower_of_imported_features_is_one_line(values):
    over = imported(values) | {"table1": ["vadclip"]}
    with pytest.raises(FusevadError, match=r"features\.rendered: text_tower: missing.*'vadclip'"):
        load(over, Path("config"))
    with pytest.raises(FusevadError, match="nonsense"):
        planned(imported(values, text_tower="nonsense"))


def test_events_are_not_localised_where_no_interval_is_known(values, tmp_path):
    assert "localise/rendered/vadclip" in planned(values).jobs
    shutil.copytree("config", tmp_path / "config")
    file = tmp_path / "config" / "datasets" / "rendered.yaml"
    file.write_text(file.read_text().replace("metrics: [AUC, AP, Ano-AUC]", "metrics: [Video-AUC]"))
    jobs = plan(load(values, tmp_path / "config")).jobs
    assert "train/rendered/vadclip" in jobs and "localise/rendered/vadclip" not in jobs
