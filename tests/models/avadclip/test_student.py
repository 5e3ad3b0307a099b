"""AVadCLIP's student: one stream, the distillation by its formula, and its counts."""

from dataclasses import replace

import pytest
import torch

from fusevad.encoders.text import ClassNames
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import load_detector, weights_file
from fusevad.models.avadclip.student import uncertain_distance
from fusevad.models.base import build
from fusevad.models.registry import find
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from tests.made_up_bags import (
    LENGTHS,
    MASK,
    bags,
    check_one_kind_of_video_is_no_error,
    check_padding_changes_no_loss,
    detector,
    taught,
    terms,
)
from tests.made_up_texts import NAMES, class_texts
from tests.made_up_training import small, with_streams, write_training_data

BOTH = ("rgb", "audio")


def teacher():
    return detector("avadclip").eval()


def test_its_parameters_are_vadclips_with_one_block_and_those_of_four_convolutions_of_three():
    known = find("avadclip-student")
    clip = ClassNames(NAMES, 77, 512, 512)
    with torch.device("meta"):
        model, plain = (
            build(name, find(name).model(blocks=1), {"rgb": 512}, find(name).loss(), clip)
            for name in ("avadclip-student", "vadclip")
        )
    more = 4 * (3 * 512**2 + 512) + 2 * (512**2 + 512)
    found, before = (sum(p.numel() for p in each.parameters()) for each in (model, plain))
    assert found == before + more
    assert known.teachers == ("avadclip",)


def test_features_are_enhanced_by_residual_convolutions_and_their_variance_is_of_the_unenhanced():
    model = detector("avadclip-student").eval()
    x = bags().streams["rgb"]
    with torch.no_grad():
        output = model({"rgb": x}, MASK)
        plain = model.temporal(x, MASK)
        for video in (1, 2):
            row = plain[video, : LENGTHS[video]]
            hidden = (row @ model.variance.enter.weight.T + model.variance.enter.bias).relu()
            around = convolved(hidden, model.variance.middle)
            last = (around @ model.variance.leave.weight.T + model.variance.leave.bias).relu()
            found = output.log_variance[video, : LENGTHS[video]]
            torch.testing.assert_close(found, -(row + last), atol=1e-5, rtol=1e-4)
            for layer in model.enhancements:
                row = row + convolved(row, layer).relu()
            found = output.features[video, : LENGTHS[video]]
            torch.testing.assert_close(found, row, atol=1e-5, rtol=1e-4)
    assert len(model.enhancements) == 3


def convolved(x: torch.Tensor, layer: torch.nn.Conv1d) -> torch.Tensor:
    """A convolution over three segments, segment after segment."""
    rows = []
    for t in range(len(x)):
        total = layer.bias.clone()
        for place in range(3):
            if 0 <= t + place - 1 < len(x):
                total = total + layer.weight[:, :, place] @ x[t + place - 1]
        rows.append(total)
    return torch.stack(rows)


@pytest.mark.parametrize("form", ["written", "released"])
def test_the_distillation_is_a_loop_over_segments_and_features(form):
    model = detector("avadclip-student", loss={"uncertain": 0.6}, uncertainty=form)
    batch = taught(bags(roles=BOTH), teacher())
    output, found = terms(model, batch)
    total = []
    for video, n in enumerate(LENGTHS):
        for t in range(n):
            error = (batch.teacher.features - output.features)[video, t].square()
            variance = output.log_variance[video, t].exp()
            share = 2 if form == "released" else 1
            total.append(error / (1e-6 + share * variance) + variance.log())
    torch.testing.assert_close(found["distillation"], 0.6 * torch.stack(total).mean())


@pytest.mark.parametrize(("halved", "best"), [(False, 4.0), (True, 2.0)])
def test_the_best_variance_is_the_squared_error_and_in_the_released_form_half_of_it(halved, best):
    logs = torch.linspace(-3, 4, 7001)
    distance = uncertain_distance(torch.full_like(logs, 2.0), logs, halved)
    assert logs[distance.argmin()].exp().item() == pytest.approx(best, rel=2e-3)


