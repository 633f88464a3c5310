"""Certificates that a machine keeps for its workspaces: found for the same setup only, and only unharmed."""

from pathlib import Path

from afina.domain.certificate import Certificate, Figures
from afina.store import measured

A, B, SETUP, OTHER = "a" * 64, "b" * 64, "s" * 64, "t" * 64
MADE = Certificate(
    A, A, "echo", "transformers", SETUP, {"torch": "2"}, {"mean": 0.1}, Figures(prompts=50), (), 1.0, 1.0
)


def test_found_for_the_same_files_and_setup_only(tmp_path: Path) -> None:
    measured.keep(tmp_path, MADE)
    assert measured.known(tmp_path, artefact=A, setup=SETUP) == MADE
    assert measured.known(tmp_path, artefact=A, setup=OTHER) is None
    assert measured.known(tmp_path, artefact=B, setup=SETUP) is None


def test_a_changed_byte_or_another_key_is_as_good_as_none(tmp_path: Path) -> None:
    measured.keep(tmp_path, MADE)
    file = next((tmp_path / "certificates").glob("*.json"))
    whole = file.read_text()
    file.write_text(whole.replace('"prompts": 50', '"prompts": 51'))
    assert measured.known(tmp_path, artefact=A, setup=SETUP) is None
    file.write_text(whole)
    assert measured.known(tmp_path, artefact=A, setup=SETUP) == MADE
    (tmp_path / "certificates" / "key").write_bytes(b"x" * 32)
    assert measured.known(tmp_path, artefact=A, setup=SETUP) is None
