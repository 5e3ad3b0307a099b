"""What Snakemake and DVC themselves do, on which `fusevad pull` and `fusevad adopt` are built.

If one of these fails after an update, read docs/artifacts.md again with it in mind.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from fusevad.artifacts import snakemake_memory
from fusevad.artifacts.snakemake_memory import forget_other_settings, forget_unfinished
from tests.conftest import ROOT
from tests.workflow_runs import run

BINARIES = Path(sys.executable).parent
SNAKEFILE = """
rule table:
    input: "run.txt"
    output: "table.txt"
    shell: "cp {input} {output}"

rule train:
    input: "cues.txt"
    output: "run.txt"
    params: rate=config.get("rate", 1)
    shell: "echo {params.rate} | cat {input} - > {output}"

rule cues:
    input: "raw.txt"
    output: "cues.txt"
    shell: "cp {input} {output}"

rule render:
    output: "raw.txt"
    shell: "echo raw > {output}"

rule frames:
    output: directory("frames")
    shell: "mkdir -p {output} && echo frame > {output}/1.txt"

rule count:
    input: "frames"
    output: "count.txt"
    shell: "ls {input} | wc -l > {output}"

rule large:
    output: "large.txt"
    shell: "head -c 3000000 /dev/zero > {output}"

rule size:
    input: "large.txt"
    output: "size.txt"
    shell: "wc -c < {input} > {output}"