def test_variances_near_0_leave_loss_and_gradients_finite_at_weight_0():
    model = detector("avadclip-student", loss={"uncertain": 0.0})
    with torch.no_grad():
        model.temporal.out.weight.mul_(500.0)
    batch = taught(bags(roles=BOTH), teacher())
    output, found = terms(model, batch)
    assert output.log_variance.min() < -100
    assert found["distillation"] == 0
    sum(found.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_it_reads_one_stream_alone_and_its_teacher_stays_as_it_is():
    model, first = detector("avadclip-student"), teacher()
    batch = taught(bags(roles=BOTH), first)
    only = {"rgb": batch.streams["rgb"]}
    output = model(only, MASK)
    sum(model.losses(output, replace(batch, streams=only)).values()).backward()
    assert not batch.teacher.features.requires_grad
    assert all(p.grad is None for p in first.parameters())
    assert detector("avadclip-student-sound").streams == ("audio",)


def test_sound_of_another_width_than_the_texts_is_projected_and_pictures_are_refused():
    known = find("avadclip-student-sound")
    texts = class_texts(16)
    model = build("avadclip-student-sound", known.model(), {"audio": 3}, texts=texts)
    output = model({"audio": torch.randn(*MASK.shape, 3)}, MASK)
    assert output.features.shape == (*MASK.shape, 16)
    assert model.widths == {"audio": 3}
    with pytest.raises(FusevadError, match="text tower has 16 features, and stream rgb has 3"):
        build("avadclip-student", known.model(), {"rgb": 3}, texts=texts)


@pytest.mark.parametrize("method", ["avadclip-student", "avadclip-student-sound"])
def test_padding_changes_no_loss_and_one_kind_of_video_is_no_error(method):
    check_padding_changes_no_loss(detector(method), teacher())
    check_one_kind_of_video_is_no_error(detector(method), teacher())


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    """Training data with sound, and a run of the teacher."""
    folder = tmp_path_factory.mktemp("data")
    plain = with_streams(write_training_data(folder), ("audio",), folder, silent=("fire_00",))
    train(small("avadclip", model={}, epochs=2), plain, [0], folder / "teacher", workers=1)
    return replace(plain, teacher=folder / "teacher")


def test_a_student_is_trained_from_its_teachers_run_and_scores_from_pictures_alone(data, tmp_path):
    settings = small("avadclip-student", model={}, epochs=1)
    train(settings, data, [0], tmp_path, workers=1)
    assert "loss_distillation" in (tmp_path / "history.csv").read_text()
    made = load_detector(weights_file(tmp_path, 0, "last"), torch.device("cpu"))
    assert made.model.widths.keys() == {"rgb"}


@pytest.mark.slow
def test_more_weight_brings_the_students_features_closer_to_the_teachers(data, tmp_path):
    errors = {}
    for weight in (0.0, 1.0):
        settings = small(
            "avadclip-student", model={}, epochs=8, milestones=[], loss={"uncertain": weight}
        )
        train(settings, data, [0], tmp_path / str(weight), workers=1)
        student = load_detector(
            weights_file(tmp_path / str(weight), 0, "last"), torch.device("cpu")
        ).model
        first = load_detector(
            weights_file(data.teacher, 0, "validation"), torch.device("cpu")
        ).model
        batch = bags(8, roles=BOTH)
        streams = {role: x[:, :10] for role, x in batch.streams.items()}
        with torch.no_grad():
            known = first(streams, MASK[:, :10]).features
            errors[weight] = (student(streams, MASK[:, :10]).features - known)[MASK[:, :10]].norm()
    assert errors[1.0] < 0.8 * errors[0.0]


def test_another_teacher_than_avadclip_is_one_clear_line(data, tmp_path):
    train(
        small("concat"),
        data if data.teacher is None else replace(data, teacher=None),
        [0],
        tmp_path / "concat",
        workers=1,
    )
    with pytest.raises(FusevadError, match="learns from avadclip, and its teacher is 'concat'"):
        train(
            small("avadclip-student", model={}),
            replace(data, teacher=tmp_path / "concat"),
            [0],
            tmp_path / "student",
            workers=1,
        )
