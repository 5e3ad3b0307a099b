"""Remotes on real servers: S3 (moto) and read-only HTTP, whole and dying in the middle."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fusevad.artifacts import objects as objects_module
from fusevad.artifacts.store import Store
from fusevad.errors import FusevadError
from tests.loopback import Dying, s3_bucket, serving
from tests.made_up_store import (
    CONFIGFILE,
    clone,
    configuration,
    make,
    published,
    share,
    workspace,
)

pytestmark = pytest.mark.slow

DATA = "data@rendered-tiny"
TRAINED = "runs@rendered-tiny.student-t"
BUCKET = "artifacts"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, Path, type[Dying]]]:
    """A clone that pushed to a folder, one that reads the folder by HTTP, and the server's side."""
    first = published(tmp_path / "first", str(tmp_path / "remote"), DATA, TRAINED)
    with serving(tmp_path / "remote") as (address, handler):
        second = clone(tmp_path / "second", address, read_timeout="5")
        share(first, second)
        yield first, second, handler


@pytest.fixture
def s3() -> Iterator[str]:
    """Address of an S3 server with an empty bucket; keys are in the environment."""
    with s3_bucket(BUCKET) as address:
        yield address


def test_s3_gives_back_what_was_pushed(tmp_path: Path, s3: str) -> None:
    url = f"s3://{BUCKET}/dvc"
    first = published(tmp_path / "first", url, DATA, TRAINED, endpointurl=s3)
    second = clone(tmp_path / "second", url, endpointurl=s3)
    share(first, second)
    store = Store(second)
    store.restore(store.tracked(workspace(first)))
    assert workspace(second) == workspace(first)


def test_a_remote_says_where_it_is_or_that_nothing_is_there(
    served: tuple[Path, Path, type[Dying]], tmp_path: Path
) -> None:
    first, second, _ = served
    assert str(tmp_path / "remote") in Store(first).reach_remote()
    assert "http://" in Store(second).reach_remote()
    with pytest.raises(FusevadError, match=r"elsewhere.*no such folder"):
        Store(clone(tmp_path / "third", str(tmp_path / "elsewhere"))).reach_remote()


def test_a_password_in_an_address_is_in_no_message(
    served: tuple[Path, Path, type[Dying]], tmp_path: Path
) -> None:
    first, _, _ = served
    with serving(tmp_path / "remote") as (address, handler):
        with_password = address.replace("http://", "http://ann:s3cret@")
        third = clone(tmp_path / "third", with_password, read_timeout="5")
        share(first, third)
        store = Store(third)
        said = store.reach_remote()
        handler.left = 0
        with pytest.raises(FusevadError) as caught:
            store.fetch(sorted(store.tracked(workspace(first))))
    for text in (said, str(caught.value)):
        assert "s3cret" not in text and "127.0.0.1" in text


def test_http_gives_back_what_was_pushed(served: tuple[Path, Path, type[Dying]]) -> None:
    first, second, _ = served
    store = Store(second)
    store.restore(store.tracked(workspace(first)))
    assert workspace(second) == workspace(first)


def test_a_remote_that_dies_in_the_middle_loses_nothing_that_arrived(
    served: tuple[Path, Path, type[Dying]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, server = served
    monkeypatch.setattr(objects_module, "_BATCH", 2)
    arrived: list[str] = []
    store = Store(second)
    wanted = sorted(store.tracked(workspace(first)))
    server.left = 5
    with pytest.raises(FusevadError, match=r"remote 'test' \(http://") as caught:
        store.fetch(wanted, arrived.append)
    assert "\n" not in str(caught.value) and "run the command again" in str(caught.value)
    assert 0 < len(arrived) < len(wanted) and workspace(second) == {}
    server.left = 10**9
    Store(second).restore(wanted)
    assert workspace(second) == workspace(first)


def test_a_read_only_remote_refuses_a_push_in_one_line(
    served: tuple[Path, Path, type[Dying]],
) -> None:
    _, second, _ = served
    made = make(second, TRAINED, text="new")

    store = Store(second)
    store.record([made], configuration(), [CONFIGFILE])
    with pytest.raises(FusevadError, match="remote 'test'") as caught:
        store.push([made])
    assert "\n" not in str(caught.value)