"""
IN_ORDER = ("raw.txt", "cues.txt", "run.txt", "table.txt")
ALL = ("table.txt", "count.txt", "size.txt")


def snakemake(*arguments: str) -> str:
    """Run Snakemake in the working directory; returns what it prints."""
    done = run(Path.cwd(), "snakemake", "--cores", "1", *arguments)
    return done.stdout + done.stderr


def reruns(*arguments: str, target: str = "table.txt") -> set[str]:
    """Rules that Snakemake would run for a target."""
    lines = snakemake("--dry-run", target, *arguments).splitlines()
    return {line[5:-1] for line in lines if line.startswith("rule ")}


def set_times(paths: Iterable[str]) -> None:
    """An hour ago, each a second after the one before."""
    start = time.time() - 3600
    for number, path in enumerate(paths):
        os.utime(path, (start + number, start + number))


def forget() -> None:
    """As in a fresh clone: no metadata."""
    shutil.rmtree(".snakemake")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Snakemake has made everything."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "Snakefile").write_text(SNAKEFILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        snakemake(*ALL)
    return folder


@pytest.fixture(autouse=True)
def _in_a_copy(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def test_times_in_stage_order_rerun_nothing_without_metadata() -> None:
    forget()
    set_times(IN_ORDER)
    assert reruns() == set()


def test_an_output_older_than_its_input_is_made_again_with_all_that_follows() -> None:
    forget()
    set_times(["raw.txt", "run.txt", "cues.txt", "table.txt"])
    assert reruns() == {"train", "table"}


def test_rerun_triggers_cannot_switch_the_comparison_of_times_off_without_metadata() -> None:
    forget()
    set_times(["raw.txt", "run.txt", "cues.txt", "table.txt"])
    assert reruns("--rerun-triggers", "params", "input", "code") == {"train", "table"}


def test_absent_inputs_that_a_rule_can_make_trigger_nothing() -> None:
    forget()
    set_times(IN_ORDER)
    Path("raw.txt").unlink()
    assert reruns() == set()
    Path("cues.txt").unlink()
    assert reruns() == set()


def test_absent_inputs_that_no_rule_makes_trigger_nothing_either() -> None:
    forget()
    set_times(IN_ORDER)
    Path("Snakefile").write_text(SNAKEFILE.replace('output: "raw.txt"', 'output: "other.txt"'))
    Path("raw.txt").unlink()
    assert reruns() == set()


def test_with_results_alone_the_table_alone_is_made() -> None:
    forget()
    set_times(IN_ORDER)
    for name in ("raw.txt", "cues.txt", "table.txt"):
        Path(name).unlink()
    assert reruns() == {"table"}


def test_with_metadata_a_touched_small_input_of_equal_content_reruns_nothing() -> None:
    Path("cues.txt").touch()
    assert reruns() == set()


def test_with_metadata_a_touched_small_input_of_other_content_reruns_what_reads_it() -> None:
    Path("cues.txt").write_text("other")
    assert reruns() == {"train", "table"}


def test_a_touched_input_above_the_size_for_checksums_reruns_what_reads_it() -> None:
    Path("large.txt").touch()
    assert reruns(target="size.txt") == {"size"}


def test_a_size_for_checksums_that_was_smaller_when_recorded_does_not_help_later() -> None:
    Path("large.txt").touch()
    assert reruns("--max-checksum-file-size", "100MB", target="size.txt") == {"size"}


def test_with_the_same_larger_size_when_recorded_and_read_nothing_reruns() -> None:
    size = ("--max-checksum-file-size", "100MB")
    snakemake("--force", "size.txt", *size)
    Path("large.txt").touch()
    assert reruns(*size, target="size.txt") == set()
    assert reruns(target="size.txt") == {"size"}


def test_a_touched_folder_of_equal_content_reruns_what_reads_it() -> None:
    # Snakemake takes the time of a folder from its mark.
    Path("frames/.snakemake_timestamp").touch()
    assert reruns(target="count.txt") == {"count"}


def test_with_metadata_a_changed_parameter_reruns_its_rule_and_what_follows() -> None:
    assert reruns("--config", "rate=2") == {"train", "table"}


def test_without_metadata_a_changed_parameter_reruns_nothing() -> None:
    forget()
    set_times(IN_ORDER)
    assert reruns("--config", "rate=2") == set()


def test_touch_records_the_new_parameter_for_the_old_result() -> None:
    before = Path("run.txt").read_text()
    snakemake("--touch", "table.txt", "--config", "rate=2")
    assert reruns("--config", "rate=2") == set()
    assert Path("run.txt").read_text() == before


def _note(path: str) -> Path:
    """Where our code looks for what Snakemake remembers of a file."""
    return snakemake_memory.METADATA.joinpath(*snakemake_memory._parts(path))


def test_what_snakemake_remembers_lies_and_reads_as_our_code_expects() -> None:
    long = "/".join(["a-folder-of-a-long-name"] * 12) + "/out.txt"
    Path("settings.json").write_text("{}")
    Path("Snakefile").write_text(
        f'rule:\n    input: "settings.json"\n    output: {long!r}, "short.txt"\n'
        '    shell: "touch {output}"\n'
    )
    snakemake("short.txt")
    for path in (long, "short.txt"):
        assert json.loads(_note(path).read_text())["input"] == ["settings.json"]
    forget_other_settings({"settings.json": ["short.txt"]})
    assert _note("short.txt").is_file()
    forget_other_settings({"other.json": [long, "short.txt"]})
    assert not _note("short.txt").exists()
    assert not _note(long).exists()


def test_snakemake_believes_what_it_has_no_notes_of() -> None:
    _note("run.txt").unlink()
    assert reruns("--config", "rate=2") == set()


def test_while_it_runs_snakemake_holds_its_lock_where_our_code_looks() -> None:
    Path("Snakefile").write_text(
        'rule:\n    output: "seen.txt"\n    shell: "ls .snakemake/locks > {output}"\n'
    )
    snakemake("seen.txt")
    assert Path("seen.txt").read_text()
    assert not list(Path(".snakemake").glob("locks/*"))


def dvc(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run DVC in the working directory."""
    done = subprocess.run([BINARIES / "dvc", *arguments], capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def dvc_repository(**stages: dict[str, object]) -> None:
    """DVC without git, and its stages."""
    dvc("init", "--no-scm", "--quiet")
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))


