"""Local evidence: attention in a window, and the term that holds a video's background at 0."""

import pytest
import torch

from fusevad.models.layers import TemporalEncoder
from fusevad.models.losses import background_loss
from fusevad.models.output import Batch, Output
from fusevad.models.settings import BagLoss, TemporalSettings
from tests.made_up_distributions import batch, make

FUSIONS = ("concat", "cross-attention", "gating", "gaussian", "student-t")


def encoder(window: int | None, layers: int = 1) -> TemporalEncoder:
    torch.manual_seed(0)
    return TemporalEncoder(TemporalSettings(layers=layers, window=window, heads=2), 8).eval()


@pytest.mark.parametrize("window", [0, 1, 3])
def test_a_segment_attends_to_its_neighbours_alone(window):
    model = encoder(window)
    (attention,), (norm,) = model.attention, model.norms
    x = torch.randn(1, 9, 8)
    expected = []
    for t in range(9):
        seen = x[:, max(0, t - window) : t + window + 1]
        attended, _ = attention(x[:, t : t + 1], seen, seen)
        expected.append(model.whiten(norm(x[:, t : t + 1] + attended)))
    found = model(x, torch.ones(1, 9, dtype=torch.bool))
    torch.testing.assert_close(found, torch.cat(expected, dim=1))


def test_a_window_as_long_as_the_video_is_the_papers_attention():
    x, mask = torch.randn(2, 9, 8), torch.arange(9) < torch.tensor([[9], [4]])
    torch.testing.assert_close(encoder(8)(x, mask)[mask], encoder(None)(x, mask)[mask])


@pytest.mark.parametrize("method", FUSIONS)
def test_padding_never_changes_a_score_in_a_window(method):
    model = make(method, window=2)
    with torch.no_grad():
        alone = model(*batch(9)).logits
        padded = model(*batch(9, padding=20)).logits
    assert padded.isfinite().all()
    torch.testing.assert_close(padded[:, :9], alone)


@pytest.mark.parametrize("method", FUSIONS)
def test_evidence_travels_no_farther_than_the_windows_of_all_layers(method):
    model = make(method, window=1, layers=2)
    streams, mask = batch(12)
    reach = 3 if method == "cross-attention" else 2
    moved = {name: x.clone() for name, x in streams.items()}
    for x in moved.values():
        x[:, 0] += 1
    with torch.no_grad():
        change = (model(moved, mask).logits - model(streams, mask).logits).abs().amax(dim=0)
    assert (change[: reach + 1] > 0).all()
    assert (change[reach + 1 :] == 0).all()


@pytest.mark.parametrize("method", FUSIONS)
def test_only_attention_in_a_window_notices_the_order_of_segments(method):
    streams, mask = batch(9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    shuffled = {name: x[:, order] for name, x in streams.items()}

    def change(window: int | None) -> float:
        model = make(method, window=window)
        with torch.no_grad():
            difference = model(shuffled, mask).logits - model(streams, mask).logits[:, order]
        return float(difference.abs().max())

    assert change(None) < 1e-5
    assert change(1) > 1e-3


LENGTHS = torch.tensor([40, 1, 16, 3])
MASK = torch.arange(40) < LENGTHS[:, None]


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_background_term_is_that_of_a_loop_over_videos(share):
    output = Output(torch.randn(4, 40, generator=torch.Generator().manual_seed(0)))
    expected = []
    for row, n in zip(output.logits.sigmoid(), LENGTHS.tolist(), strict=True):
        lowest = sorted(row[:n].tolist())[: max(1, int(share * n))]
        expected.append(-torch.tensor(1 - sum(lowest) / len(lowest)).log())
    found = background_loss(
        output, Batch({}, MASK, torch.ones(4)), BagLoss(background=0.7, background_share=share)
    )
    torch.testing.assert_close(found, 0.7 * torch.stack(expected).mean())


def test_the_background_term_lowers_only_the_lowest_segments():
    logits = torch.tensor([[2.0, -1.0, 0.5, -3.0]], requires_grad=True)
    mask = torch.ones(1, 4, dtype=torch.bool)
    background_loss(
        Output(logits), Batch({}, mask, torch.ones(1)), BagLoss(background=1, background_share=0.5)
    ).backward()
    assert (logits.grad[0] > 0).tolist() == [False, True, False, True]


def test_every_method_can_have_a_background_term():
    model = make("gating")
    model.loss = type(model.loss)(background=1.0)
    streams, mask = batch(9)
    data = Batch(streams, mask, torch.ones(len(mask)))
    output = model(streams, mask)
    assert list(model.objective(output, data)) == ["classification", "background"]
