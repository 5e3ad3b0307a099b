"""The memory that training asks for, against what torch keeps for the backward pass."""

import pytest
import torch
import yaml

from fusevad.config.load import load
from fusevad.models.base import build
from fusevad.models.output import Batch
from fusevad.models.registry import METHODS, find, own, read_in_training
from fusevad.models.settings import MethodSettings
from fusevad.plan.jobs import Jobs
from fusevad.plan.memory import kept_mb, seed_memory_mb, seeds_at_a_time
from fusevad.train.settings import TrainSettings, train_settings
from tests.made_up_distributions import said_by
from tests.made_up_texts import class_texts

# Of inductors, whose default sizes are for a GPU.
NARROW = {"common_width": 32, "generated_width": 32}


def measured_mb(method: str, model: MethodSettings, batch: int, segments: int) -> float:
    """Tensors, each counted once, that a forward pass and the loss keep, without the weights."""
    known = find(method)
    texts = class_texts(64) if model.reads_texts else None
    detector = build(method, model, dict.fromkeys(known.roles, 64), texts=texts)
    own = {parameter.untyped_storage().data_ptr() for parameter in detector.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        # An output that its own graph holds would be a circle that nothing frees.
        return tensor.detach()

    first = known.teachers[0] if known.teachers else None
    roles = read_in_training(method, first)
    streams = {role: torch.randn(batch, segments, 64) for role in roles}
    mask = torch.ones(batch, segments, dtype=torch.bool)
    teacher = said_by(first, streams, mask) if known.taught else None
    labels = (torch.arange(batch) % 2).float()
    classes = tuple(("fire",) if label else () for label in labels)
    training = Batch(streams, mask, labels, classes, teacher)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = sum(detector.losses(detector(streams, mask), training).values())
    assert loss.requires_grad
    return sum(kept.values()) / 1e6


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize(("layers", "steps", "segments"), [(2, 10, 64), (1, 0, 128), (3, 4, 128)])
def test_the_estimate_covers_what_is_kept_and_not_much_more(method, layers, steps, segments):
    changed = own(method, "model", {"layers": layers, "refinement_steps": steps} | NARROW)
    model = find(method).model(**changed)
    settings = TrainSettings(
        method, model, find(method).loss(), batch_size=32, max_segments=segments
    )
    found = measured_mb(method, model, 32, segments)
    assert found <= kept_mb(settings, 64) <= 2.8 * found


def test_a_job_asks_for_its_seeds_at_a_time_and_trains_as_many_as_fit(root):
    folder = root / "config"
    values = yaml.safe_load((folder / "config.yaml").read_text())
    jobs = Jobs(load(values | {"hyperparameters": "paper"}, folder))
    settings = train_settings(jobs.train("rendered", "gaussian"), "paper")
    one = seed_memory_mb(settings, 768)
    assert 6500 < one < 10_000  # 6.4 GB measured
    assert jobs.train_memory("rendered", "gaussian", 4) == 4 * one
    assert jobs.train_memory("rendered", "gaussian", 64) == 10 * one
    # A search trains its own seeds, each with every learning rate.
    trainings = len(jobs.config.learning_rates["seeds"]) * len(
        jobs.config.learning_rates["factors"]
    )
    assert jobs.search_memory("rendered", "gaussian", 64) == trainings * one
    for memory, seeds in ((4 * one, 4), (3 * one + 1, 3), (one // 2, 1), (99 * one, 8)):
        assert seeds_at_a_time(8, memory, settings, 768) == seeds


def test_a_job_on_wider_imported_features_asks_for_more(root):
    folder = root / "config"
    values = yaml.safe_load((folder / "config.yaml").read_text())
    features = {"ucf-crime": {"layout": "i3d", "folder": "data/i3d", "crops": [0]}}
    over = {"datasets": ["ucf-crime"], "features": features, "hyperparameters": "paper"}
    jobs = Jobs(load(values | over, folder))
    settings = train_settings(jobs.train("ucf-crime", "image-only"), "paper")
    one = seed_memory_mb(settings, 2048)
    assert jobs.train_memory("ucf-crime", "image-only", 2) == 2 * one
    assert one > 1.5 * seed_memory_mb(settings, 768)
