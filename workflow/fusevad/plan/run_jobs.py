"""Settings, inputs and outputs of the jobs of runs: training, search, evaluation."""

from dataclasses import dataclass
from typing import Any

from fusevad.config.protocols import KEPT_PROTOCOLS, TEACHING
from fusevad.embed.imported.settings import LAYOUTS
from fusevad.embed.streams.registry import kind_of, may_lack
from fusevad.evaluate.imported.settings import SUFFIXES
from fusevad.plan.embedding_jobs import EmbeddingJobs
from fusevad.plan.memory import WIDEST_HERE, seed_memory_mb
from fusevad.plan.own_files import CONTENT, content_of
from fusevad.train.settings import SEARCHED, train_settings


@dataclass(frozen=True, slots=True)
class RunJobs(EmbeddingJobs):
    """Paths and settings of the jobs of runs, beside those before them."""

    def run(self, dataset: str, experiment: str) -> str:
        """The folder of a run."""
        return f"{self.config.home}/{dataset}/runs/{experiment}"

    def streams(self, dataset: str, experiment: str) -> dict[str, str]:
        """Index of the embeddings of each stream that training reads, by role."""
        streams = self.config.streams(experiment)
        if dataset in self.config.features:
            streams = self._imported_for(dataset, streams)
        return {role: self.index(dataset, stream) for role, stream in streams.items()}

    def partial_streams(self, dataset: str, experiment: str) -> dict[str, str]:
        """Of those, the streams that videos may lack, such as sound."""
        if experiment in self.config.imported:
            return {}
        indices = self.streams(dataset, experiment).items()
        return {role: index for role, index in indices if may_lack(role)}

    def _imported_for(self, dataset: str, streams: dict[str, str]) -> dict[str, str]:
        """The streams, or in place of those that features lack, their layout's in that role."""
        features = self.config.features[dataset]
        own = {kind_of(each).name: each for each in LAYOUTS[features["layout"]].streams}
        named = features.get("streams", {})
        return {
            role: each if each in named else own.get(role, each) for role, each in streams.items()
        }

    def stream_options(self, dataset: str, experiment: str) -> list[str]:
        """Options that name a run's streams, for the verbs that read embeddings."""
        indices = self.streams(dataset, experiment).items()
        return [word for role, path in indices for word in ("--stream", f"{role}={path}")]

    def train(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of `fusevad train`; a searched learning rate is known when the search ran."""
        values = self.config.train_settings(dataset, experiment)
        if experiment in self.searched:
            values |= {"learning_rate": SEARCHED}
        return values

    def imported_scores(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of `fusevad import-scores`."""
        chosen = self.config.imported[experiment]
        order = {"order": chosen.order[dataset]} if dataset in chosen.order else {}
        return chosen.settings | order

    def scores_content(self, dataset: str, experiment: str) -> dict[str, Any]:
        """An option: what imported scores, and the list of their videos, hold."""
        chosen = self.config.imported[experiment]
        order = [chosen.order[dataset]] if dataset in chosen.order else []
        return {CONTENT: content_of(SUFFIXES, chosen.scores[dataset], *order)}

    def train_memory(self, dataset: str, experiment: str, workers: int) -> int:
        """MB that a training job requests: one process a seed, at most `workers` at a time."""
        return min(workers, len(self.config.seeds)) * self._seed_memory(dataset, experiment)

    def search_memory(self, dataset: str, experiment: str, workers: int) -> int:
        """MB that a search requests, which trains its own seeds with each learning rate."""
        chosen = self.config.learning_rates
        trainings = len(chosen["seeds"]) * len(chosen["factors"])
        return min(workers, trainings) * self._seed_memory(dataset, experiment)

    def _seed_memory(self, dataset: str, experiment: str) -> int:
        """MB that one training takes."""
        values = self.config.train_settings(dataset, experiment)
        settings = train_settings(values, f"experiment '{experiment}'")
        width = WIDEST_HERE
        if dataset in self.config.features:
            width = max(LAYOUTS[self.config.features[dataset]["layout"]].widths)
        return seed_memory_mb(settings, width)

    def seed_store(self, dataset: str, experiment: str) -> str:
        """Folder of finished seeds, which an experiment shares with the one that it varies."""
        name = self.config.experiments[experiment].searched_for or experiment
        return f"results/{dataset}/seeds/{name}"

    @property
    def searched(self) -> list[str]:
        """Experiments whose learning rate a search chooses."""
        known = self.config.experiments.items()
        return [name for name, experiment in known if experiment.searched_for]

    def search(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of `fusevad search`: several learning rates, around the method's own."""
        training = self.config.train_settings(dataset, experiment)
        own = train_settings(training, f"experiment '{experiment}'").learning_rate
        factors = self.config.learning_rates["factors"]
        # As people write them: 0.001 times 10 is 0.01.
        return training | {"learning_rate": [float(f"{own * factor:.6g}") for factor in factors]}

    def learning_rates(self, dataset: str, experiment: str) -> list[str]:
        """What the search for an experiment found; none where its learning rate is given."""
        searched = experiment in self.searched
        return [f"{self.run(dataset, experiment)}/learning-rates.csv"] if searched else []

    def learning_rates_option(self, dataset: str, experiment: str) -> list[str]:
        """Option of `fusevad train` for a learning rate that a search chose."""
        return [
            word
            for file in self.learning_rates(dataset, experiment)
            for word in ("--learning-rates", file)
        ]

    def teacher_weights(self, dataset: str, experiment: str) -> list[str]:
        """The weights of an experiment's teacher, of every seed."""
        teacher = self.config.experiments[experiment].teacher
        if teacher is None:
            return []
        folder = f"{self.run(dataset, teacher)}/weights"
        return [f"{folder}/seed-{seed}-{TEACHING}.safetensors" for seed in self.config.seeds]

    def teacher_option(self, dataset: str, experiment: str) -> list[str]:
        """Option of `fusevad train` for the teacher's run."""
        teacher = self.config.experiments[experiment].teacher
        return ["--teacher", self.run(dataset, teacher)] if teacher else []

    def texts(self, dataset: str, experiment: str) -> list[str]:
        """The texts of classes that an experiment learns with; none for most."""
        reads = self.config.reads_texts(dataset, experiment)
        return [self.class_texts_file(dataset)] if reads else []

    def texts_option(self, dataset: str, experiment: str) -> list[str]:
        """Option of `fusevad train` for the texts of classes."""
        return [word for file in self.texts(dataset, experiment) for word in ("--texts", file)]

    def weights(self, dataset: str, experiment: str) -> list[str]:
        """All weights that training keeps of a run."""
        folder = f"{self.run(dataset, experiment)}/weights"
        return [
            f"{folder}/seed-{seed}-{protocol}.safetensors"
            for seed in self.config.seeds
            for protocol in KEPT_PROTOCOLS
        ]

    def localise(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad localise`; see `evaluate.settings`."""
        return {"normal_events": self.config.datasets[dataset].source != "ucf-crime"}

    def run_files(self, experiments: tuple[str, ...], name: str) -> list[str]:
        """The file `name` of the runs of `experiments` on all data sets."""
        return [
            f"{self.run(dataset, experiment)}/{name}"
            for dataset in self.config.datasets
            for experiment in experiments
            if self.config.runs(dataset, experiment)
        ]
