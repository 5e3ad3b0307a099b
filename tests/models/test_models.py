"""Detectors against closed forms, a Kalman update and independent re-computation."""

import math

import numpy as np
import pytest
import torch

from fusevad.errors import FusevadError
from fusevad.models.base import build, implementation
from fusevad.models.gaussian import fuse, sequential_update
from fusevad.models.output import Distribution
from fusevad.models.registry import METHODS, find
from fusevad.models.settings import GaussianSettings, StudentTSettings
from tests.made_up_distributions import batch, labelled, make, settings

FUSED = ("gaussian", "student-t")
METHOD_NAMES = sorted(METHODS)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_padding_never_changes_a_score(method):
    model, roles = make(method), find(method).streams
    with torch.inference_mode():
        plain = model(*batch(9, roles=roles)).logits
        padded = model(*batch(9, padding=5, roles=roles)).logits[:, :9]
    torch.testing.assert_close(padded, plain, atol=1e-5, rtol=1e-5)


def test_padding_changes_scores_where_the_released_code_does_not_mask_it():
    model = make("student-t", mask_padding=False)
    with torch.inference_mode():
        plain = model(*batch(9)).logits
        padded = model(*batch(9, padding=5)).logits[:, :9]
    assert (plain - padded).abs().max() > 1e-3


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_every_parameter_learns(method):
    model = make(method).train()
    training = labelled(method, 9)
    sum(model.losses(model(training.streams, training.mask), training).values()).backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None]
    assert not idle


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_method_reads_all_streams_that_the_registry_names_and_no_other(method):
    read, mask = batch(9, roles=find(method).streams)
    model = make(method)
    assert model.streams == find(method).streams
    with torch.inference_mode():
        before = model(read, mask).logits
        for role in model.streams:
            changed = read | {role: read[role].flip(1)}
            assert not torch.allclose(before, model(changed, mask).logits, atol=1e-4)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_weights_are_those_of_streams_that_the_method_reads(method):
    streams, mask = batch(9, roles=find(method).streams)
    with torch.inference_mode():
        output = make(method)(streams, mask)
    assert set(output.weights) in (set(), set(find(method).streams))