def kept_files() -> set[str]:
    """Names of the files in the folder that DVC keeps."""
    (out,) = yaml.safe_load(Path("dvc.lock").read_text())["stages"]["frames"]["outs"]
    listing = Path(".dvc/cache/files/md5", out["md5"][:2], out["md5"][2:])
    return {entry["relpath"] for entry in json.loads(listing.read_text())}


def test_dvc_keeps_the_marks_of_snakemake_unless_our_dvcignore_says_otherwise() -> None:
    assert Path("frames/.snakemake_timestamp").is_file()
    dvc_repository(frames={"cmd": "true", "outs": ["frames"]})
    dvc("commit", "--force", "--quiet")
    assert kept_files() == {"1.txt", ".snakemake_timestamp"}
    shutil.copy(ROOT / ".dvcignore", ".dvcignore")
    dvc("commit", "--force", "--quiet")
    assert kept_files() == {"1.txt"}


def test_dvc_gives_files_that_it_puts_back_the_time_of_now() -> None:
    dvc_repository(all={"cmd": "true", "outs": list(IN_ORDER)})
    set_times(IN_ORDER)
    dvc("commit", "--force", "--quiet")
    for name in IN_ORDER:
        Path(name).unlink()
    start = time.time() - 1
    dvc("checkout", "--quiet")
    assert all(Path(name).stat().st_mtime > start for name in IN_ORDER)


def test_dvc_runs_one_stage_at_a_time_and_refuses_a_second_run() -> None:
    # The stages wait for `go`, as a second run may need any time to start on a busy machine.
    shell = "date +%s.%N > {0}; until [ -e go ]; do sleep 0.05; done; date +%s.%N >> {0}"
    stages = {name: {"cmd": shell.format(name), "outs": [name]} for name in ("a", "b")}
    dvc_repository(**stages)
    with subprocess.Popen([BINARIES / "dvc", "repro", "--quiet"]) as running:
        while not Path("a").exists() and not Path("b").exists():
            time.sleep(0.05)
        try:
            second = dvc("repro", check=False)
        finally:
            Path("go").touch()
        assert second.returncode != 0
        assert "lock" in second.stderr
        assert running.wait(60) == 0
    spans = sorted([float(line) for line in Path(name).read_text().split()] for name in "ab")
    assert spans[0][1] <= spans[1][0]


UPDATED = """
rule shard:
    output: update("shard.txt")
    shell:
        "cat {output} >> found.txt || true; echo whole > {output}; touch done;"
        " sleep {config[wait]}"
"""


def kill_once_done() -> None:
    """Kill Snakemake, and unlock its folder, once its job has made the file `done`."""
    command = [BINARIES / "snakemake", "--cores", "1", "--config", "wait=600"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    while not Path("done").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    snakemake("--unlock", "--config", "wait=0")


def test_a_finished_output_survives_a_kill_before_snakemakes_note_where_it_is_updated(
    tmp_path, monkeypatch
):
    """Other outputs are removed when the job starts again; `update` hands them to it."""
    monkeypatch.chdir(tmp_path)
    Path("Snakefile").write_text(UPDATED)
    kill_once_done()
    snakemake("--rerun-incomplete", "--config", "wait=0")
    assert Path("found.txt").read_text() == "whole\n"


def test_what_a_killed_job_has_left_is_made_again_unless_our_code_removes_its_marks(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    long = "/".join(["a-folder-of-a-long-name"] * 12) + "/out.txt"
    Path("Snakefile").write_text(
        f'rule killed:\n    output: "short.txt", {long!r}\n'
        '    shell: "touch {output} done; sleep {config[wait]}"\n'
    )
    kill_once_done()
    again = ("--rerun-incomplete", "--config", "wait=0")
    assert reruns(*again, target=long) == {"killed"}
    forget_unfinished(["short.txt"])
    assert reruns(*again, target=long) == {"killed"}
    forget_unfinished([long])
    assert reruns(*again, target=long) == set()
