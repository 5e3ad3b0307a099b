"""Parts of `make faults`: what it counts as kept or broken is so."""

import random
import socket
import threading
from functools import partial
from pathlib import Path

import pytest

from fusevad.files import write_text
from tests.faults.damage import flip, truncate
from tests.faults.page import write_page
from tests.faults.project import TABLE, Ended, Project, Reference, _commands, one_line
from tests.faults.remote import Mortal
from tests.faults.trial import CannotTryError, Fault, PromiseBrokenError, Row, attempt, promise
from tests.faults.watching import Watch


def said(text: str, status: int = 1) -> Ended:
    return Ended(status, text)


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    """A project with one table."""
    folder = tmp_path / "reference"
    write_text("a\n1\n", folder / TABLE)
    return Reference(Project(folder), 1.0, {}, tmp_path / "scratch")


def test_a_name_is_counted_each_time_that_it_is_given_to_a_file(tmp_path: Path) -> None:
    write_text("before", tmp_path / "a.csv")
    with Watch([tmp_path]) as watch:
        for _ in range(3):
            write_text("again", tmp_path / "a.csv")
        write_text("new", tmp_path / "b.csv")
        (tmp_path / "b.csv").read_text()
    assert watch.written == {tmp_path / "a.csv": 3, tmp_path / "b.csv": 1}


def test_a_folder_that_is_removed_ends_its_watch_alone(tmp_path: Path) -> None:
    for name in ("kept", "removed"):
        (tmp_path / name).mkdir()
    with Watch([tmp_path / "kept", tmp_path / "removed"]) as watch:
        write_text("a", tmp_path / "removed/a.csv")
        (tmp_path / "removed/a.csv").unlink()
        (tmp_path / "removed").rmdir()
        write_text("a", tmp_path / "kept/a.csv")
    assert watch.written == {tmp_path / "removed/a.csv": 1, tmp_path / "kept/a.csv": 1}


def test_a_fault_is_kept_broken_or_not_tried(tmp_path: Path) -> None:
    def act(number: int, folder: Path) -> dict[str, int]:
        promise(number != 1, "it does not hold")
        if number == 2:
            raise CannotTryError("no disk")
        return {"videos": number}

    tries = {str(number): partial(act, number) for number in range(6)}
    row = attempt(Fault("a fault", "all", tries), iter([tmp_path] * 6), lambda line: None)
    assert row.tried == 5 and row.broken == {"1": "it does not hold"}
    assert row.skipped == "no disk" and row.counts == {"videos": 0 + 3 + 4 + 5}


def test_rows_replace_those_of_their_faults_and_no_others(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- made by make faults -->\n<!-- end -->\nafter\n")
    kill, disk = (Fault(name, "all", {}) for name in ("a kill", "a full disk"))
    write_page(page, [Row(kill, tried=3), Row(disk, tried=1)])
    write_page(page, [Row(kill, tried=4, broken={"moment 2": "a | b\nc"}, skipped="no root")])
    lines = page.read_text().splitlines()
    assert lines[:2] == ["before", "<!-- made by make faults -->"]
    assert lines[4].startswith(
        "| a kill | all | 4 | held 3 of 4; BROKEN in 'moment 2': a / b c; not all tried: no root |"
    )
    assert lines[5].startswith("| a full disk | all | 1 | held 1 of 1 |")
    assert lines[6:] == ["<!-- end -->", "after"]


def test_a_page_without_a_place_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("no place\n")
    with pytest.raises(ValueError, match="no place"):
        write_page(tmp_path / "page.md", [])


def test_another_byte_a_missing_and_a_half_written_file_break_the_promise(
    reference: Reference, tmp_path: Path
) -> None:
    other = reference.copy(tmp_path / "other")
    assert reference.compare(other) == 1
    (other.folder / TABLE).write_text("a\n")
    with pytest.raises(PromiseBrokenError, match=r"half-written.*table1"):
        reference.compare_what_is_there(other)
    (other.folder / TABLE).unlink()
    reference.compare_what_is_there(other)
    with pytest.raises(PromiseBrokenError, match=r"not the bytes.*table1"):
        reference.compare(other)


def test_only_a_failure_with_the_line_and_no_traceback_counts() -> None:
    line = "fusevad: a.csv: the disk is full; free some space"
    assert one_line(said(f"other\n{line}\n"), "disk is full") == line
    for end in (
        said(line, status=0),
        said("fusevad: a.csv: something else"),
        said(f"Traceback (most recent call last):\n{line}"),
    ):
        with pytest.raises(PromiseBrokenError):
            one_line(end, "disk is full")


def test_commands_are_read_from_a_dry_run() -> None:
    planned = (
        "rule cues:\n    input: a.csv\n    output: shard-0.h5 (update), b.csv\n    jobid: 1\n"
        "Shell command: fusevad cues shard-0.h5\n\nrule all:\n    input: b.csv\n"
    )
    command = "fusevad cues shard-0.h5"
    assert _commands(planned) == {Path("shard-0.h5"): command, Path("b.csv"): command}


def test_damage_is_a_shorter_file_or_one_other_bit() -> None:
    content, numbers = bytes(range(256)), random.Random(0)
    for _ in range(20):
        short = truncate(content, numbers)
        assert len(short) < len(content) and content.startswith(short)
        flipped = flip(content, numbers)
        changed = [a ^ b for a, b in zip(content, flipped, strict=True) if a != b]
        assert len(changed) == 1 and changed[0].bit_count() == 1


def test_a_mortal_server_passes_bytes_on_until_it_dies() -> None:
    with socket.create_server(("127.0.0.1", 0)) as behind:
        address = f"http://127.0.0.1:{behind.getsockname()[1]}"
        with Mortal(address) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            assert _asked(server, behind, b"a" * 1000) == b"a" * 1000
            assert server.sent == 1000
            server.left = 0
            with socket.create_connection(server.server_address) as client:
                assert client.recv(10) == b""
            server.shutdown()


def _asked(server: Mortal, behind: socket.socket, answer: bytes) -> bytes:
    with socket.create_connection(server.server_address) as client:
        client.sendall(b"?")
        served, _ = behind.accept()
        with served:
            assert served.recv(1) == b"?"
            served.sendall(answer)
        return b"".join(iter(lambda: client.recv(4096), b""))
