"""The jobs of a configuration, and the lineage of each artifact.

A lineage follows from the configuration alone, without any data: the settings of a job and of all
jobs before it. An artifact that records the lineage which the configuration expects is the one that
the workflow would make. Imports nothing heavy: the Snakefile reads it at every start.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from fusevad.errors import FusevadError
from fusevad.files import write_text
from fusevad.plan.bundled_files import check_bundled
from fusevad.plan.job import Files, Job
from fusevad.plan.own_files import CONTENT, digest, noted_content
from fusevad.plan.stage import SHARED_UNITS, STAGES

SETTINGS_FOLDER = "results/settings"
# Inputs whose hashes are in another input of the same job.
_LISTED = ("embeddings", "videos")


class Plan:
    """All jobs of a configuration, upstream before downstream.

    Args:
        jobs: those that can run.
        name: of the configuration, see `scope`.
        every: these, and jobs whose inputs nothing makes.

    Raises:
        FusevadError: two jobs make the same file or record, or have the same name.
    """

    def __init__(self, jobs: Iterable[Job], name: str = "", every: Iterable[Job] = ()) -> None:
        given: dict[str, Job] = {}
        for job in jobs:
            if given.setdefault(job.name, job) != job:
                raise FusevadError(
                    f"{job.outputs[0]}: another job is called {job.name}, too; rename the table,"
                    " experiment or data set of one"
                )
        self._producers: dict[str, str] = {}
        for job in given.values():
            for path in (*job.outputs, job.record):
                other = self._producers.setdefault(path, job.name)
                if other != job.name:
                    raise FusevadError(f"{path}: made by both {other} and {job.name}; rename one")
        self.name = name
        self._given = given
        self._impossible = {job.name: job for job in every if job.name not in given}
        self._lineages: dict[str, dict[str, Any]] = {}
        self._absent: set[str] = set()
        self._settings_files: dict[str, str] = {}
        self._step_texts: dict[str, str] = {}
        self._input_texts: dict[str, str] = {}

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """All jobs by name, each after the jobs that it needs."""
        ordered: dict[str, Job] = {}
        for job in self._given.values():
            self._place(job, ordered)
        return ordered

    def _place(self, job: Job, ordered: dict[str, Job]) -> None:
        if job.name not in ordered:
            for other in self.upstream(job):
                self._place(other, ordered)
            ordered[job.name] = job

    def producer(self, path: str) -> Job | None:
        """The job that makes a file; None for a source."""
        name = self._producers.get(path)
        return self._given[name] if name else None

    def upstream(self, job: Job) -> list[Job]:
        """The jobs that make a job's inputs."""
        names = dict.fromkeys(map(self._producers.get, job.inputs))
        return [self._given[name] for name in names if name]

    def lineage(self, job: Job) -> dict[str, Any]:
        """Stage, versions, settings and source files of the job's step and of all before it."""
        if job.step not in self._lineages:
            steps: dict[str, Any] = {}
            # The jobs of a step have one lineage: a run needs not merge that of each of its shards.
            for other in {each.step: each for each in self.upstream(job)}.values():
                steps |= self.lineage(other)
            steps[job.step] = {
                "stage": job.stage,
                **_versions(job),
                # As read back from the record: JSON has no tuples.
                "settings": json.loads(json.dumps(job.settings | self._options(job))),
                "sources": {path: _digest(path) for path in self._sources(job)},
            }
            self._lineages[job.step] = steps
        return self._lineages[job.step]

    def _options(self, job: Job) -> dict[str, Any]:
        """A job's options; where the user's own files are absent, with what was noted of them."""
        if job.options.get(CONTENT, "") is not None:
            return job.options
        self._absent.add(job.step)
        shares = [each for each in self._given.values() if each.step == job.step]
        records = (each.record for each in shares)
        return job.options | {
            CONTENT: noted_content(job.step, records, self.settings_stem(shares[0]))
        }

    def comparable(self, job: Job) -> dict[str, Any]:
        """The lineage for `records.differences`: absent files of the user's own fit all results."""
        steps = dict(self.lineage(job))
        for name in self._absent & steps.keys():
            steps[name] = steps[name] | {"settings": steps[name]["settings"] | {CONTENT: None}}
        return steps

    def reread(self) -> "Plan":
        """The same jobs, with what records note now of the user's own files that are absent."""
        return Plan(self._given.values(), self.name, self._impossible.values())

    def _sources(self, job: Job) -> Iterator[str]:
        return (path for path in job.inputs if path not in self._producers)

    def settings_file(self, job: Job) -> str:
        """The input that shows Snakemake changed settings: other settings are another file.

        So trying other settings leaves no trace on these files.
        """
        if job.name not in self._settings_files:
            self._settings_path(job, self._settings_text(job))
        return self._settings_files[job.name]

    def _settings_path(self, job: Job, text: str) -> str:
        """Path of the job's settings file, given its content."""
        path = f"{self.settings_stem(job)}.{settings_digest(text.encode())}.json"
        self._settings_files[job.name] = path
        return path

    def settings_stem(self, job: Job) -> str:
        """The start of the job's settings file, whatever its settings are."""
        folder = f"{SETTINGS_FOLDER}/{self.scope(job)}".rstrip("/")
        return f"{folder}/{job.name}"

    def scope(self, job: Job) -> str:
        """Name of the configuration whose folder has the outputs; empty for shared outputs."""
        return "" if job.unit in SHARED_UNITS else self.name

    def check_targets(self, words: Iterable[str]) -> None:
        """Refuse files of other configurations, which Snakemake would take for finished.

        Raises:
            FusevadError: naming the file that this configuration makes instead.
        """
        for word in words:
            if right := self._own_target(word):
                whose = f"configuration '{self.name}'" if self.name else "the default configuration"
                raise FusevadError(f"{word}: of another configuration; for {whose} it is {right}")

    def _own_target(self, target: str) -> str | None:
        """This configuration's file in place of another configuration's; None if there is none."""
        parts = PurePosixPath(target).parts
        if parts[:1] != ("results",) or self._makes("/".join(parts)):
            return None
        own = [part for part in ("results", self.name) if part]
        tails = [parts[1:], parts[2:]]
        found = ("/".join((*own, *tail)) for tail in tails if tail)
        return next(filter(self._makes, found), None)

    def _makes(self, path: str) -> bool:
        """Whether a job makes a file, or something in a folder."""
        folder = f"{path}/"
        return path in self._producers or any(each.startswith(folder) for each in self._producers)

    def write_settings(self, job: Job) -> str:
        """Write the job's settings file unless it exists undamaged; return its path.

        The verb reads from it its settings, the expected inputs, and what to record.
        """
        text = self._settings_text(job)
        path = self._settings_path(job, text)
        _write_unless_whole(text, Path(path))
        return path

    def write_all_settings(self) -> None:
        """Write the settings files of all jobs."""
        for job in self.jobs.values():
            self.write_settings(job)

    def inputs(self, name: str) -> dict[str, Files]:
        """The inputs of the rule for a job, by name, with its settings file.

        Raises:
            FusevadError: the configuration has no such job.
        """
        if name not in self.jobs:
            lacking = sorted(self._nobody_makes(name))
            needs = f"needs {lacking[0]}, which nothing makes: it " if lacking else ""
            raise FusevadError(
                f"{name}: {needs}needs motion cues, crops, a text tower or intervals of test"
                " videos that the configuration lacks; add them there"
            )
        job = self.jobs[name]
        return {**job.reads, "settings": self.settings_file(job)}

    def _nobody_makes(self, name: str) -> set[str]:
        """The files at the root of why a job can't run."""
        makers = {path: job.name for job in self._impossible.values() for path in job.outputs}
        found: set[str] = set()
        seen, waiting = {name}, [name]
        while waiting:
            job = self._impossible.get(waiting.pop())
            for path in job.inputs if job else ():
                if path in self._producers or not path.startswith("results/"):
                    continue
                maker = makers.get(path)
                if maker is None:
                    found.add(path)
                elif maker not in seen:
                    seen.add(maker)
                    waiting.append(maker)
        return found

    def inputs_of(
        self, unchanging: Callable[[Files], Files], job: str
    ) -> Callable[[Mapping[str, str]], dict[str, Files]]:
        """Return a function from a rule's wildcards to the job's inputs, by name.

        Args:
            unchanging: marks files whose hashes another input has (shards in their index, videos
                in the manifest): new times alone, as set by `dvc pull`, run nothing again.
            job: name of the job, with the rule's wildcards.
        """

        def inputs(wildcards: Mapping[str, str]) -> dict[str, Files]:
            found = self.inputs(job.format(**dict(wildcards.items())))
            marked = {name: unchanging(found[name]) for name in _LISTED if name in found}
            return found | marked

        return inputs

    def _settings_text(self, job: Job) -> str:
        """Indented JSON; what jobs share, steps of lineages and inputs, is written once."""
        head = {"job": job.name, "stage": job.stage, "settings": job.settings}
        inputs = ",\n".join(map(self._input_text, job.inputs))
        lineage = ",\n".join(self._step_text(*step) for step in self.lineage(job).items())
        parts = (
            _inner_json(head),
            f' "inputs": {{\n{inputs}\n }}' if inputs else ' "inputs": {}',
            _inner_json({"outputs": job.outputs}),
            f' "lineage": {{\n{lineage}\n }}',
        )
        return "{\n" + ",\n".join(parts) + "\n}\n"

    def _input_text(self, path: str) -> str:
        """An input and the record of the job that makes it: a run has thousands of shards."""
        if path not in self._input_texts:
            maker = self.producer(path)
            record = json.dumps(maker.record if maker else None)
            self._input_texts[path] = f"  {json.dumps(path)}: {record}"
        return self._input_texts[path]

    def _step_text(self, name: str, step: Mapping[str, Any]) -> str:
        if name not in self._step_texts:
            self._step_texts[name] = _inner_json({name: step}).replace("\n", "\n ")
        return f" {self._step_texts[name]}"


