"""A student that reads only RGB, taught by the scores of a detector that may read more."""

from torch import Tensor

from fusevad.models.losses import teacher_loss
from fusevad.models.output import Batch, Output
from fusevad.models.single_stream import SingleStream


class DistilledImageOnly(SingleStream):
    """`image-only` that also learns the scores of its experiment's `teacher`, segment by segment.

    From no paper: the plainest distillation (Hinton et al. 2015, at temperature 1), in no table.
    """

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """The video loss, and the cross-entropy with the teacher's scores."""
        taught = teacher_loss(output, batch.teacher, batch.mask)
        return super().losses(output, batch) | {"teacher": self.loss.teacher * taught}
