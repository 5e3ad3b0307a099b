"""Signatures of whole bundles, by sigstore's package `model-signing` (the extra `sign`).

A signature lies beside its bundle, as BUNDLE.sig, and covers every byte: weights, thresholds, card.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from fusevad.errors import FusevadError, message_of
from fusevad.files import atomic_path

_SHOWN = 200  # characters of a message of others


def signature_of(bundle: Path) -> Path:
    """Where the signature of a bundle lies."""
    return bundle.with_name(f"{bundle.name}.sig")


def check_private_key(key: Path) -> None:
    """Check that a key can sign, before there is anything to sign.

    Raises:
        FusevadError: as `sign`.
    """
    _signer(key)


def sign(bundle: Path, key: Path) -> None:
    """Sign a bundle with a private key (elliptic curve, PEM without a password).

    Raises:
        FusevadError: the extra is not installed, or the key can't sign.
    """
    signer = _signer(key)
    with atomic_path(signature_of(bundle)) as temporary, _explained(key):
        signer.sign(bundle, temporary)


def _signer(key: Path) -> Any:
    signing = _module("signing")
    _check_file(key, "private key")
    with _explained(key):
        return signing.Config().use_elliptic_key_signer(private_key=key)


@contextmanager
def _explained(key: Path) -> Iterator[None]:
    """Turn the errors of a key that can't sign into one line.

    Raises:
        FusevadError: instead of any error but an `OSError`.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # the packages below raise many kinds on keys of other kinds
        why = message_of(error)[:_SHOWN]
        raise FusevadError(
            f"{key}: can't sign ({why}); make a key with: openssl ecparam -name"
            " prime256v1 -genkey -noout -out key.pem"
        ) from error


def check_signature(bundle: Path, key: Path) -> None:
    """Check the signature of a bundle with the public key that is trusted.

    Raises:
        FusevadError: the extra is not installed, there is no signature, or it is another key's or
            another file's.
    """
    verifying = _module("verifying")
    _check_file(key, "public key")
    _check_file(bundle, "bundle")
    signature = signature_of(bundle)
    if not signature.is_file():
        raise FusevadError(f"{bundle}: not signed: no {signature.name} beside it; do not trust it")
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
        config.verify(bundle, signature)
    except Exception as error:  # the packages below raise many kinds on foreign signatures
        why = message_of(error)[:_SHOWN]
        raise FusevadError(
            f"{bundle}: its signature is not of this file by {key} ({why}); do not trust it"
        ) from error


def _module(name: str) -> ModuleType:
    try:
        import model_signing
    except ImportError as error:
        raise FusevadError(
            f"signatures need the package model-signing ({error}); run: make env EXTRAS=sign"
        ) from error
    return getattr(model_signing, name)


def _check_file(path: Path, what: str) -> None:
    if not path.is_file():
        raise FusevadError(f"{path}: no such {what}; check the path")
