"""Documents of papers: the tables that are possible with a data set's streams."""

import pytest
import yaml

from fusevad.config.load import load
from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.models.pi_vad.settings import MODALITIES
from fusevad.plan.jobs import Jobs
from fusevad.plan.stages import plan
from fusevad.plan.study_jobs import StudyJobs

MOTION = "motion-T16-thr10"
AVADCLIP = [
    "avadclip-1",
    "avadclip-3",
    "avadclip-5",
    "avadclip-6",
    "avadclip-7",
    "avadclip-8",
    "avadclip-checks",
]
PIVAD = ["pivad-1", "pivad-3", "pivad-4", "pivad-5", "pivad-6", "pivad-checks"]


def with_streams(root, *roles: str, **changes) -> Config:
    """The default configuration with embeddings of others, of these streams beside the usual."""
    folder = root / "config"
    streams = {name: name for name in ("rgb", MOTION, *roles)}
    features = {"layout": "released", "folder": "features", "text_tower": "fusevad-small"}
    values = yaml.safe_load((folder / "config.yaml").read_text()) | changes
    return load(values | {"features": {"rendered": features | {"streams": streams}}}, folder)


def documents(config: Config) -> dict[str, list[str]]:
    return StudyJobs(Jobs(config)).documents


def test_with_all_streams_each_paper_has_its_tables_in_one_document(root):
    config = with_streams(root, "audio", *MODALITIES)
    assert documents(config) == {"avadclip": AVADCLIP, "pivad": PIVAD}
    jobs = plan(config).jobs
    assert list(jobs["tables/pivad"].inputs) == [f"results/{name}.tex" for name in PIVAD]
    assert jobs["tables/pivad"].outputs == ("results/pivad-tables.pdf",)
    for name in (*AVADCLIP, *PIVAD):
        assert f"report/{name}" in jobs


def test_a_table_whose_streams_a_data_set_lacks_is_left_out(root):
    assert documents(with_streams(root, "audio")) == {"avadclip": AVADCLIP}
    without_sound = documents(with_streams(root, *MODALITIES))
    assert without_sound == {"pivad": [name for name in PIVAD if name != "pivad-1"]}


def test_a_student_learns_from_its_teachers_run_and_from_its_streams(root):
    config = with_streams(root, "audio", *MODALITIES)
    jobs = plan(config).jobs
    student = jobs["train/rendered/avadclip-student"]
    assert any("runs/avadclip/weights/seed-0-validation" in path for path in student.inputs)
    assert any("/audio/" in path for path in student.inputs)
    assert any("/pose/" in path for path in jobs["train/rendered/pi-vad"].inputs)
    assert not any("/pose/" in path for path in jobs["train/rendered/ur-dmu"].inputs)


def test_events_are_read_where_a_table_shows_them(root):
    jobs = plan(with_streams(root, "audio", *MODALITIES)).jobs
    assert "results/rendered/runs/avadclip/localisation.csv" in jobs["report/avadclip-6"].inputs
    assert not any("localisation" in path for path in jobs["report/avadclip-1"].inputs)


def test_a_row_of_table_1_whose_stream_is_not_made_is_one_clear_line(root):
    table1 = ["image-only", "avadclip"]
    with pytest.raises(FusevadError, match="table1: experiment 'avadclip' needs stream audio, wh"):
        with_streams(root, table1=table1)


def test_a_stream_that_imported_features_lack_is_not_made_beside_them_and_one_line_says_so(root):
    folder = root / "config"
    features = {"layout": "vadclip", "folder": "features", "videos": True}
    values = yaml.safe_load((folder / "config.yaml").read_text())
    values |= {"datasets": ["xd-violence"], "features": {"xd-violence": features}}
    left = load(values | {"table1": ["image-only"], "table1_ours": []}, folder)
    assert left.lacking_streams("xd-violence", "avadclip") == ["audio"]
    assert not [name for name in plan(left).jobs if "avadclip" in name or "audio" in name]
    with pytest.raises(FusevadError, match=r"name its folder under `features.xd-violence.streams`"):
        load(values | {"table1": ["image-only", "avadclip"]}, folder)
