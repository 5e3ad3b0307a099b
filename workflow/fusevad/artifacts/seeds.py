"""The store of finished seeds: what a run that fits adds to it, and what in it a plan needs."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from fusevad.artifacts.check import Finding, believed_records
from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.errors import FusevadError, notice
from fusevad.files import sha256
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import Record
from fusevad.train.seed_key import DEVICES, SeedKey, record_file
from fusevad.train.settings import TrainSettings, train_settings

_SEED = re.compile(r"seed-\d+")


def take_seeds(findings: Iterable[Finding]) -> None:
    """Put the seeds of whole runs into the store, as if they had been trained here.

    So one more seed of a run that somebody else has made trains that seed alone. It is done when
    the run is adopted: Snakemake removes a run before it makes it again.
    """
    for finding in findings:
        record = finding.record
        if finding.job.seed_store and finding.whole and record and "torch" in record.packages:
            _take(finding.job, record)


def _take(job: Job, record: Record) -> None:
    if not {*_data(job), *job.reads["teacher"]} <= record.inputs.keys():
        return  # of what it was trained with is not known
    run = Path(job.outputs[0]).parent
    try:
        settings = train_settings(job.settings | record.found, job.name)
    except FusevadError as error:
        notice(f"fusevad: {error}; its seeds are not kept for other runs")
        return
    for seed, folders in _folders(job, settings, record.inputs, record.packages["torch"]):
        if any(record_file(folder, seed).is_file() for folder in folders.values()):
            continue
        # Imported here, as it takes torch and most runs have been seen before.
        from fusevad.evaluate.scoring import trained_on, weights_file
        from fusevad.train.seed_store import KeptSeed

        try:
            device = trained_on(weights_file(run, seed, KEPT_PROTOCOLS[0]))
            if device in folders:
                KeptSeed(folders[device], seed).take(run, settings.epochs)
        except FusevadError as error:
            notice(f"fusevad: {error}; seed {seed} is not kept for other runs")


def _folders(
    job: Job, settings: TrainSettings, hashes: Mapping[str, str], torch: str
) -> Iterator[tuple[int, dict[str, Path]]]:
    """Where each seed of a job is kept, by the kind of device that has trained it."""
    store = Path(job.seed_store)
    data = tuple(hashes[path] for path in _data(job))
    seeds = job.options["seeds"]
    for seed, taught in zip(seeds, job.reads["teacher"] or [None] * len(seeds), strict=True):
        teacher = hashes[taught] if taught else None
        keys = {d: SeedKey(settings, data, teacher=teacher, device=d, torch=torch) for d in DEVICES}
        yield seed, {device: key.folder(store) for device, key in keys.items()}


def _data(job: Job) -> tuple[str, ...]:
    """The files whose hashes are the data of a seed's key."""
    return (job.reads["manifest"], *job.reads["streams"], *job.reads["texts"])


def unneeded_seeds(plans: Iterable[Plan]) -> Iterator[str]:
    """Folders and files of the store that training of no plan takes, with the installed torch.

    A store is left alone if what its training reads is not there or not as a plan wants it, or if
    learning rates are searched: which seeds that plan will take is not known then.
    """
    stores = sorted(str(path) for path in Path("results").glob("[!.]*/seeds/*") if path.is_dir())
    needed: set[str] = set()
    unknown: set[str] = set()
    for plan in plans:
        for job in plan.jobs.values():
            if job.seed_store in stores:
                hashes = _read_by(plan, job)
                needed.update(_needed(job, hashes))
                unknown.update([] if hashes else [job.seed_store])
    for store in stores:
        if store not in unknown:
            for folder in sorted(Path(store).iterdir()):
                yield from _unneeded(folder, needed)


def _read_by(plan: Plan, job: Job) -> dict[str, str]:
    """Hashes of what a key is made of, by path; none unless all are there and as configured.

    A learning rate that is searched is not in the configuration; nor are those that a search tries.
    """
    if job.reads.get("learning_rates"):
        return {}
    paths = (*_data(job), *job.reads["teacher"])
    makers = {maker.name: maker for path in paths if (maker := plan.producer(path))}
    believed = believed_records(plan, makers.values())
    if len(believed) < len(makers) or not all(Path(path).is_file() for path in paths):
        return {}
    return {path: sha256(Path(path)) for path in paths}


def _needed(job: Job, hashes: Mapping[str, str]) -> Iterator[str]:
    """`FOLDER/seed-N` of the seeds of a job, whatever kind of device has trained them."""
    if hashes:
        settings = train_settings(job.settings, job.name)
        for seed, folders in _folders(job, settings, hashes, version("torch")):
            yield from (f"{folder}/seed-{seed}" for folder in folders.values())


def _unneeded(folder: Path, needed: Container[str]) -> Iterator[str]:
    """A folder of the store if nothing in it is needed, else files of other seeds."""
    seeds = {file: _SEED.match(file.name) for file in sorted(folder.glob("[!.]*"))}
    unneeded = [
        str(f) for f, seed in seeds.items() if not seed or f"{folder}/{seed[0]}" not in needed
    ]
    yield from [str(folder)] if len(unneeded) == len(seeds) else unneeded
