"""Certificates as signed files, artefacts/certificates/<digest>.<engine>.<setup>.json, and what the reference read.

The signature is HMAC-SHA256 with the workspace's own key over the canonical JSON of the body: a changed byte is seen,
and a certificate of another workspace is not taken for one of this.
"""

import glob
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from afina.domain.certificate import Certificate, Figures
from afina.errors import BrokenArtefact
from afina.store import meta
from afina.store.db import Store
from afina.store.durable import write_durably

FOLDER = Path("artefacts") / "certificates"
READINGS = FOLDER / "reference"
SETUP_SHOWN = 16
"""Hex digits of the setup in a file's name; the whole of it is in the file."""


def save(store: Store, root: Path, certificate: Certificate) -> Path:
    """Write a certificate beside the artefacts; an older one of the same artefact, engine and setup is replaced."""
    path = path_of(root, artefact=certificate.artefact, engine=certificate.engine, setup=certificate.setup)
    write_signed(path, asdict(certificate), meta.signing_key(store))
    return path


def load(store: Store, root: Path, *, artefact: str, engine: str, setup: str) -> Certificate | None:
    """The certificate of an artefact on an engine as it is set up, else the newest for another setup, which may not be
    used (its `setup` says so) but tells why; None if there is neither.

    engine: plugin name. setup: as `trust.setup.setup_of` makes it.

    Raises:
        BrokenArtefact: its signature does not hold, or it belongs to another artefact, engine or setup.
    """
    path = path_of(root, artefact=artefact, engine=engine, setup=setup)
    if not path.exists():
        others = _others(store, root, artefact=artefact, engine=engine)
        return max(others, key=lambda other: (other.setup == setup, other.made), default=None)
    body = read_signed(path, meta.signing_key(store))
    if (body.get("artefact"), body.get("engine"), body.get("setup")) != (artefact, engine, setup):
        raise BrokenArtefact(f"{path.relative_to(root)}: this certificate is for another artefact, engine or setup")
    return certificate_of(body)


def _others(store: Store, root: Path, *, artefact: str, engine: str) -> Iterator[Certificate]:
    """Whatever else is signed for an artefact and a plugin, under any file name; `problems` names what is damaged."""
    key = meta.signing_key(store)
    for path in (root / FOLDER).glob(f"{glob.escape(f'{artefact}.{engine}')}*.json"):
        with suppress(BrokenArtefact):
            body = read_signed(path, key)
            if (body.get("artefact"), body.get("engine")) == (artefact, engine):
                yield certificate_of(body)


def certificate_of(body: Mapping[str, Any]) -> Certificate:
    return Certificate(**{**body, "figures": Figures(**body["figures"]), "reasons": tuple(body["reasons"])})


def path_of(root: Path, *, artefact: str, engine: str, setup: str) -> Path:
    """Two engines of one plugin differ in their setup, so that each has a file of its own."""
    return root / FOLDER / f"{artefact}.{engine}.{setup[:SETUP_SHOWN]}.json"


def keep_reading(store: Store, root: Path, name: str, body: Mapping[str, Any]) -> None:
    """Keep what the reference read, under a digest of all that it depends on."""
    write_signed(root / READINGS / f"{name}.json", body, meta.signing_key(store))


def reading(store: Store, root: Path, name: str) -> dict[str, Any] | None:
    """What was kept under a name; None if nothing was, or if it is no longer what was signed (it is read again)."""
    path = root / READINGS / f"{name}.json"
    if not path.exists():
        return None
    try:
        return read_signed(path, meta.signing_key(store))
    except BrokenArtefact:
        return None


def problems(store: Store, root: Path) -> Iterator[str]:
    """Every file here whose signature does not hold, as 'path: what'; paths are relative to the workspace."""
    key = meta.signing_key(store)
    for path in sorted((root / FOLDER).rglob("*.json")):
        try:
            read_signed(path, key)
        except BrokenArtefact as broken:
            yield f"{path.relative_to(root)}: {broken}"


def write_signed(path: Path, body: Mapping[str, Any], key: bytes) -> None:
    """Write a body and its signature, durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    signed = {"body": body, "signature": _signature(body, key)}
    write_durably(path, (json.dumps(signed, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_signed(path: Path, key: bytes) -> dict[str, Any]:
    """The body of a signed file, every byte of which counts: it must be written as `_write` writes it."""
    try:
        data = path.read_bytes()
        signed = json.loads(data)
        body, signature = dict(signed["body"]), str(signed["signature"])
        canonical = (json.dumps(signed, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenArtefact(f"it cannot be read as a signed file: {error}") from error
    if data != canonical or not hmac.compare_digest(signature, _signature(body, key)):
        raise BrokenArtefact("its signature does not hold: it was changed, or written by another workspace")
    return body


def _signature(body: Mapping[str, Any], key: bytes) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    return hmac.new(key, canonical, sha256).hexdigest()
