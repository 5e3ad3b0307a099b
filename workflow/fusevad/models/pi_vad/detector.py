"""PI-VAD (Majhi et al. 2025): docs/methods/pi-vad.md."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from fusevad.errors import FusevadError
from fusevad.models.base import Blueprint
from fusevad.models.baselines.distances import STEPS
from fusevad.models.baselines.ur_dmu import URDMU, URDMUOutput
from fusevad.models.output import Batch
from fusevad.models.pi_vad.inductor import Induction, Inductor
from fusevad.models.pi_vad.losses import (
    contrast,
    control_targets,
    feature_distance,
    generation_error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PIVADOutput(URDMUOutput):
    """What the losses of the inductors read besides.

    Attributes:
        inductions: of each inductor, in order.
    """

    inductions: tuple[Induction, ...]


class PIVAD(URDMU):
    """UR-DMU whose features inductors replace by what modalities, made from RGB, say of them.

    As `pi-vad` it reads RGB alone, and the modalities are targets of training. As `pi-vad-true` it
    reads the true modalities, at test too, and generates none.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        settings = self.settings
        lacking = [name for name in settings.modalities if name not in self.widths]
        if lacking:
            raise FusevadError(
                f"model.modalities: the method has no stream {', '.join(lacking)}; name some of"
                f" {', '.join(role for role in self.widths if role != 'rgb')}"
            )
        widths = {name: self.widths[name] for name in settings.modalities}
        generates = self.streams == ("rgb",)
        self.inductors = nn.ModuleDict(
            {
                str(place): Inductor(settings, widths, place, generates)
                for place in settings.induced_after
            }
        )

    @property
    def dim(self) -> int:
        """Width of RGB; modalities have their own."""
        return self.widths["rgb"]

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> PIVADOutput:
        """See `Detector.forward`."""
        x, steps, inductions = streams["rgb"], [], []
        for place in range(STEPS):
            x = self.transformer.step(place, x, mask)
            if str(place) in self.inductors:
                induction = self.inductors[str(place)](x, streams, mask)
                inductions.append(induction)
                x = induction.induced
            steps.append(x)
        judged = self.judge(steps)
        known = {field.name: getattr(judged, field.name) for field in fields(judged)}
        return PIVADOutput(**known, inductions=tuple(inductions))

    def losses(self, output: PIVADOutput, batch: Batch) -> dict[str, Tensor]:
        """UR-DMU's terms, and those of the inductors, summed over both places."""
        loss = self.loss
        terms = {
            name: loss.detection * term for name, term in super().losses(output, batch).items()
        }
        inductions = output.inductions
        if self.streams == ("rgb",):
            true = self._targets(batch)
            errors = [generation_error(each.generated, true, batch.mask) for each in inductions]
            terms["generation"] = loss.generation * torch.stack(errors).sum()
        distances = [
            feature_distance(each.induced, batch.teacher.steps[each.place], batch.mask)
            for each in inductions
        ]
        contrasts = [
            contrast(each.anchor, aligned, batch.mask, loss.contrast_temperature)
            for each in inductions
            for aligned in each.aligned.values()
        ]
        return terms | {
            "alignment": loss.alignment * torch.stack(contrasts).sum(),
            "distillation": loss.distillation * torch.stack(distances).sum(),
        }

    def _targets(self, batch: Batch) -> dict[str, Tensor]:
        settings = self.settings
        return control_targets(batch.streams, settings.modalities, batch.mask, settings.targets)
