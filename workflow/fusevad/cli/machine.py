"""What a machine has of what a configuration needs; each check looks, and changes nothing."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs

_GB = 1e9
# Disk of a segment and crop in 768 features of 16 bits, and of the motion cues of a segment at one
# window and threshold (docs/reproduce.md).
_CROP_BYTES, _CUE_BYTES = 768 * 2, 12_000
# MB that a job which embeds asks for (`workflow/rules/embed.smk`).
EMBED_MB = 1950
_DECODERS, _ENCODERS = ("h264", "hevc", "mpeg4", "mjpeg", "ffv1", "vp9"), ("libx264", "aac")
EXTRAS = {
    "streams": ("transformers", "the streams depth and masks of real videos"),
    "sign": ("model_signing", "fusevad bundle --sign and --trust"),
    "onnx": ("onnxruntime", "fusevad export-onnx"),
    "mqtt": ("paho", "fusevad watch --mqtt"),
    "notebook": ("ipykernel", "a kernel for examples/score_video.ipynb"),
    "slurm": ("snakemake_executor_plugin_slurm", "snakemake on a cluster with Slurm"),
}
_OF_TRANSFORMERS = ("depth", "masks")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor.

    Attributes:
        what: was looked for.
        says: what was found.
        missing: whether it is not there, or not enough.
        needed: whether jobs of the configuration fail without it.
        remedy: what to do if it is missing.
    """

    what: str
    says: str
    missing: bool = False
    needed: bool = True
    remedy: str = ""

    @property
    def line(self) -> str:
        """For people: `ok`, `note` (can do without) or `MISSING`, and the remedy."""
        state = ("MISSING" if self.needed else "note") if self.missing else "ok"
        return f"{state:<8}{self.what}: {self.says}" + (f"; {self.remedy}" if self.missing else "")


def examine(config: Config | None) -> Iterator[Finding]:
    """All checks; without a configuration, those of the machine alone."""
    for check in (packages, programs, codecs, graphics):
        yield from check()
    if config is None:
        return
    jobs = Jobs(config)
    for of_configuration in (extras, weights, downloads, disk, memory, remote):
        yield from of_configuration(jobs)


def packages() -> Iterator[Finding]:
    """The packages that FuseVAD's own metadata asks for."""
    names = [re.split(r"[^\w.-]", each)[0] for each in metadata.requires("fusevad") or ()
             if "extra ==" not in each]  # fmt: skip
    if not names:
        says = "not known, as fusevad was installed before its metadata listed them"
        yield Finding("packages", says, True, False, "run: make env")
        return
    lacking = [name for name in names if not _is_installed(name)]
    says = f"no {', '.join(lacking)}" if lacking else f"all {len(names)} are installed"
    yield Finding("packages", says, bool(lacking), remedy="run: make env, or pip install . again")


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def extras(jobs: Jobs) -> Iterator[Finding]:
    """Packages of extras; needed if the configuration has weights for their streams."""
    chosen = jobs.config.chosen
    installed = [extra for extra, (module, _) in EXTRAS.items() if find_spec(module) is not None]
    for extra, (_, purpose) in EXTRAS.items():
        needed = extra == "streams" and any(
            chosen.get(name, {}).get("weights") for name in _OF_TRANSFORMERS
        )
        there = extra in installed
        says = "installed" if there else f"not installed, needed only for {purpose}"
        # `make env` removes the extras that it is not told of.
        names = " ".join([*installed, extra])
        remedy = f'run: make env EXTRAS="{names}"' if installed else f"run: make env EXTRAS={extra}"
        yield Finding(f"extra {extra}", says, not there, needed, remedy)


def programs() -> Iterator[Finding]:
    """Programs of the system; all can be done without."""
    for program, purpose, package in (
        ("git", "records name no commit, and data sets in git can't be fetched", "git"),
        ("latexmk", "tables are not compiled", "latexmk texlive-latex-recommended"),
        ("chromium", "tests of the explorer are skipped", "chromium"),
    ):
        place = shutil.which(program)
        says = place or f"not installed: {purpose}"
        yield Finding(program, says, place is None, False, f"as root: apt-get install {package}")


def codecs() -> Iterator[Finding]:
    """Decoders of common videos, and encoders of films, in the FFmpeg that PyAV brings."""
    from av.codec.codec import Codec, UnknownCodecError

    lacking = []
    for mode, names in (("r", _DECODERS), ("w", _ENCODERS)):
        for name in names:
            try:
                Codec(name, mode)
            except UnknownCodecError:
                lacking.append(name)
    says = f"no {', '.join(lacking)}" if lacking else ", ".join((*_DECODERS, *_ENCODERS))
    remedy = "install PyAV's own wheel, which has them: make env"
    yield Finding("codecs", says, bool(lacking), remedy=remedy)


