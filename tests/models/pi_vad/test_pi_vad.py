"""PI-VAD against loops over segments and modalities, its counts, and RGB alone at test."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fusevad.csv_tables import read_csv
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import load_detector, weights_file
from fusevad.models.base import build
from fusevad.models.pi_vad.losses import contrast, control_targets, generation_error
from fusevad.models.pi_vad.settings import MODALITIES
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
from tests.made_up_training import small, with_streams, write_training_data

SMALL = {"common_width": 4, "generated_width": 8}
QUIET = SMALL | {"block_dropout": 0.0, "latent_noise": False, "induction_dropout": 0.0}
ROLES = ("rgb", *MODALITIES)
# Widths of the features that the modalities' encoders are assumed to have.
WIDTHS = {"rgb": 1024, "pose": 1024, "depth": 1024, "masks": 256, "flow": 256, "text": 512}
# A profiler of called layers sees neither parameters of its own nor norms, and at test no anchor.
OVERLOOKED = ("memory", "norm", "latent_log_variance", ".anchor.")


def teacher():
    return detector("ur-dmu").eval()


def test_a_profiler_counts_about_the_printed_82_81_million_with_features_of_i3d():
    known = find("pi-vad")
    with torch.device("meta"):
        named = build("pi-vad", known.model(), WIDTHS, known.loss()).named_parameters()
    seen = sum(p.numel() for name, p in named if not any(word in name for word in OVERLOOKED))
    assert seen / 1e6 == pytest.approx(82.81, rel=0.01)


@pytest.mark.parametrize(("inductors", "places"), [("both", 2), ("early", 1), ("late", 1)])
def test_parameters_are_ur_dmus_and_those_of_each_inductor(inductors, places):
    code, common, wide = 8, 4, 20
    generation = 3 * 512 * code + code + 5 * (code * code + code + 3 * code * 16 + 16)
    aligned = 512 * common + common + 5 * (16 * common + common)
    block = 4 * (wide * wide + wide) + 2 * 3 * wide * wide + 3 * wide + wide + 4 * wide
    induction = 2 * block + 512 * wide + wide + wide * 512 + 512
    found, plain = (
        sum(p.numel() for p in detector(name, **model).parameters())
        for name, model in (("pi-vad", SMALL | {"inductors": inductors}), ("ur-dmu", {}))
    )
    assert found == plain + places * (generation + aligned + induction)


def test_it_scores_from_rgb_alone():
    model = detector("pi-vad", **SMALL).eval()
    batch = bags(roles=ROLES)
    with torch.inference_mode():
        alone = model({"rgb": batch.streams["rgb"]}, MASK).logits
        torch.testing.assert_close(model(batch.streams, MASK).logits, alone)
    assert model.streams == ("rgb",)


def test_with_true_modalities_in_place_of_generated_ones_it_needs_them_at_test():
    model = detector("pi-vad-true", **SMALL).eval()
    assert model.streams == ROLES
    assert not [name for name in model.state_dict() if "generation" in name]
    with pytest.raises(KeyError):
        model({"rgb": bags().streams["rgb"]}, MASK)
    _, found = terms(model, taught(bags(roles=ROLES), teacher()))
    assert "generation" not in found


@pytest.mark.parametrize(
    ("model", "after"),
    [
        ({}, [0, 2]),
        ({"inductors": "early"}, [0]),
        ({"inductors": "early", "early_step": "first-block"}, [1]),
        ({"inductors": "late"}, [2]),
    ],
)
def test_inductors_replace_the_features_of_the_steps_that_they_follow(model, after):
    made = detector("pi-vad", **QUIET, **model).eval()
    rgb = bags().streams["rgb"]
    with torch.no_grad():
        output = made({"rgb": rgb}, MASK)
        x = rgb
        for place in range(3):
            x = made.transformer.step(place, x, MASK)
            if place in after:
                x = made.inductors[str(place)](x, {}, MASK).induced
            torch.testing.assert_close(output.steps[place][MASK], x[MASK])
    assert [each.place for each in output.inductions] == after


def linear(x: Tensor, layer: torch.nn.Linear) -> Tensor:
    return x @ layer.weight.T + layer.bias


def convolved(x: Tensor, layer: torch.nn.Conv1d) -> Tensor:
    """A convolution over three segments, segment after segment."""
    rows = []
    for t in range(len(x)):
        total = layer.bias.clone()
        for place in range(3):
            if 0 <= t + place - 1 < len(x):
                total = total + layer.weight[:, :, place] @ x[t + place - 1]
        rows.append(total)
    return torch.stack(rows)


def test_an_inductor_generates_aligns_and_induces_video_by_video():
    model = detector("pi-vad", **QUIET).eval()
    x = torch.randn(*MASK.shape, 512, generator=torch.Generator().manual_seed(4))
    inductor = model.inductors["0"]
    with torch.no_grad():
        found = inductor(x, {}, MASK)
        for video in (1, 2):
            n = LENGTHS[video]
            row = x[video, :n]
            code = convolved(row, inductor.generation.code).relu()
            joined = []
            for name in MODALITIES:
                hidden = linear(code, inductor.generation.linear[name]).relu()
                made = convolved(hidden, inductor.generation.out[name])
                torch.testing.assert_close(
                    found.generated[name][video, :n], made, atol=1e-5, rtol=1e-4
                )
                joined.append(linear(made, inductor.align[name]))
            h = torch.cat(joined, dim=-1)[None]
            first, second = inductor.induction.blocks
            h = second(first(h) + linear(row, inductor.induction.add[0])[None])
            expected = linear(h[0], inductor.induction.out)
            torch.testing.assert_close(found.induced[video, :n], expected, atol=1e-4, rtol=1e-3)
            torch.testing.assert_close(
                found.anchor[video, :n], linear(row, inductor.anchor), atol=1e-5, rtol=1e-4
            )


def test_the_contrast_is_a_loop_over_segments_in_both_directions():
    generator = torch.Generator().manual_seed(5)
    one, other = (torch.randn(*MASK.shape, 4, generator=generator) for _ in range(2))
    total = []
    for video, n in enumerate(LENGTHS):
        for t in range(n):
            for a, b in ((one, other), (other, one)):
                near = [
                    (torch.cosine_similarity(a[video, t], b[video, u], dim=0) / 0.2).exp()
                    for u in range(n)
                ]
                total.append(-(near[t] / sum(near)).log())
    expected = sum(total) / len(total)
    torch.testing.assert_close(contrast(one, other, MASK, 0.2), expected, atol=1e-5, rtol=1e-4)


def test_generated_modalities_learn_from_segments_that_have_them():
    generator = torch.Generator().manual_seed(6)
    made, true = (
        {name: torch.randn(*MASK.shape, width, generator=generator) for name, width in WIDE}
        for _ in range(2)
    )
    true["audio"][2] = 0.0
    expected = 0.0
    for name, width in WIDE:
        errors = [
            sum((made[name][v, t, k] - true[name][v, t, k]) ** 2 for k in range(width)) / width
            for v, n in enumerate(LENGTHS)
            for t in range(n)
            if not (name == "audio" and v == 2)
        ]
        expected += sum(errors) / len(errors)
    torch.testing.assert_close(generation_error(made, true, MASK), expected)


WIDE = (("pose", 3), ("audio", 2))


def test_every_term_is_a_sum_over_both_inductors_and_ur_dmus_with_a_weight():
    weights = {
        "detection": 0.5,
        "generation": 0.6,
        "alignment": 0.7,
        "distillation": 0.8,
        "contrast_temperature": 0.3,
    }
    batch = taught(bags(roles=ROLES), teacher())
    model = detector("pi-vad", loss=weights, **QUIET)
    output, found = terms(model, batch)
    plain = super(type(model), model).losses(output, batch)
    for name, term in plain.items():
        torch.testing.assert_close(found[name], 0.5 * term)
    assert set(found) == {*plain, "generation", "alignment", "distillation"}
    generated, aligned, distilled = [], [], []
    for each in output.inductions:
        generated.append(generation_error(each.generated, batch.streams, MASK))
        aligned += [contrast(each.anchor, x, MASK, 0.3) for x in each.aligned.values()]
        rows = [
            (each.induced[v, t] - batch.teacher.steps[each.place][v, t]).square().sum() / 512
            for v, n in enumerate(LENGTHS)
            for t in range(n)
        ]
        distilled.append(sum(rows) / len(rows))
    torch.testing.assert_close(found["generation"], 0.6 * sum(generated))
    torch.testing.assert_close(found["alignment"], 0.7 * sum(aligned))
    torch.testing.assert_close(found["distillation"], 0.8 * sum(distilled))


def test_shuffled_targets_are_those_of_other_segments_and_random_ones_are_noise_alike():
    streams = bags(roles=ROLES).streams | {"audio": torch.zeros(*MASK.shape, 3)}
    streams["audio"][0] = 1.0
    names = ("pose", "audio")
    torch.manual_seed(1)
    shuffled = control_targets(streams, names, MASK, "shuffled")
    before, after = streams["pose"][MASK], shuffled["pose"][MASK]
    assert not torch.equal(before, after)
    torch.testing.assert_close(before.sort(dim=0).values, after.sort(dim=0).values)
    assert sorted(map(tuple, before.tolist())) == sorted(map(tuple, after.tolist()))
    noise = control_targets(streams, names, MASK, "random")
    assert not set(map(tuple, before.tolist())) & set(map(tuple, noise["pose"][MASK].tolist()))
    torch.testing.assert_close(noise["pose"][MASK].std(0), before.std(0), atol=0.4, rtol=0)
    for targets in (shuffled, noise):
        assert torch.equal(targets["audio"][1:], torch.zeros_like(targets["audio"][1:]))
    assert control_targets(streams, names, MASK, "true")["pose"] is streams["pose"]


@pytest.mark.parametrize("kind", ["shuffled", "random"])
def test_controls_have_the_same_parameters_and_other_losses(kind):
    batch = taught(bags(roles=ROLES), teacher())
    true, control = (detector("pi-vad", **QUIET, targets=each) for each in ("true", kind))
    first, second = terms(true, batch)[1], terms(control, batch)[1]
    assert list(true.state_dict()) == list(control.state_dict())
    assert first["generation"] != second["generation"]
    assert first["classification"] == second["classification"]


@pytest.mark.parametrize("method", ["pi-vad", "pi-vad-true"])
def test_padding_changes_no_loss_and_one_kind_of_video_is_no_error(method):
    check_padding_changes_no_loss(detector(method, **QUIET), teacher())
    check_one_kind_of_video_is_no_error(detector(method, **QUIET), teacher())


def test_a_subset_of_modalities_generates_these_alone():
    model = detector("pi-vad", **QUIET, modalities=("pose", "text"))
    output = model({"rgb": bags().streams["rgb"]}, MASK)
    assert [set(each.generated) for each in output.inductions] == [{"pose", "text"}] * 2


def test_sound_is_a_sixth_modality():
    model = detector("pi-vad-sound", **QUIET, modalities=(*MODALITIES, "audio"))
    _, found = terms(model, taught(bags(roles=(*ROLES, "audio")), teacher()))
    assert all(term.isfinite() for term in found.values())


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ({"modalities": ("audio",)}, "the method has no stream audio; name some of pose, depth"),
        ({"induction_heads": 7}, "7 heads do not divide 20 features of 5 modalities"),
    ],
)
def test_what_does_not_fit_is_one_line(model, error):
    with pytest.raises(FusevadError, match=error):
        detector("pi-vad", **SMALL, **model)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    """Training data with all modalities, and a run of the teacher."""
    folder = tmp_path_factory.mktemp("data")
    plain = with_streams(write_training_data(folder), MODALITIES, folder)
    train(small("ur-dmu", model={}, epochs=2), plain, [0], folder / "teacher", workers=1)
    return replace(plain, teacher=folder / "teacher")


@pytest.mark.slow
def test_a_run_warms_up_without_detecting_and_scores_from_rgb_alone(data, tmp_path):
    settings = small(
        "pi-vad",
        model=SMALL,
        epochs=3,
        phases=[{"epochs": 1, "loss": {"detection": 0, "alignment": 1, "distillation": 1}}],
    )
    train(settings, data, [0], tmp_path, workers=1)
    names = ["loss_classification", "loss_generation", "loss_alignment", "loss_distillation"]
    history = read_csv(tmp_path / "history.csv", names)
    assert history["loss_classification"].tolist()[0] == 0
    assert (history["loss_classification"].iloc[1:] > 0).all()
    assert history["loss_generation"].iloc[-1] < history["loss_generation"].iloc[0]
    made = load_detector(weights_file(tmp_path, 0, "last"), torch.device("cpu")).model
    with torch.inference_mode():
        alone = made({"rgb": torch.randn(2, 5, 8)}, torch.ones(2, 5, dtype=torch.bool))
    assert alone.logits.shape == (2, 5)
