"""Settings, inputs and outputs of the jobs that make bundles of runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.plan.job import Files, Job
from fusevad.plan.jobs import Jobs
from fusevad.plan.stage import STAGES
from fusevad.plan.study_jobs import StudyJobs


@dataclass(frozen=True, slots=True)
class BundleJobs:
    """Paths and settings of all bundles of a configuration."""

    studies: StudyJobs

    def experiments(self, dataset: str) -> list[str]:
        """Experiments that have a bundle: their scores of normal videos are in a study."""
        config = self.studies.jobs.config
        return [name for name in self.studies.of_study("alarms") if config.runs(dataset, name)]

    def bundle(self, dataset: str, experiment: str) -> str:
        """The bundle of a run."""
        return f"{self.studies.jobs.config.home}/{dataset}/bundles/{experiment}.fusevad"

    def settings(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of `fusevad bundle`."""
        plain = self.studies.jobs
        config, chosen = plain.config, plain.config.studies["alarms"]
        title = config.datasets[dataset].title
        scores = self.studies.study_file(dataset, f"normal-scores/{experiment}.parquet")
        manifest = plain.manifest(dataset)
        return {
            "experiment": experiment,
            "label": config.experiments[experiment].label,
            "dataset": title,
            "protocol": self.studies.protocol_with_weights,
            "rates": chosen["rates"],
            "events": chosen["events"],
            "learned": {"title": title, "manifest": manifest, "scores": scores},
            "footage": self._footage(dataset, experiment),
        }

    def _footage(self, dataset: str, experiment: str) -> dict[str, str] | None:
        footage = self.studies.jobs.config.footage.get(dataset)
        if footage is None:
            return None
        return {
            "title": footage.title,
            "manifest": self.studies.jobs.manifest(footage.key),
            "scores": self.studies.study_file(dataset, f"footage/{experiment}.parquet"),
        }

    def reads(self, dataset: str, experiment: str) -> dict[str, Files]:
        """Inputs of `fusevad bundle`."""
        plain, settings = self.studies.jobs, self.settings(dataset, experiment)
        normal = [each for each in (settings["learned"], settings["footage"]) if each]
        run, streams = plain.run(dataset, experiment), plain.streams(dataset, experiment)
        encoders = [w for s in streams.values() for w in self._weights(dataset, s)]
        return {
            "run": f"{run}/history.csv",
            "metrics": f"{run}/seeds.csv",
            "weights": plain.weights(dataset, experiment),
            "streams": list(streams.values()),
            "embeddings": plain.embeddings(dataset, streams.values()),
            "encoders": list(dict.fromkeys(encoders)),
            "manifests": [each["manifest"] for each in normal],
            "scores": [each["scores"] for each in normal],
        }

    def _weights(self, dataset: str, index: str) -> list[str]:
        """Files of the encoder of a stream, by its index."""
        return self.studies.jobs.encoder_weights(dataset, Path(index).parent.name)


def bundles(jobs: BundleJobs) -> Iterator[Job]:
    """The bundle of each run on videos whose normal videos a study scores."""
    for key in jobs.studies.jobs.config.embedded:
        for name in jobs.experiments(key):
            yield Job(
                f"bundle/{key}/{name}",
                "bundle",
                jobs.settings(key, name),
                jobs.reads(key, name),
                (jobs.bundle(key, name),),
                # Bundles state the version of the code that scores, and no other code opens them.
                {"score": STAGES["score"].version},
            )


def bundle_of_run(config: Config, run: Path) -> dict[str, Any]:
    """Settings of the bundle of a run folder; footage that nobody has scored yet is left out.

    Raises:
        FusevadError: no such run is in the configuration, or its normal videos are not scored.
    """
    jobs = BundleJobs(StudyJobs(Jobs(config)))
    runs = {
        Path(jobs.studies.jobs.run(key, name)).resolve(): (key, name)
        for key in config.embedded
        for name in config.experiments
        if config.runs(key, name)
    }
    if run.resolve() not in runs:
        raise FusevadError(_no_run(run))
    key, name = runs[run.resolve()]
    if name not in jobs.experiments(key):
        raise FusevadError(
            f"{run}: nobody scores normal videos with experiment {name}, so there are no"
            " thresholds; add it to config/tables/alarms.yaml"
        )
    return _without_missing(jobs.settings(key, name), jobs.bundle(key, name))


def _no_run(run: Path) -> str:
    if not run.is_dir():
        return f"{run}: no such folder; name that of a run, as in results/rendered/runs/student-t"
    if not (run / "history.csv").is_file():
        return f"{run}: not the folder of a finished run; name one, as in results/DATASET/runs/NAME"
    return f"{run}: no run of this configuration; name the --configfile that it was made with"


def _without_missing(settings: dict[str, Any], bundle: str) -> dict[str, Any]:
    footage = settings["footage"]
    if footage and not Path(footage["scores"]).is_file():
        settings = settings | {"footage": None}
    if settings["footage"] is None and not Path(settings["learned"]["scores"]).is_file():
        raise FusevadError(
            f"{settings['learned']['scores']}: no scores of normal videos, so no thresholds; run:"
            f" snakemake --cores all {bundle}"
        )
    return settings
