"""A small plan with the shape of the real one, and made-up artifacts that fit it."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import FileRecord, Record, write_record

DATA = "results/tiny"
VIDEOS = f"{DATA}/source/videos"
EMBEDDINGS = f"{DATA}/embeddings/clip/rgb"
SOURCE = "config/published.csv"


def made_up_plan(
    rate: float = 0.001, crops: int = 1, shards: int = 2, runs: Iterable[str] = ("ours",)
) -> Plan:
    """Rendered videos, motion cues, embeddings of `shards` shards, `runs` and their table."""
    tables = (f"{DATA}/source/labels.csv", f"{DATA}/source/intervals.csv")
    manifest = f"{DATA}/manifest.csv"
    jobs = [
        Job("render/tiny", "render", {"videos": 2}, {}, (*tables, VIDEOS), videos=VIDEOS),
        Job("manifest/tiny", "manifest", {}, {"tables": (*tables, VIDEOS)}, (manifest,)),
    ]
    files = []
    for shard in range(shards):
        cue, file = (
            f"{DATA}/cues/paper/shard-{shard}.h5",
            f"{EMBEDDINGS}/shard-{shard}.safetensors",
        )
        step = "cues/tiny/paper"
        jobs.append(
            Job(f"{step}/{shard}", "cues", {"clamp": 16}, {"manifest": manifest}, (cue,), step=step)
        )
        step = "embed/tiny/clip/rgb"
        settings = {"crops": crops, "stream": "rgb"}
        jobs.append(
            Job(
                f"{step}/{shard}", "embed", settings, {"files": (manifest, cue)}, (file,), step=step
            )
        )
        files.append(file)
    index = f"{EMBEDDINGS}/index.csv"
    jobs.append(Job("index/tiny/clip/rgb", "index", {}, {"files": (manifest, *files)}, (index,)))
    for run in runs:
        folder = f"{DATA}/runs/{run}"
        trained = (f"{folder}/history.csv", f"{folder}/weights/seed-0.safetensors")
        settings = {"run": run, "lr": rate}
        jobs.append(
            Job(
                f"train/tiny/{run}",
                "train",
                settings,
                {"files": (manifest, index), "embeddings": files},
                trained,
            )
        )
        seeds = (f"{folder}/seeds.csv",)
        jobs.append(
            Job(f"evaluate/tiny/{run}", "evaluate", {}, {"files": (manifest, *trained)}, seeds)
        )
    seeds = tuple(f"{DATA}/runs/{run}/seeds.csv" for run in runs)
    table = ("results/table1.tex", "results/table1.csv")
    jobs.append(Job("report/table1", "report", {}, {"files": (*seeds, SOURCE)}, table))
    return Plan(jobs)


def with_second_dataset(plan: Plan, name: str = "second") -> Plan:
    """A plan with the jobs of another data set beside those of `tiny`; the table shows both."""

    def of_second(text: str) -> str:
        return text.replace("tiny", name)

    table = plan.jobs["report/table1"]
    jobs = [job for job in plan.jobs.values() if job is not table]
    copies = [
        replace(
            job,
            name=of_second(job.name),
            step=of_second(job.step),
            reads={key: [of_second(path) for path in files_of(job, key)] for key in job.reads},
            outputs=tuple(map(of_second, job.outputs)),
            videos=of_second(job.videos),
        )
        for job in jobs
    ]
    files = tuple(dict.fromkeys([*table.inputs, *map(of_second, table.inputs)]))
    return Plan([*jobs, *copies, replace(table, reads={"files": files})])


def files_of(job: Job, key: str) -> list[str]:
    """What a job reads under one name."""
    files = job.reads[key]
    return [files] if isinstance(files, str) else list(files)


def make(
    plan: Plan, jobs: Iterable[str] | None = None, content: str = "", equal: bool = False
) -> None:
    """Do jobs (all, without any) in the working directory, as verbs do: outputs, then record.

    With `equal` all outputs of a job have the same bytes.
    """
    if not Path(SOURCE).is_file():
        write(SOURCE, "the paper's numbers")
    for name in plan.jobs if jobs is None else jobs:
        job = plan.jobs[name]
        inputs = {
            path: FileRecord.of(Path(path)).sha256 for path in job.inputs if Path(path).exists()
        }
        for path in job.outputs:
            text = f"{name if equal else path} {content} {plan.lineage(job)} {inputs}"
            if path == job.videos:
                write_videos(text, job.videos)
            else:
                write(path, text)
        outputs = {path: FileRecord.of(Path(path)) for path in job.outputs}
        record = Record(job.name, job.stage, plan.lineage(job), inputs, outputs, {})
        write_record(record, Path(job.record))


def write_videos(text: str, folder: str = VIDEOS) -> None:
    """Write the one video and the table of the folder's hashes."""
    write(f"{folder}/a.mp4", text)
    write(f"{folder}/SHA256SUMS", f"{hashlib.sha256(text.encode()).hexdigest()}  a.mp4\n")


def write(path: str, text: str) -> None:
    """Write a file and its folders."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def remove(plan: Plan, *jobs: str) -> None:
    """Remove everything of jobs."""
    for name in jobs:
        job = plan.jobs[name]
        for path in map(Path, (*job.outputs, job.record)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def named(plan: Plan, *stages: str) -> list[str]:
    """Names of the jobs of stages."""
    return [name for name, job in plan.jobs.items() if job.stage in stages]


def rerun(plan: Plan, command: str = "exit 1", dry: bool = True) -> set[str]:
    """Jobs that the real Snakemake would run for the table (or runs, if not `dry`)."""
    rules = []
    videos = {job.videos for job in plan.jobs.values()}
    for number, job in enumerate(plan.jobs.values()):
        plan.write_settings(job)
        inputs = (*job.inputs, plan.settings_file(job))
        ancient = [f"ancient({path!r})" if path in videos else repr(path) for path in inputs]
        made = [f"directory({path!r})" if path in videos else repr(path) for path in job.outputs]
        rules.append(
            f"rule:\n    name: 'rule{number}'\n    input: {', '.join(ancient)}\n"
            f"    output: {', '.join(made)}\n    benchmark: '{benchmark(number)}'\n"
            f"    shell: '{command}'\n"
        )
    Path("Snakefile").write_text("\n".join(rules))
    program = [Path(sys.executable).with_name("snakemake"), "--cores", "1", "results/table1.tex"]
    options = ["--dry-run"] if dry else []
    done = subprocess.run([*program, *options], capture_output=True, text=True, check=True)
    names = dict(enumerate(plan.jobs))
    lines = done.stdout.splitlines()
    return {names[int(line[9:-1])] for line in lines if line.startswith("rule rule")}


def benchmark(number: int) -> str:
    """File in which Snakemake measures the job of that number; it counts as an output's age."""
    return f"{DATA}/benchmarks/{number}.tsv"


def make_deep(folder: str, name: str, levels: int) -> None:
    """Make folders of a name in each other, and a file in the last."""
    before = Path.cwd()
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for _ in range(levels):
        os.mkdir(name)
        os.chdir(name)
    Path("x").write_text("1")
    os.chdir(before)
