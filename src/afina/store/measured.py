"""Certificates of bases that this user's machine has measured, so that a new workspace need not measure them again.

They lie in the user's cache, under the artefact and the setup that they are for, signed with a key of the cache's own.
A file whose signature does not hold is as good as none.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from afina.domain.certificate import Certificate
from afina.errors import BrokenArtefact
from afina.store.certificates import certificate_of, read_signed, write_signed

KEY_BYTES = 32


def keep(cache: Path, certificate: Certificate) -> None:
    write_signed(_path(cache, certificate.artefact, certificate.setup), asdict(certificate), _key(cache))


def known(cache: Path, *, artefact: str, setup: str) -> Certificate | None:
    """What this machine measured for the very same files, engine, options and versions; None if it did not."""
    path = _path(cache, artefact, setup)
    if path.exists():
        with suppress(BrokenArtefact):
            found = certificate_of(read_signed(path, _key(cache)))
            if (found.artefact, found.setup) == (artefact, setup):
                return found
    return None


def _path(cache: Path, artefact: str, setup: str) -> Path:
    return cache / "certificates" / f"{artefact[:32]}.{setup[:32]}.json"


def _key(cache: Path) -> bytes:
    """Made once; only the user can read it."""
    path = cache / "certificates" / "key"
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(made, secrets.token_bytes(KEY_BYTES))
        finally:
            os.close(made)
    return path.read_bytes()
