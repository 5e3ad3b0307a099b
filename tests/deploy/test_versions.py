"""Which code a score depends on, and runs that learned from what other code made."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fusevad.config.load import load_files
from fusevad.deploy.versions import check_learned, code_versions
from fusevad.embed.streams.registry import KINDS
from fusevad.errors import FusevadError
from fusevad.models.registry import METHODS
from fusevad.plan.records import Record
from fusevad.plan.stage import STAGES
from fusevad.plan.stages import plan

RUN = "train/rendered/student-t"
STREAMS = ("rgb", "motion-T16-thr10")


def record_of_run(root: Path) -> Record:
    """What the record of a run of the default configuration says, made by the code of now."""
    whole = plan(load_files([], root / "config"))
    return Record(RUN, "train", whole.lineage(whole.jobs[RUN]), {}, {}, {})


def test_motion_cues_count_for_streams_that_are_made_from_them():
    assert code_versions("student-t", STREAMS)["cues"] == STAGES["cues"].version
    assert "cues" not in code_versions("mil", ["rgb"])


@pytest.mark.parametrize(
    ("registry", "name", "said"),
    [
        (STAGES, "cues", "cues"),
        (STAGES, "embed", "embed"),
        (METHODS, "student-t", "method student-t"),
    ],
)
def test_a_run_that_learned_from_what_other_code_made_is_one_line(
    root, monkeypatch, registry, name, said
):
    record = record_of_run(root)
    check_learned(code_versions("student-t", STREAMS), record)
    monkeypatch.setitem(registry, name, replace(registry[name], version=99))
    with pytest.raises(FusevadError, match=rf"{RUN}: made by other code: {said} had version \d"):
        check_learned(code_versions("student-t", STREAMS), record)


def test_a_run_of_an_older_kind_of_stream_is_one_line(root, monkeypatch):
    record = record_of_run(root)
    monkeypatch.setattr(KINDS["motion"], "version", 99)
    line = "stream motion had version 1, and has 99; run the workflow again"
    with pytest.raises(FusevadError, match=re.escape(line)):
        check_learned(code_versions("student-t", STREAMS), record)


@pytest.mark.parametrize("step", [{"stage": "cues"}, {"stage": "embed", "settings": {}}])
def test_a_step_of_a_strange_record_that_lacks_its_facts_is_one_line(root, step):
    record = replace(record_of_run(root), lineage={"x": step})
    with pytest.raises(FusevadError, match=r"cues had version None|unknown"):
        check_learned(code_versions("student-t", STREAMS), record)