def _inner_json(values: Mapping[str, Any]) -> str:
    """Keys and values as indented JSON, without the braces around them."""
    return json.dumps(values, indent=1).removeprefix("{\n").removesuffix("\n}")


def _versions(job: Job) -> dict[str, int]:
    # The registries bring pydantic, which `fusevad --help` can do without.
    from fusevad.embed.streams.registry import stream_version
    from fusevad.models.registry import method_version

    of_method = method_version(job.method) if job.method else {}
    of_stream = stream_version(job.stream) if job.stream else {}
    return {"version": STAGES[job.stage].version, **of_method, **of_stream}


def settings_digest(content: bytes) -> str:
    """The part of a settings file's name that depends on its content."""
    return hashlib.sha256(content).hexdigest()[:12]


def _write_unless_whole(text: str, file: Path) -> None:
    """Write a file; a damaged one keeps its old time, so that Snakemake runs nothing again."""
    if not file.is_file():
        write_text(text, file, durable=False)
    elif file.read_bytes() != text.encode():
        found = file.stat()
        write_text(text, file, durable=False)
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))


def _digest(path: str) -> str | None:
    """Hash of a source file; None if it is missing, which the job itself reports."""
    file = Path(path)
    if not file.is_file():
        return None
    found = digest(file)
    check_bundled(file, found)
    return found