@pytest.mark.parametrize("epsilon_in", ["variance", "weights"])
def test_fusion_is_the_precision_weighted_mean(epsilon_in):
    generator = torch.Generator().manual_seed(2)
    means = torch.randn(2, 4, 5, 6, dtype=torch.float64, generator=generator)
    variances = torch.rand(2, 4, 5, 6, dtype=torch.float64, generator=generator) + 0.1
    distributions = {
        role: Distribution(m, v.log())
        for role, m, v in zip(("rgb", "motion"), means, variances, strict=True)
    }
    result = fuse(distributions, GaussianSettings(epsilon_in=epsilon_in))
    fused, weights, precision = result.mean, result.weights, result.precision
    expected = (means[0] * variances[1] + means[1] * variances[0]) / variances.sum(0)
    torch.testing.assert_close(fused, expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(
        weights["rgb"] + weights["motion"], torch.ones_like(fused), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(1 / precision, 1 / (1 / variances).sum(0), atol=1e-6, rtol=1e-6)


def test_fusion_is_the_product_of_two_normal_densities():
    scipy_stats = pytest.importorskip("scipy.stats")
    x = np.linspace(-6, 6, 20001)
    product = scipy_stats.norm.pdf(x, 1.0, 0.5) * scipy_stats.norm.pdf(x, -0.5, 1.5)
    expected = (x * product).sum() / product.sum()
    distributions = {
        role: Distribution(torch.tensor([m]), torch.tensor([2 * math.log(s)]))
        for role, m, s in (("rgb", 1.0, 0.5), ("motion", -0.5, 1.5))
    }
    assert fuse(distributions, GaussianSettings()).mean.item() == pytest.approx(expected, abs=1e-5)


def test_student_t_with_one_nu_fuses_exactly_as_gaussian():
    gaussian, student = make("gaussian"), make("student-t")
    student.load_state_dict(gaussian.state_dict())
    with torch.inference_mode():
        a, b = gaussian(*batch(9)), student(*batch(9))
    torch.testing.assert_close(a.weights["rgb"], b.weights["rgb"], atol=5e-7, rtol=0)
    torch.testing.assert_close(a.logits, b.logits, atol=1e-5, rtol=1e-5)


def test_student_t_lowers_the_log_variance_by_log_of_one_plus_one_over_nu():
    gaussian, student = make("gaussian"), make("student-t")
    a, b = gaussian(*batch(9)), student(*batch(9))
    shift = b.distributions["rgb"].log_variance - a.distributions["rgb"].log_variance
    torch.testing.assert_close(shift, torch.full_like(shift, -math.log(1 + 1 / 8)))


@pytest.mark.parametrize("process_noise", [0.0, 0.3])
def test_sequential_update_is_a_kalman_filter(process_noise):
    rng = np.random.default_rng(0)
    observed, variance = rng.normal(size=(7, 4)), rng.uniform(0.2, 2, size=(7, 4))
    state, spread = observed[0].copy(), variance[0].copy()
    expected = [state.copy()]
    for z, r in zip(observed[1:], variance[1:], strict=True):
        predicted = spread + process_noise
        gain = predicted / (predicted + r)
        state = state + gain * (z - state)
        spread = (1 - gain) * predicted
        expected.append(state.copy())
    noisy = GaussianSettings(process_noise=process_noise)
    result = sequential_update(torch.tensor(observed)[None], torch.tensor(variance)[None], noisy)
    np.testing.assert_allclose(result[0].numpy(), np.stack(expected), rtol=1e-4, atol=1e-6)


def test_shared_refinement_has_one_network_and_separate_has_one_a_step():
    shared = make("gaussian")
    separate = make("gaussian", refinement_networks="separate")
    none = make("gaussian", refinement_steps=0)
    assert [len(m.refinement.blocks) for m in (shared, separate, none)] == [1, 3, 0]


@pytest.mark.parametrize(("dim", "steps"), [(128, 10), (768, 10), (768, 40), (32, 3)])
def test_narrow_refinement_networks_have_the_parameters_of_the_shared_one(dim, steps):
    def parameters(kind):
        model = make("student-t", dim, refinement_steps=steps, refinement_networks=kind)
        return sum(p.numel() for p in model.refinement.parameters())

    # One hidden unit more or less in every network is the smallest change there is.
    unit = steps * (2 * dim + 1)
    assert abs(parameters("narrow") - parameters("shared")) <= unit / 2
    assert parameters("separate") == steps * parameters("shared")


def test_without_refinement_steps_narrow_networks_are_none():
    model = make("student-t", refinement_steps=0, refinement_networks="narrow")
    assert len(model.refinement.blocks) == 0


def test_heads_that_do_not_divide_the_embedding_are_an_error():
    with pytest.raises(FusevadError, match="heads do not divide"):
        make("gating", 10)


def test_an_unknown_method_is_an_error_that_lists_the_known():
    with pytest.raises(FusevadError, match="student-t"):
        build("nonsense", GaussianSettings(), {})


def test_settings_of_another_method_and_streams_that_are_missing_are_errors():
    widths = {"rgb": 16, "motion": 16}
    with pytest.raises(FusevadError, match="'student-t': settings of another method"):
        build("student-t", GaussianSettings(), widths)
    with pytest.raises(FusevadError, match="'student-t' needs stream motion too"):
        build("student-t", StudentTSettings(), {"rgb": 16})


def test_a_fusion_in_the_space_of_the_embeddings_needs_streams_of_one_width():
    with pytest.raises(FusevadError, match=r"streams of one width \(rgb 16, motion 8\)"):
        build("gaussian", settings("gaussian"), {"rgb": 16, "motion": 8})


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_method_is_implemented_where_the_registry_says_and_says_who_it_is(method):
    assert implementation(find(method)).__doc__
    assert find(method).model().kept(768, 256, len(find(method).roles)) > 0


def released_forward(w: dict[str, torch.Tensor], rgb, motion, steps: int, rate: float, nu: float):
    """The released model from its tensors' names (docs/released.md), with numpy-like operations."""

    def attend(x, prefix, heads=4):
        b, t, d = x.shape
        qkv = x @ w[f"{prefix}.in_proj_weight"].T + w[f"{prefix}.in_proj_bias"]
        q, k, v = (part.reshape(b, t, heads, -1).transpose(1, 2) for part in qkv.chunk(3, -1))
        a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(d // heads), -1) @ v
        a = a.transpose(1, 2).reshape(b, t, d)
        return a @ w[f"{prefix}.out_proj.weight"].T + w[f"{prefix}.out_proj.bias"]

    def norm(x, prefix):
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * w[f"{prefix}.weight"] + w[f"{prefix}.bias"]

    def linear(x, prefix):
        return x @ w[f"{prefix}.weight"].T + w[f"{prefix}.bias"]

    means, precisions = [], []
    for name, x in (("image", rgb), ("event", motion)):
        for i in range(2):
            x = norm(x + attend(x, f"{name}_attn_layers.{i}"), f"{name}_norms.{i}")
        x = norm(x, f"whiten_{name}")
        means.append(linear(x, f"{name}_mu"))
        precisions.append((nu + 1) / nu * torch.exp(-linear(x, f"{name}_logvar")))
    total = precisions[0] + precisions[1] + 1e-8
    fused = (precisions[0] * means[0] + precisions[1] * means[1]) / total
    for i in range(steps):
        hidden = linear(fused, f"refinement_blocks.{i}.0").relu()
        fused = fused - rate * linear(hidden, f"refinement_blocks.{i}.2")
    return linear(fused, "classifier")[..., 0]


def test_released_settings_repeat_the_released_computation_tensor_by_tensor(docs):
    model = make(
        "student-t", refinement_networks="separate", mask_padding=False, epsilon_in="weights"
    )
    table = [
        [cell.strip(" `") for cell in line.strip("|\n").split("|")[:2]]
        for line in (docs / "released.md").read_text().splitlines()
        if line.startswith("| `temporal.")
    ]
    released = {}
    for theirs, ours in table:
        indices = range(2) if "{i}" in theirs else range(3) if "{r}" in theirs else [0]
        for i in indices:
            fill = {"i": i, "r": i}
            for kind in ("weight", "bias", "in_proj_weight", "in_proj_bias"):
                for sub in ("", "out_proj."):
                    name = f"{ours.format(**fill)}.{sub}{kind}"
                    if name in model.state_dict():
                        key = f"{theirs.format(**fill)}.{sub}{kind}".removeprefix("temporal.")
                        released[key] = model.state_dict()[name]
    assert len(released) == len(model.state_dict())
    streams, mask = batch(9, padding=4)
    with torch.inference_mode():
        ours = model(streams, mask).logits
        theirs = released_forward(released, *streams.values(), steps=3, rate=0.5, nu=8)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
