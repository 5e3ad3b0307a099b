"""Settings, inputs and outputs of the jobs of encoders and embeddings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from fusevad.embed.imported.settings import LAYOUTS, ImportSettings
from fusevad.embed.streams.registry import kind_of
from fusevad.embed.streams.rgb.settings import RGB
from fusevad.parsing import parse
from fusevad.plan.data_jobs import DataJobs
from fusevad.plan.own_files import CONTENT, TABLES, content_of, outline_of


@dataclass(frozen=True, slots=True)
class EmbeddingJobs(DataJobs):
    """Paths and settings of the jobs of encoders and embeddings, beside those before them."""

    # Of imported features, by data set: the manifest's and all streams' jobs have the same.
    _outlines: dict[str, str | None] = field(default_factory=dict, init=False, compare=False)

    def embed(self, dataset: str, stream: str) -> dict[str, Any]:
        """Settings of `fusevad embed`."""
        return kind_of(stream).settings(stream, self.config.given(dataset))

    def encoder_weights(self, dataset: str, stream: str) -> list[str]:
        """Files of weights that an embedding job needs; none for downloaded weights."""
        return kind_of(stream).weights(stream, self.config.given(dataset))

    def cue_shard(self, dataset: str, stream: str, shard: int) -> list[str]:
        """The shard of motion cues that an embedding shard is made from; none for most streams."""
        cue = kind_of(stream).cue(stream)
        return [self.cue_file(dataset, cue.definition, shard)] if cue else []

    def embedded(self, dataset: str) -> list[str]:
        """Streams of a data set: RGB, and those that experiments learn from."""
        names = self.config.possible(dataset)
        found = chain.from_iterable(self.config.streams(name).values() for name in names)
        return list(dict.fromkeys([RGB, *found]))

    def imported_streams(self, dataset: str) -> list[str]:
        """Streams of imported features: those of their layout, and those that are named."""
        layout = LAYOUTS[self.config.features[dataset]["layout"]]
        return list(dict.fromkeys([*layout.streams, *self.embedded(dataset)]))

    @property
    def embedding_folders(self) -> set[str]:
        """Folders of embeddings of all streams and data sets."""
        return {
            self.config.embedding_folder(dataset, stream)
            for dataset in self.config.every
            for stream in self.embedded(dataset)
        }

    def embedding_folder(self, dataset: str, stream: str) -> str:
        """Folder of the embeddings of a stream."""
        encoder = self.config.embedding_folder(dataset, stream)
        return f"results/{dataset}/embeddings/{encoder}/{stream}"

    def shard_files(self, dataset: str, stream: str) -> list[str]:
        """All shards of the embeddings of a stream."""
        folder = self.embedding_folder(dataset, stream)
        count = self.config.every[dataset].shards
        return [f"{folder}/shard-{shard}.safetensors" for shard in range(count)]

    def index(self, dataset: str, stream: str) -> str:
        """Index of the embeddings of a stream."""
        return f"{self.embedding_folder(dataset, stream)}/index.csv"

    def imported_list(self, dataset: str, stream: str) -> str:
        """List of the files of features that a stream was imported from."""
        return f"{self.embedding_folder(dataset, stream)}/sources.csv"

    def embeddings(self, dataset: str, indices: Iterable[str]) -> list[str]:
        """The shards that indices list."""
        count = self.config.every[dataset].shards
        folders = [index.removesuffix("/index.csv") for index in indices]
        return [
            f"{folder}/shard-{shard}.safetensors" for folder in folders for shard in range(count)
        ]

    def learns_tower(self, dataset: str) -> bool:
        """Whether a data set has a motion-cue tower of its own."""
        lacking = self.config.encoder_settings["motion_cue_weights"] is None
        return lacking and dataset in self.config.tested

    def align(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad align`."""
        values = {
            "encoder": {**self.config.given(dataset).encoder, "motion_cue_weights": None},
            "crops": self.config.every[dataset].crops,
            "cues": self.cues("paper"),
        }
        return values | self.config.encoder_settings["align"]

    def class_texts(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad class-texts`: the encoder whose text tower reads the names."""
        values = self.config.text_tower_settings(dataset)
        kept = {key: values.get(key) for key in ("model", "pretrained")}
        return {"name": self.config.text_tower(dataset)} | kept

    def class_texts_file(self, dataset: str) -> str:
        """Texts of a data set's classes."""
        encoder = self.config.text_tower(dataset)
        return f"results/{dataset}/encoders/{encoder}/class-texts.safetensors"

    def features(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad import-features`."""
        values = self.config.features[dataset]
        others = ("folder", "videos", "text_tower")
        kept = {key: value for key, value in values.items() if key not in others}
        return {"crops": self.config.crops(dataset)} | kept

    def features_content(self, dataset: str) -> dict[str, Any]:
        """An option: which files of imported features there are, and their sizes."""
        if dataset not in self._outlines:
            settings = parse(ImportSettings, self.features(dataset), dataset)
            folder = self.config.features[dataset]["folder"]
            self._outlines[dataset] = outline_of(folder, settings)
        return {CONTENT: self._outlines[dataset]}

    def tables_content(self, dataset: str, stream: str) -> dict[str, Any]:
        """An option: what the user's tables hold that a stream is made from; none for most."""
        folder = kind_of(stream).tables(self.embed(dataset, stream))
        return {CONTENT: content_of(TABLES, folder)} if folder else {}

    def imported(self, dataset: str) -> list[str]:
        """Option of `fusevad manifest` for features that the user already has."""
        features = self.config.features.get(dataset)
        return ["--features", features["folder"]] if features else []
