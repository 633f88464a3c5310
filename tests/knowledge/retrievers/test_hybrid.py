"""The hybrid retriever: the conformance suite, its cache, its filters, stems and accents, and the ways to mix."""

from pathlib import Path

import numpy as np
import pytest

from afina.contracts import Passages, Retriever
from afina.domain.ask import Scope
from afina.knowledge.retrievers import _index, hybrid
from afina.knowledge.retrievers.hybrid import Hybrid, Options
from afina.testing.fakes import ListPassages, WordEmbedder, document_of
from afina.testing.retriever_suite import RetrieverConformance, RetrieverOver


class TestHybrid(RetrieverConformance):
    @pytest.fixture
    def retriever_over(self, tmp_path: Path) -> RetrieverOver:
        def over(passages: Passages) -> Retriever:
            return hybrid.build(Options(), passages=passages, embedder=WordEmbedder(), folder=tmp_path / "index")

        return over


@pytest.fixture
def spanish() -> ListPassages:
    stored = ListPassages()
    texts = {
        "lease.md": "El contrato de arrendamiento lo firmó la señora García con el dueño de la casa.",
        "news.md": "La información de la empresa se publica cada mes en su página.",
        "cook.md": "Se corta la cebolla y se fríe en aceite con un poco de sal.",
    }
    for name, text in texts.items():
        stored.put(document_of(name, text, lang="es", attributes={"shelf": name[0]}))
    return stored


def over(passages: Passages, folder: Path, **options: object) -> Hybrid:
    given = Options.model_validate(options)
    return hybrid.build(given, passages=passages, embedder=WordEmbedder(), folder=folder)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("contratos de arrendamientos", "lease.md"),
        ("garcia", "lease.md"),
        ("GARCÍA", "lease.md"),
        ("informacion", "news.md"),
        ("cebollas fritas", "cook.md"),
    ],
)
def test_stems_and_accents_meet(spanish: ListPassages, tmp_path: Path, query: str, name: str) -> None:
    found = over(spanish, tmp_path, fusion="lexical").search(Scope(), query, top_k=1)
    assert found[0].passage.document == name
    assert found[0].lexical is not None
    assert found[0].lexical > 0
    assert found[0].dense is None


def test_both_scores_are_shown(spanish: ListPassages, tmp_path: Path) -> None:
    for fusion in ("convex", "reciprocal"):
        found = over(spanish, tmp_path, fusion=fusion).search(Scope(), "la casa de la empresa", top_k=3)
        assert all(f.lexical is not None and f.dense is not None for f in found)
    assert over(spanish, tmp_path, fusion="dense").search(Scope(), "casa", top_k=1)[0].lexical is None


def test_the_weight_is_obeyed(spanish: ListPassages, tmp_path: Path) -> None:
    query = "la casa de la empresa"
    words = over(spanish, tmp_path, fusion="lexical").search(Scope(), query, top_k=3)
    only_words = over(spanish, tmp_path, weight=1.0).search(Scope(), query, top_k=3)
    assert [f.passage.id for f in only_words][: len(words)] == [f.passage.id for f in words]
    assert over(spanish, tmp_path).weight(Scope()).lexical == 0.6
    assert over(spanish, tmp_path, weight=0.25).weight(Scope()).lexical == 0.25


def test_words_alone_ask_no_embedder_and_find_nothing_where_none_is_shared(
    spanish: ListPassages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = over(spanish, tmp_path, fusion="lexical")
    retriever.index(Scope())
    monkeypatch.setattr(WordEmbedder, "embed", None)
    assert [f.passage.document for f in retriever.search(Scope(), "cebollas", top_k=9)] == ["cook.md"]
    assert retriever.search(Scope(), "submarino", top_k=9) == []


def test_filters_know_the_document_and_its_language(spanish: ListPassages, tmp_path: Path) -> None:
    retriever = over(spanish, tmp_path)
    assert [f.passage.document for f in retriever.search(Scope(), "la", top_k=9, where={"document": "cook.md"})] == [
        "cook.md"
    ]
    assert len(retriever.search(Scope(), "la casa", top_k=9, where={"lang": "es"})) == 3


def test_a_sound_index_is_used_again(spanish: ListPassages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = over(spanish, tmp_path).search(Scope(), "casa", top_k=3)

    def refuse(*_: object, **__: object) -> int:
        raise AssertionError("built again")

    monkeypatch.setattr(_index, "fill", refuse)
    assert over(spanish, tmp_path).search(Scope(), "casa", top_k=3) == first


@pytest.mark.parametrize(
    "name", ["ids", "documents", "hashes", "starts", "rows", "impacts", "lengths", "vectors", "about", "manifest"]
)
def test_any_changed_byte_is_noticed_and_mended(spanish: ListPassages, tmp_path: Path, name: str) -> None:
    first = over(spanish, tmp_path).search(Scope(), "casa", top_k=3)
    (file,) = tmp_path.rglob(f"{name}.*")
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    assert over(spanish, tmp_path).search(Scope(), "casa", top_k=3) == first
    assert next(tmp_path.rglob(f"{name}.*")).read_bytes() != bytes(data)


def test_old_indexes_are_unlinked_and_hold_no_text(spanish: ListPassages, tmp_path: Path) -> None:
    retriever = over(spanish, tmp_path)
    retriever.search(Scope(), "casa", top_k=3)
    spanish.drop("lease.md")
    retriever.search(Scope(), "casa", top_k=3)
    assert len(list(tmp_path.rglob("manifest.json"))) == 1
    everything = b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
    for word in (b"arrendamiento", b"arrend", b"lease.md", b"cebolla"):
        assert word not in everything


def test_languages_do_not_share_statistics(tmp_path: Path) -> None:
    stored = ListPassages()
    for n in range(20):
        stored.put(document_of(f"es{n}.md", f"El actual plan número {n} de la casa.", lang="es"))
    stored.put(document_of("en.md", "The actual cost of the house.", lang="en"))
    stored.put(document_of("en2.md", "The garden of the house.", lang="en"))
    found = over(stored, tmp_path, fusion="lexical").search(Scope(), "actual cost", top_k=1)
    assert found[0].passage.document == "en.md"


def test_bm25_by_hand(tmp_path: Path) -> None:
    """Two passages of two and four terms; 'boat' stands in one, once: idf = ln(1 + 1.5 / 1.5), mean length 3."""
    stored = ListPassages()
    stored.put(document_of("a", "boat harbour", lang="en"))
    stored.put(document_of("b", "bread dough oven flour", lang="en"))
    found = over(stored, tmp_path, fusion="lexical").search(Scope(), "boat", top_k=1)[0]
    by_hand = np.log(2) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 3))
    assert found.lexical == pytest.approx(by_hand, rel=1e-5)
