"""The methods beyond the paper against closed forms, slow loops, scipy and torch.distributions."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch.distributions import Normal

from fusevad.errors import FusevadError
from fusevad.models.gaussian import fuse
from fusevad.models.output import Distribution
from fusevad.models.robust_student_t import robust_fuse
from fusevad.parsing import parse
from tests.made_up_distributions import batch, labelled, make, random_distributions, settings

BEYOND = ("learned-nu", "low-rank", "robust-student-t", "uncertainty-gating")


@pytest.mark.parametrize("method", ["gaussian", *BEYOND])
@pytest.mark.parametrize("process_noise", [0.0, 0.3])
def test_padding_never_changes_a_score_of_the_sequential_update(method, process_noise):
    model = make(method, sequential_update=True, process_noise=process_noise)
    with torch.inference_mode():
        plain = model(*batch(9)).logits
        padded = model(*batch(9, padding=5)).logits[:, :9]
    torch.testing.assert_close(padded, plain, atol=1e-5, rtol=1e-5)


def test_process_noise_keeps_the_state_open_to_new_segments():
    streams, mask = batch(60)
    later = {role: stream.clone() for role, stream in streams.items()}
    for stream in later.values():
        stream[:, -1] += 5
    moved = {}
    for noise in (0.0, 1.0):
        # Without layers, no segment sees another but through the state.
        model = make("gaussian", layers=0, sequential_update=True, process_noise=noise)
        with torch.inference_mode():
            change = model(later, mask).logits - model(streams, mask).logits
        assert not change[:, :-1].any()
        moved[noise] = change[:, -1].abs().mean()
    assert moved[1.0] > 5 * moved[0.0]


@pytest.mark.parametrize("method", BEYOND)
@pytest.mark.parametrize("extremes", [(-60.0, -60.0), (60.0, 60.0), (-60.0, 60.0)])
def test_gradients_are_finite_at_extreme_log_variances(method, extremes):
    model = make(method)
    training = labelled(method, 9)
    with torch.no_grad():
        for head, value in zip(
            (model.rgb_log_variance, model.motion_log_variance), extremes, strict=True
        ):
            head.bias.fill_(value)
    loss = sum(model.losses(model(training.streams, training.mask), training).values())
    loss.backward()
    assert loss.isfinite()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("method", BEYOND)
def test_weights_are_shares(method):
    with torch.inference_mode():
        rgb, motion = make(method)(*batch(9)).weights.values()
    assert rgb.shape == (4, 9, 16)
    assert (rgb >= 0).all() and (motion >= 0).all()
    torch.testing.assert_close(rgb + motion, torch.ones_like(rgb), atol=1e-6, rtol=0)


@pytest.mark.parametrize("method", BEYOND)
def test_a_stream_that_is_almost_certain_is_the_fused_state(method):
    rank = {"covariance_rank": 2} if method == "low-rank" else {}
    model = make(method, **rank)
    made = random_distributions(3, 5, 16, rank=2 if rank else 0)
    sure = made["rgb"]
    log_variances = {"rgb": -12.0, "motion": 0.0}
    distributions = {
        role: Distribution(
            each.mean.float(),
            torch.full(each.mean.shape, log_variances[role]),
            each.factors.float() if rank else None,
        )
        for role, each in made.items()
    }
    with torch.inference_mode():
        fused = model.combine(distributions).mean
    torch.testing.assert_close(fused, sure.mean.float(), atol=1e-2, rtol=0)


# Learned degrees of freedom


def test_learned_nu_starts_as_student_t():
    student, learned = make("student-t"), make("learned-nu")
    assert torch.allclose(torch.cat(learned.degrees_of_freedom()), torch.tensor(8.0))
    with torch.inference_mode():
        a, b = student(*batch(9)), learned(*batch(9))
    torch.testing.assert_close(a.logits, b.logits)
    torch.testing.assert_close(
        a.distributions["motion"].log_variance, b.distributions["motion"].log_variance
    )


def test_degrees_of_freedom_that_differ_change_the_weights_by_their_factors():
    model = make("learned-nu")
    gaussian = make("gaussian")
    with torch.no_grad():
        model.rgb_log_excess.fill_(math.log(2 - 1))
        model.motion_log_excess.fill_(math.log(10 - 1))
    with torch.inference_mode():
        learned, plain = model(*batch(9)).weights, gaussian(*batch(9)).weights
    expected = (plain["rgb"] / plain["motion"]) * (3 / 2) / (11 / 10)
    found = learned["rgb"] / learned["motion"]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_gaussian_with_other_biases_is_any_learned_nu():
    learned, gaussian = make("learned-nu"), make("gaussian")
    with torch.no_grad():
        for parameter in (learned.rgb_log_excess, learned.motion_log_excess):
            parameter.normal_()
        for head, nu in zip(
            (gaussian.rgb_log_variance, gaussian.motion_log_variance),
            learned.degrees_of_freedom(),
            strict=True,
        ):
            head.bias += torch.log(nu / (nu + 1))
    with torch.inference_mode():
        a, b = learned(*batch(9)), gaussian(*batch(9))
    torch.testing.assert_close(a.logits, b.logits, atol=1e-5, rtol=1e-5)
    training = labelled("gaussian", 9)
    torch.testing.assert_close(learned.losses(a, training), gaussian.losses(b, training))


def test_learned_nu_above_its_minimum_only():
    with pytest.raises(FusevadError, match=r"nu: 1\.0: input should be greater than 1"):
        parse(type(settings("learned-nu")), {"nu": 1.0}, "model")


# Student-t that does not cancel


@pytest.mark.parametrize("iterations", [0, 1, 3])
@pytest.mark.parametrize("epsilon_in", ["variance", "weights"])
def test_robust_fusion_equals_a_slow_loop(iterations, epsilon_in):
    chosen = robust(robust_iterations=iterations, epsilon_in=epsilon_in, nu=3.0)
    distributions = random_distributions(2, 3, 4)
    rgb, motion = distributions.values()
    result = robust_fuse(distributions, chosen)
    fused, weights, total = result.mean, result.weights, result.precision
    for index in np.ndindex(2, 3, 4):
        means = [float(d.mean[index]) for d in (rgb, motion)]
        variances = [math.exp(float(d.log_variance[index])) for d in (rgb, motion)]
        w = [1 / v for v in variances]
        state = sum(a * m for a, m in zip(w, means, strict=True)) / sum(w)
        for _ in range(iterations):
            w = [
                (3 + 1) / (3 + (m - state) ** 2 / v) / v
                for m, v in zip(means, variances, strict=True)
            ]
            state = sum(a * m for a, m in zip(w, means, strict=True)) / sum(w)
        assert float(fused[index]) == pytest.approx(state, abs=1e-6)
        assert float(weights["rgb"][index]) == pytest.approx(w[0] / sum(w), abs=1e-6)
        assert float(total[index]) == pytest.approx(sum(w), rel=1e-6)


def robust(**changes):
    return settings("robust-student-t", **changes)


def t_loss(location, means, scales, nu: float):
    """Of one location, or of each in an array."""
    return -stats.t.logpdf(means, nu, np.asarray(location)[..., None], scales).sum(-1)


def test_robust_fusion_tends_to_the_most_likely_location_of_student_t_observations():
    chosen = robust(robust_iterations=400, epsilon=0.0, nu=5.0)
    distributions = random_distributions(1, 1, 40)
    rgb, motion = distributions.values()
    fused = robust_fuse(distributions, chosen).mean.flatten().numpy()
    start = fuse(distributions, chosen).mean.flatten().numpy()
    for i in range(40):
        means = np.array([d.mean.flatten()[i].item() for d in (rgb, motion)])
        scales = np.array([math.exp(d.log_variance.flatten()[i].item() / 2) for d in (rgb, motion)])
        grid = np.linspace(means.min(), means.max(), 401)
        best = grid[np.argmin(t_loss(grid, means, scales, 5.0))]
        width = np.ptp(means) / 400
        expected = optimize.minimize_scalar(
            t_loss,
            bounds=(best - width, best + width),
            args=(means, scales, 5.0),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
        assert fused[i] == pytest.approx(expected, abs=1e-4)
    assert np.abs(fused - start).max() > 0.1


def test_no_step_of_robust_fusion_lowers_the_likelihood():
    distributions = random_distributions(1, 1, 200)
    rgb, motion = distributions.values()
    means = torch.stack((rgb.mean, motion.mean)).flatten(1).numpy()
    scales = torch.stack((rgb.log_variance, motion.log_variance)).div(2).exp().flatten(1).numpy()
    losses = []
    for iterations in range(6):
        chosen = robust(robust_iterations=iterations, nu=3.0)
        location = robust_fuse(distributions, chosen).mean.flatten().numpy()
        losses.append(-stats.t.logpdf(means, 3.0, location, scales).sum(axis=0))
    assert (np.diff(losses, axis=0) < 1e-9).all()
    assert (losses[-1] < losses[0] - 1e-3).any()


def test_robust_fusion_differs_from_gaussian_and_tends_to_it_with_nu():
    model, gaussian = make("robust-student-t"), make("gaussian")
    limit = make("robust-student-t", nu=1e7)
    with torch.inference_mode():
        robust, plain, near = (m(*batch(9)).weights["rgb"] for m in (model, gaussian, limit))
    assert (robust - plain).abs().max() > 1e-3
    torch.testing.assert_close(near, plain, atol=1e-5, rtol=0)


# Gate that sees the log-variances


def test_uncertainty_gating_starts_as_gaussian():
    gating, gaussian = make("uncertainty-gating"), make("gaussian")
    gating.load_state_dict(gaussian.state_dict(), strict=False)
    with torch.inference_mode():
        output, expected = gating(*batch(9)), gaussian(*batch(9))
        precision = gating.combine(output.distributions).precision
    torch.testing.assert_close(output.weights, expected.weights, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(output.logits, expected.logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        precision, fuse(expected.distributions, settings("gaussian", epsilon=0.0)).precision
    )


def test_the_precision_of_the_gated_sum_is_that_of_a_sum_of_normal_variables():
    model = make("uncertainty-gating")
    distributions = {
        role: Distribution(d.mean.float(), d.log_variance.float())
        for role, d in random_distributions(1, 2, 16).items()
    }
    with torch.inference_mode():
        model.gate.weight.normal_(0, 0.2)
        result = model.combine(distributions)
    torch.manual_seed(0)
    draws = [
        Normal(d.mean, d.log_variance.div(2).exp()).sample((40_000,)) * result.weights[role]
        for role, d in distributions.items()
    ]
    total = draws[0] + draws[1]
    torch.testing.assert_close(total.var(dim=0), 1 / result.precision, atol=0, rtol=0.05)
    torch.testing.assert_close(total.mean(dim=0), result.mean, atol=0.05, rtol=0.05)
