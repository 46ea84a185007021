"""Signed manifests: what was published is what is served."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


class BadSignature(Exception):
    """An artifact isn't what its manifest says, or the manifest wasn't signed with our key."""


def sign(manifest: Mapping[str, Any], artifact: bytes, key: bytes) -> dict[str, Any]:
    """The manifest with the artifact's SHA-256 and an HMAC over both."""
    unsigned = {**manifest, "sha256": hashlib.sha256(artifact).hexdigest()}
    unsigned.pop("signature", None)
    return {**unsigned, "signature": _mac(unsigned, key)}


def verify(manifest: Mapping[str, Any], artifact: bytes, key: bytes) -> None:
    """Raises `BadSignature` unless manifest and artifact are untouched.

    >>> signed = sign({"version": "v1"}, b"model", b"key")
    >>> verify(signed, b"model", b"key")
    >>> verify(signed, b"modem", b"key")
    Traceback (most recent call last):
    reference_pipeline.registry.signing.BadSignature: model v1: the artifact's SHA-256 differs from its manifest's
    """
    unsigned = {name: value for name, value in manifest.items() if name != "signature"}
    version = manifest.get("version")
    if hashlib.sha256(artifact).hexdigest() != manifest.get("sha256"):
        raise BadSignature(f"model {version}: the artifact's SHA-256 differs from its manifest's")
    if not hmac.compare_digest(_mac(unsigned, key), str(manifest.get("signature"))):
        raise BadSignature(f"model {version}: the manifest's signature is wrong")


def _mac(manifest: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, json.dumps(manifest, sort_keys=True).encode(), hashlib.sha256).hexdigest()