def weights(jobs: Jobs) -> Iterator[Finding]:
    """Files of weights that the configuration names and that no job makes."""
    files: dict[str, str] = {}
    for key in jobs.config.embedded:
        for stream in jobs.embedded(key):
            for file in jobs.encoder_weights(key, stream):
                files.setdefault(file, f"{stream} of {key}")
    for file, user in files.items():
        if file.startswith("results/"):
            continue
        there = Path(file).is_file()
        remedy = "get the file, or correct its path in the configuration"
        yield Finding(f"weights {file}", "there" if there else f"no file for {user}", not there,
                      remedy=remedy)  # fmt: skip


def downloads(jobs: Jobs) -> Iterator[Finding]:
    """Weights of the encoder that are downloaded at first use."""
    model, tag = (jobs.config.encoder_settings[key] for key in ("model", "pretrained"))
    if tag is None or Path(tag).is_file() or not jobs.config.embedded:
        return
    from huggingface_hub import try_to_load_from_cache
    from open_clip import get_pretrained_cfg

    published = get_pretrained_cfg(model, tag)
    if not published:
        yield Finding(f"weights {model} {tag}", "open_clip knows no such weights", True,
                      remedy="correct config/encoders/")  # fmt: skip
        return
    repository, _, file = published["hf_hub"].rpartition("/")
    names = [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    cached = [try_to_load_from_cache(repository, name) for name in names]
    there = any(isinstance(each, str) for each in cached)
    says = "in the cache" if there else "not in the cache: downloaded at first use"
    remedy = "without a network, set `pretrained` to a file of config/encoders/'s model"
    yield Finding(f"weights {model} {tag}", says, not there, False, remedy)


def disk(jobs: Jobs) -> Iterator[Finding]:
    """Free space for the embeddings and motion cues of data sets that have a manifest."""
    from fusevad.data.manifest import read_manifest

    free = shutil.disk_usage("results" if Path("results").is_dir() else ".").free
    wanted = 0.0
    for key in jobs.config.embedded:
        manifest = Path(jobs.manifest(key))
        if not manifest.is_file():
            says = "not known before its manifest is made"
            remedy = f"run: snakemake --cores all {manifest}"
            yield Finding(f"disk for {key}", says, True, False, remedy)
            continue
        segments = sum(video.segments for video in read_manifest(manifest))
        crops = len(jobs.config.crops(key)) * len(jobs.embedded(key))
        cues = len(jobs.config.cues["windows"]) * len(jobs.config.cues["thresholds"])
        wanted += segments * (crops * _CROP_BYTES + cues * _CUE_BYTES)
    says = f"{free / _GB:.1f} GB free, {wanted / _GB:.1f} GB for embeddings and cues at most"
    yield Finding("disk", says, free < wanted, remedy="link results/ to a larger disk")


def memory(jobs: Jobs) -> Iterator[Finding]:
    """Memory that is available now, against the job that asks for most, with one process."""
    wanted = most_asked_mb(jobs)
    available = available_mb()
    says = f"{available / 1000:.1f} GB available, {wanted / 1000:.1f} GB asked for by one job"
    yield Finding("memory", says, available < wanted,
                  remedy="close other programs, or use a smaller batch_size")  # fmt: skip


def most_asked_mb(jobs: Jobs) -> int:
    """MB of the job of Table 1 that asks for most, with one process."""
    wanted = EMBED_MB
    for key in jobs.config.datasets:
        names = [name for name in jobs.config.table1 if name in jobs.config.experiments]
        wanted = max([wanted, *(jobs.train_memory(key, name, 1) for name in names)])
    return wanted


def available_mb(table: Path = Path("/proc/meminfo")) -> int:
    """MB that new processes can get without swapping, as Linux estimates them.

    Raises:
        FusevadError: the table has no such line.
    """
    match = re.search(r"^MemAvailable:\s+(\d+) kB", table.read_text(), re.MULTILINE)
    if match is None:
        raise FusevadError(f"{table}: no line MemAvailable; FuseVAD runs on Linux")
    return int(match[1]) * 1024 // 1_000_000


def graphics() -> Iterator[Finding]:
    """The GPU that embedding and training would use."""
    import torch

    there = torch.cuda.is_available()
    says = torch.cuda.get_device_name() if there else "none, so everything runs on the CPU"
    remedy = "fine for small data sets (docs/reproduce.md has hours); else check nvidia-smi"
    yield Finding("GPU", says, not there, False, remedy)


def remote(jobs: Jobs) -> Iterator[Finding]:
    """Whether DVC's default remote can be reached."""
    del jobs
    from fusevad.artifacts.store import Store

    try:
        says = Store().reach_remote()
    except FusevadError as error:
        remedy = "only fusevad pull and push need it (docs/artifacts.md)"
        yield Finding("DVC remote", str(error).split("; ")[0], True, False, remedy)
    else:
        yield Finding("DVC remote", says)
