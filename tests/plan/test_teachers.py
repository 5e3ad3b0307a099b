"""A teacher in the configuration: an input of its student's job, in Snakemake, lineage and DVC."""

import shutil
from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs
from fusevad.plan.stages import plan

STUDENT = "student: {label: Student, method: image-only-distilled, teacher: student-t}\n"


@pytest.fixture
def folder(root, tmp_path, monkeypatch) -> Path:
    """A copy of config/, in which the configuration is loaded."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(root / "config", "config"))


def configuration(folder: Path, experiments: str, **over):
    (folder / "experiments" / "mine.yaml").write_text(experiments)
    return load(yaml.safe_load((folder / "config.yaml").read_text()) | over, folder)


def test_a_student_depends_on_the_weights_of_its_teacher_seed_by_seed(folder):
    jobs = plan(configuration(folder, STUDENT, seeds=[3, 5]))
    student, teacher = (jobs.jobs[f"train/rendered/{name}"] for name in ("student", "student-t"))
    taught = {path for path in student.inputs if path in teacher.outputs}
    assert taught == {
        f"results/rendered/runs/student-t/weights/seed-{seed}-validation.safetensors"
        for seed in (3, 5)
    }
    assert teacher in jobs.upstream(student)
    assert "train/rendered/student-t" in jobs.lineage(student)


def test_other_settings_of_a_teacher_are_another_lineage_of_its_student(folder):
    first = plan(configuration(folder, STUDENT))
    changed = "gentle: {label: Gentle, method: student-t, set: {model: {nu: 3}}}\n"
    second = plan(configuration(folder, changed + STUDENT.replace("er: student-t", "er: gentle")))
    name = "train/rendered/student"
    assert first.lineage(first.jobs[name]) != second.lineage(second.jobs[name])


def test_a_student_reads_the_streams_that_its_teacher_scores_by(folder):
    config = configuration(folder, STUDENT)
    jobs = Jobs(config)
    assert config.streams("student") == {"rgb": "rgb", "motion": "motion-T16-thr10"}
    assert set(jobs.streams("rendered", "student")) == {"rgb", "motion"}
    assert set(jobs.streams("rendered", "image-only")) == {"rgb"}
    assert jobs.teacher_option("rendered", "student") == [
        "--teacher",
        "results/rendered/runs/student-t",
    ]
    assert jobs.teacher_option("rendered", "student-t") == []


@pytest.mark.parametrize(
    ("experiments", "message"),
    [
        (
            STUDENT.replace("student-t", "nobody"),
            "'student': its teacher 'nobody' is no experiment",
        ),
        (
            "a: {label: A, method: image-only-distilled, teacher: b}\n"
            "b: {label: B, method: image-only-distilled, teacher: a}\n",
            r"'a': its teachers teach each other \(a -> b -> a\); break the circle",
        ),
        (
            "a: {label: A, method: image-only-distilled}\n",
            "'a': method 'image-only-distilled' learns from a teacher; name an experiment",
        ),
        (
            "a: {label: A, method: concat, teacher: student-t}\n",
            "'a': method 'concat' takes no teacher; remove",
        ),
        (
            "a: {label: A, method: magic}\n",
            "'a': method 'magic' is unknown; choose one of .*concat",
        ),
        (
            "a: {label: A, method: concat, set: {model: {nu: 3}}}\n",
            r"'a': set: method 'concat': model\.nu: unknown",
        ),
    ],
)
def test_a_teacher_or_method_that_cannot_be_is_one_line_before_any_job(
    folder, experiments, message
):
    with pytest.raises(FusevadError, match=message) as error:
        configuration(folder, experiments)
    assert len(str(error.value).splitlines()) == 1
