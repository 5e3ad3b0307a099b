"""The memory that training asks for, against what torch keeps for the backward pass."""

from dataclasses import asdict

import pytest
import torch
import yaml

from fusevad.config.load import load
from fusevad.models import ModelSettings, build, method_names
from fusevad.parsing import parse
from fusevad.plan.jobs import Jobs
from fusevad.train.losses import LossSettings, objective
from fusevad.train.memory import DEFAULTS, MODEL_DEFAULTS, seed_memory_mb, seeds_at_a_time
from fusevad.train.seed_run import TrainSettings


def kept_mb(method: str, model: ModelSettings, batch: int, segments: int) -> float:
    """Tensors, each counted once, that a forward pass and the loss keep, without the weights."""
    detector = build(method, model)
    own = {parameter.untyped_storage().data_ptr() for parameter in detector.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    streams = torch.randn(2, batch, segments, model.dim)
    mask = torch.ones(batch, segments, dtype=torch.bool)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = detector(*streams, mask)
        loss = objective(output, torch.arange(batch) % 2 == 0, mask, LossSettings())
    assert loss.total.requires_grad
    return sum(kept.values()) / 1e6


@pytest.mark.parametrize("method", method_names())
@pytest.mark.parametrize(("layers", "steps", "segments"), [(2, 10, 64), (1, 0, 128), (3, 4, 128)])
def test_the_estimate_covers_what_is_kept_and_not_much_more(method, layers, steps, segments):
    model = ModelSettings(dim=64, layers=layers, refinement_steps=steps)
    settings = {"method": method, "batch_size": 32, "max_segments": segments}
    found = kept_mb(method, model, 32, segments)
    nothing = seed_memory_mb(settings | {"batch_size": 0})
    estimate = seed_memory_mb(settings | {"model": asdict(model)}) - nothing
    assert estimate >= found
    if method in ("gaussian", "student-t", "low-rank", "robust-student-t"):
        assert estimate <= 2 * found


def test_the_defaults_are_those_of_training():
    settings = asdict(TrainSettings(method="gaussian"))
    assert {name: settings[name] for name in DEFAULTS} == DEFAULTS
    assert {name: settings["model"][name] for name in MODEL_DEFAULTS} == MODEL_DEFAULTS


def test_a_job_asks_for_its_seeds_at_a_time_and_trains_as_many_as_fit(root):
    folder = root / "config"
    values = yaml.safe_load((folder / "config.yaml").read_text())
    jobs = Jobs(load(values | {"hyperparameters": "paper"}, folder))
    settings = parse(TrainSettings, jobs.train("rendered", "gaussian"), "paper")
    one = seed_memory_mb(asdict(settings))
    assert 6500 < one < 10_000  # 6.4 GB measured
    assert jobs.train_memory("rendered", "gaussian", 4) == 4 * one
    assert jobs.train_memory("rendered", "gaussian", 64) == 10 * one
    for memory, seeds in ((4 * one, 4), (3 * one + 1, 3), (one // 2, 1), (99 * one, 8)):
        assert seeds_at_a_time(8, memory, asdict(settings)) == seeds
