"""Certificates come back as they were saved, or not at all."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from afina.domain.certificate import Certificate, Figures
from afina.errors import BrokenArtefact
from afina.store import certificates
from afina.store.db import Store, open_store

CERTIFICATE = Certificate(
    artefact="a" * 64,
    base="b" * 64,
    engine="openvino",
    reference="transformers",
    setup="s" * 64,
    versions={"torch": "2.13.0"},
    bounds={"mean": 0.25},
    figures=Figures(prompts=50, positions=1100, mean_error=0.031, max_error=0.4, effect=1.5, reference_effect=1.4),
    reasons=(),
    seconds=31.5,
    made=1.7e9,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "afina.db")


def load(store: Store, root: Path) -> Certificate | None:
    return certificates.load(store, root, artefact=CERTIFICATE.artefact, engine="openvino", setup=CERTIFICATE.setup)


def test_a_certificate_comes_back_whole(store: Store, tmp_path: Path) -> None:
    assert load(store, tmp_path) is None
    certificates.save(store, tmp_path, CERTIFICATE)
    assert load(store, tmp_path) == CERTIFICATE
    failed = replace(CERTIFICATE, reasons=("off by 2.8",))
    certificates.save(store, tmp_path, failed)
    assert load(store, tmp_path) == failed
    assert not failed.passed
    assert "off by 2.8" in failed.summary


def test_every_changed_byte_is_seen(store: Store, tmp_path: Path) -> None:
    path = certificates.save(store, tmp_path, CERTIFICATE)
    assert list(certificates.problems(store, tmp_path)) == []
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(BrokenArtefact):
            load(store, tmp_path)
    assert [p.split(":")[0] for p in certificates.problems(store, tmp_path)] == [str(path.relative_to(tmp_path))]


def test_a_verdict_cannot_be_edited(store: Store, tmp_path: Path) -> None:
    path = certificates.save(store, tmp_path, replace(CERTIFICATE, reasons=("misread",)))
    signed = json.loads(path.read_text())
    signed["body"]["reasons"] = []
    path.write_text(json.dumps(signed, indent=1, sort_keys=True) + "\n")
    with pytest.raises(BrokenArtefact, match="signature"):
        load(store, tmp_path)


def test_another_workspace_or_artefact_has_other_certificates(store: Store, tmp_path: Path) -> None:
    path = certificates.save(store, tmp_path, CERTIFICATE)
    other = tmp_path / "other"
    other.mkdir()
    target = other / path.relative_to(tmp_path)
    target.parent.mkdir(parents=True)
    target.write_bytes(path.read_bytes())
    with pytest.raises(BrokenArtefact, match="signature"):
        load(open_store(other / "afina.db"), other)
    for artefact, setup in (("c" * 64, CERTIFICATE.setup), (CERTIFICATE.artefact, "t" * 64)):
        taken = certificates.path_of(tmp_path, artefact=artefact, engine="openvino", setup=setup)
        taken.write_bytes(path.read_bytes())
        with pytest.raises(BrokenArtefact, match="another artefact"):
            certificates.load(store, tmp_path, artefact=artefact, engine="openvino", setup=setup)


def test_each_setup_of_a_plugin_has_its_own(store: Store, tmp_path: Path) -> None:
    """Two engines of afina.toml may use one plugin; neither replaces the certificate of the other."""
    exact = replace(CERTIFICATE, setup="e" * 64, reasons=("misread",), made=CERTIFICATE.made + 1)
    paths = {certificates.save(store, tmp_path, one) for one in (CERTIFICATE, exact)}
    assert len(paths) == 2
    assert load(store, tmp_path) == CERTIFICATE
    found = certificates.load(store, tmp_path, artefact=CERTIFICATE.artefact, engine="openvino", setup=exact.setup)
    assert found == exact
    for path in paths:
        good = path.read_bytes()
        path.write_bytes(good.replace(b"openvino", b"openvinO", 1))
        (problem,) = certificates.problems(store, tmp_path)
        assert path.name in problem
        path.write_bytes(good)


def test_one_for_another_setup_says_so(store: Store, tmp_path: Path) -> None:
    for n, setup in enumerate("sex"):
        path = certificates.save(store, tmp_path, replace(CERTIFICATE, setup=setup * 64, made=1e9 + n))

    def newest(engine: str = "openvino") -> str | None:
        found = certificates.load(store, tmp_path, artefact=CERTIFICATE.artefact, engine=engine, setup="n" * 64)
        return None if found is None else found.setup

    assert newest() == "x" * 64
    assert newest("open") is None
    path.write_text("{}")
    assert newest() == "e" * 64, "one that is damaged is no reason to refuse another"


def test_readings_are_kept_and_made_again_when_damaged(store: Store, tmp_path: Path) -> None:
    assert certificates.reading(store, tmp_path, "r") is None
    certificates.keep_reading(store, tmp_path, "r", {"scored": [{"ids": [1, 2]}]})
    assert certificates.reading(store, tmp_path, "r") == {"scored": [{"ids": [1, 2]}]}
    path = next((tmp_path / certificates.READINGS).iterdir())
    path.write_bytes(path.read_bytes().replace(b"2", b"3", 1))
    assert certificates.reading(store, tmp_path, "r") is None
    assert list(certificates.problems(store, tmp_path))
