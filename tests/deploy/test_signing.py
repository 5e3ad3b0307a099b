"""Signatures of bundles; skipped without the extra `sign`."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.deploy.detector import Detector
from fusevad.deploy.signing import check_signature, sign, signature_of
from fusevad.errors import FusevadError
from tests.made_up_bundles import threshold
from tests.made_up_videos import write_video

needs_extra = pytest.mark.skipif(
    find_spec("model_signing") is None, reason="without the extra: make env EXTRAS=sign"
)


def make_keys(folder: Path, name: str) -> tuple[Path, Path]:
    """A private and a public key of openssl's."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    key = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private)]
    subprocess.run(key, check=True, capture_output=True)
    shown = ["openssl", "ec", "-in", str(private), "-pubout", "-out", str(public)]
    subprocess.run(shown, check=True, capture_output=True)
    return private, public


@pytest.fixture
def keys(tmp_path) -> tuple[Path, Path]:
    return make_keys(tmp_path, "ours")


@pytest.fixture
def signed(made_up, tmp_path, keys) -> Path:
    bundle = made_up.changed(tmp_path / "model.fusevad")
    sign(bundle, keys[0])
    return bundle


@needs_extra
def test_a_signed_bundle_is_trusted_wherever_it_lies(signed, keys, tmp_path):
    check_signature(signed, keys[1])
    moved = tmp_path / "elsewhere" / "renamed.fusevad"
    moved.parent.mkdir()
    signature_of(signed).rename(signature_of(moved))
    signed.rename(moved)
    assert Detector.load(moved, trust=keys[1]).about.seeds == (0, 1)


@needs_extra
def test_thresholds_and_card_are_signed_too(made_up, signed, keys):
    made_up.changed(signed, thresholds=(threshold(0.1),))
    with pytest.raises(FusevadError, match="do not trust it"):
        Detector.load(signed, trust=keys[1])


@needs_extra
def test_another_key_is_not_trusted(signed, tmp_path):
    with pytest.raises(FusevadError, match="do not trust it") as caught:
        check_signature(signed, make_keys(tmp_path, "theirs")[1])
    assert "\n" not in str(caught.value)


@needs_extra
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"mediaType": 3}'])
def test_a_foreign_signature_is_one_line(signed, keys, content):
    signature_of(signed).write_bytes(content)
    with pytest.raises(FusevadError, match="do not trust it") as caught:
        check_signature(signed, keys[1])
    assert "\n" not in str(caught.value)


@needs_extra
def test_a_bundle_without_a_signature_is_not_trusted(made_up, keys):
    with pytest.raises(FusevadError, match=r"not signed: no model\.fusevad\.sig beside it"):
        check_signature(made_up.file, keys[1])


@needs_extra
@pytest.mark.parametrize(
    "options",
    [
        ["-algorithm", "RSA"],
        ["-algorithm", "ED25519"],
        ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp192k1"],
        ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp224r1"],
    ],
)
def test_a_key_of_another_kind_is_one_line_before_any_bundle_is_made(made_up, tmp_path, options):
    key, out = tmp_path / "key.pem", tmp_path / "model.fusevad"
    make = ["openssl", "genpkey", *options, "-out", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    with pytest.raises(FusevadError, match="can't sign") as caught:
        sign(made_up.file, key)
    assert "\n" not in str(caught.value)
    assert not signature_of(made_up.file).exists()
    words = ["bundle", str(tmp_path / "run"), "-o", str(out), "--sign", str(key)]
    assert str(CliRunner().invoke(app, words).exception) == str(caught.value)


@needs_extra
def test_a_key_that_cannot_sign_is_one_line(made_up, tmp_path):
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(FusevadError, match="can't sign"):
        sign(made_up.file, tmp_path / "key.pem")
    assert not signature_of(made_up.file).exists()


@needs_extra
def test_score_refuses_what_is_not_signed_before_any_work(made_up, keys, tmp_path):
    video = write_video(tmp_path / "a.mp4", frames=20)
    words = ["score", str(video), "--model", str(made_up.file), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*words, "--trust", str(keys[1])])
    assert isinstance(result.exception, FusevadError)
    assert not (tmp_path / "out").exists()


def test_without_the_package_one_line_says_what_to_install(made_up, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "model_signing", None)
    for call in (sign, check_signature):
        with pytest.raises(FusevadError, match="make env EXTRAS=sign"):
            call(made_up.file, tmp_path / "key.pem")
