"""A data set: config/datasets/*.yaml."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fusevad.config.forms.values import Crops, Metrics
from fusevad.data.fetch.settings import FetchSettings
from fusevad.data.own.settings import OwnSettings
from fusevad.data.recorded.settings import RecordedSettings
from fusevad.data.render.settings import RenderSettings
from fusevad.data.splice.settings import SpliceSettings
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID

_NO_FETCH = (
    "needs it; say its `licence` and which `files` it has: those that can be downloaded with their"
    " `sources`, and in `form` how people get the others (config/datasets/msad.yaml is an example)."
    " For videos of your own, fusevad init-dataset writes everything"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFile:
    """A data set: config/datasets/*.yaml.

    Attributes:
        title: name in tables.
        metrics: columns of Table 1; `oracle` chooses by the first.
        crops: crops of 224x224 to embed (0 centre, 1-4 corners, 5-9 their mirrors).
        frame_stride: embed every n-th frame of a segment; the paper: 1.
        shards: jobs that cues and embeddings are spread over.
        hyperparameters: name of a file in config/hyperparameters/.
        based_on: a data set whose file this one is laid over.
        render: settings of the renderer, for a synthetic data set.
        recorded: annotations and splits of real videos; needs `fetch`.
        splice: how short clips are joined into long videos; needs `fetch`.
        own: the tables of your own videos.
        fetch: what is downloaded, and from where.
    """

    __pydantic_config__ = FORBID

    title: str
    metrics: Metrics
    crops: Crops
    frame_stride: Annotated[int, Field(ge=1, le=16)]
    shards: Annotated[int, Field(ge=1)]
    hyperparameters: str
    based_on: str | None = None
    render: RenderSettings | None = None
    recorded: RecordedSettings | None = None
    splice: SpliceSettings | None = None
    own: OwnSettings | None = None
    fetch: FetchSettings | None = None

    def __post_init__(self) -> None:
        known = ("render", "recorded", "splice", "own")
        named = [key for key in known if getattr(self, key) is not None]
        if len(named) != 1:
            raise FusevadError(
                f"{' and '.join(named) or 'none of render, recorded, splice and own'}: give exactly"
                " one of render, recorded, splice and own as the source of the videos"
            )
        if "Video-AUC" in self.metrics[1:]:
            raise FusevadError(
                "metrics: Video-AUC is for data sets without intervals, whose main metric it is;"
                " put it first"
            )
        if (self.fetch is None) != (named[0] in ("render", "own")):
            raise FusevadError(
                f"fetch: a {named[0]} data set "
                + ("downloads nothing; remove it" if self.fetch else _NO_FETCH)
            )
