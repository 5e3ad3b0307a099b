"""Fuzz parsers, guided by the lines that inputs reach: `make fuzz MINUTES=10`.

Each target runs in a process of its own. Inputs that reached new lines are kept for the next run in
build/fuzz/TARGET/corpus; one that crashes is written to build/fuzz/TARGET/crash-HASH.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

_BUILD = Path("build/fuzz")
_MEMORY_MB, _SECONDS = 2048, 20  # that one input may take
_RUNS = re.compile(r"stat::number_of_executed_units: (\d+)")


def main() -> int:
    """Fuzz the chosen targets, or be the process of one."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--minutes", type=float, default=10, help="for each target")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        return _fuzz(given.inside, given.minutes)
    known = _names()
    unknown = [name for name in given.targets if name not in known]
    if unknown:
        parser.error(f"no target {unknown[0]}; choose from {', '.join(known)}")
    crashed = [name for name in given.targets or known if _run(name, given.minutes)]
    return 1 if crashed else 0


def _names() -> list[str]:
    """All targets, from a process of its own: what they import would stay in memory for hours."""
    program = "from tests.fuzz.targets import TARGETS; print(*TARGETS)"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def _run(name: str, minutes: float) -> bool:
    """Fuzz one target in a process; whether it crashed."""
    command = [sys.executable, "-m", "tests.fuzz", "--inside", name, "--minutes", str(minutes)]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace")
    runs = _RUNS.search(result.stderr)
    count = f"{int(runs[1]):,} inputs" if runs else "no count of inputs"
    if result.returncode == 0:
        print(f"{name}: {count} in {minutes:g} minutes, no crash", flush=True)
        return False
    print(f"{name}: CRASH after {count}, status {result.returncode}", flush=True)
    print(result.stdout[-1500:], result.stderr[-1500:], sep="\n", flush=True)
    return True


def _fuzz(name: str, minutes: float) -> int:
    import atheris

    with atheris.instrument_imports(include=["fusevad"]):
        from tests.fuzz.targets import TARGETS, try_input
    target, own = TARGETS[name], _BUILD / name
    corpus = own / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "seeds").mkdir()
        for number, content in enumerate(target.seeds(folder / "seeds")):
            (corpus / f"seed-{number}").write_bytes(content)
        (folder / "input").mkdir()
        atheris.Setup(
            [
                name,
                f"-max_total_time={round(60 * minutes)}",
                f"-rss_limit_mb={_MEMORY_MB}",
                f"-timeout={_SECONDS}",
                f"-artifact_prefix={own}/",
                "-print_final_stats=1",
                str(corpus),
            ],
            lambda content: keep_crash(partial(try_input, target), content, folder / "input", own),
        )
        atheris.Fuzz()
    return 0


def keep_crash(
    attempt: Callable[[bytes, Path], None], content: bytes, folder: Path, own: Path
) -> None:
    """Try an input; write one that crashes to the target's own folder.

    libFuzzer writes it as well, but not before the process ends, and by then its alarm, which comes
    every few seconds, may have killed the process.
    """
    try:
        attempt(content, folder)
    except Exception:
        (own / f"crash-{hashlib.sha1(content).hexdigest()}").write_bytes(content)
        raise


if __name__ == "__main__":
    sys.exit(main())
