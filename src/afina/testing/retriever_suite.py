"""What every retriever must do, as tests. Subclass `RetrieverConformance` and give it `retriever_over`."""

from collections.abc import Callable

import pytest

from afina.contracts import Passages, Retriever
from afina.domain.ask import Scope
from afina.domain.document import Found
from afina.testing.fakes import ListPassages, document_of

RetrieverOver = Callable[[Passages], Retriever]

TEXTS = {
    "boats.md": "A red boat left the harbour at dawn with a crew of four.",
    "bread.md": "Knead the dough for ten minutes, let it rise, and bake the bread.",
    "stars.md": "The telescope showed the rings of Saturn and four moons of Jupiter.",
    "lease.md": "El contrato de arrendamiento dura cinco años y se renueva cada año.",
}


class RetrieverConformance:
    """Best first, at most top_k, one generation, one project. `retriever_over` builds one over collection "docs"."""

    @pytest.fixture
    def retriever_over(self) -> RetrieverOver:
        raise NotImplementedError("give the suite a function: Passages -> Retriever")

    @pytest.fixture
    def stored(self) -> ListPassages:
        stored = ListPassages()
        for name, text in TEXTS.items():
            lang = "es" if name == "lease.md" else "en"
            stored.put(document_of(name, text, lang=lang, attributes={"lang": lang, "shelf": name[0]}))
        return stored

    def test_the_right_passage_comes_first(self, retriever_over: RetrieverOver, stored: ListPassages) -> None:
        retriever = retriever_over(stored)
        asked = {"red boat harbour": "boats.md", "bake the bread": "bread.md", "rings of Saturn": "stars.md"}
        for query, name in asked.items():
            assert names(retriever.search(Scope(), query, top_k=3))[0] == name

    def test_best_first_and_at_most_top_k(self, retriever_over: RetrieverOver, stored: ListPassages) -> None:
        retriever = retriever_over(stored)
        for top_k in (1, 2, 3, 100):
            found = retriever.search(Scope(), "four moons and a boat with a crew of four", top_k=top_k)
            scores = [f.score for f in found]
            assert 0 < len(found) <= min(top_k, len(TEXTS))
            assert scores == sorted(scores, reverse=True)
            assert len({f.passage.id for f in found}) == len(found)

    def test_a_passage_is_its_documents_text(self, retriever_over: RetrieverOver, stored: ListPassages) -> None:
        for found in retriever_over(stored).search(Scope(), "bread and boats", top_k=4):
            passage = found.passage
            assert TEXTS[passage.document][passage.start : passage.end] == passage.text

    def test_the_same_query_finds_the_same(self, retriever_over: RetrieverOver, stored: ListPassages) -> None:
        retriever = retriever_over(stored)
        first, second = (retriever.search(Scope(), "four", top_k=4) for _ in range(2))
        assert first == second == retriever_over(stored).search(Scope(), "four", top_k=4)

    def test_filters_must_all_match(self, retriever_over: RetrieverOver, stored: ListPassages) -> None:
        retriever = retriever_over(stored)
        query = "boat bread Saturn contrato"
        assert names(retriever.search(Scope(), query, top_k=9, where={"lang": "es"})) == ["lease.md"]
        assert names(retriever.search(Scope(), query, top_k=9, where={"lang": "en", "shelf": "s"})) == ["stars.md"]
        assert retriever.search(Scope(), query, top_k=9, where={"lang": "es", "shelf": "s"}) == []
        assert retriever.search(Scope(), query, top_k=9, where={"nothing has this": "x"}) == []

    def test_an_empty_collection_gives_an_empty_list(self, retriever_over: RetrieverOver) -> None:
        assert retriever_over(ListPassages()).search(Scope(), "anything", top_k=5) == []

    def test_other_projects_are_never_seen(self, retriever_over: RetrieverOver, stored: ListPassages) -> None:
        stored.put(document_of("secret.md", "The red boat harbour bread Saturn secret."), project="other")
        retriever = retriever_over(stored)
        assert "secret.md" not in names(retriever.search(Scope(), "red boat secret", top_k=9))
        assert set(names(retriever.search(Scope(project="other"), "red boat", top_k=9))) == {"secret.md"}
        assert retriever.search(Scope(project="third"), "red boat", top_k=9) == []

    def test_changes_are_seen_by_the_next_search(self, retriever_over: RetrieverOver, stored: ListPassages) -> None:
        retriever = retriever_over(stored)
        retriever.search(Scope(), "volcano", top_k=5)
        stored.put(document_of("fire.md", "The volcano threw ash over the valley."))
        assert names(retriever.search(Scope(), "volcano ash", top_k=5))[0] == "fire.md"
        stored.put(document_of("fire.md", "The glacier fed a cold river."))
        texts = [f.passage.text for f in retriever.search(Scope(), "volcano ash glacier", top_k=9)]
        assert not any("volcano" in text for text in texts)
        stored.drop("fire.md")
        assert "fire.md" not in names(retriever.search(Scope(), "cold glacier river", top_k=9))

    @pytest.mark.parametrize(
        "query", ["", "   ", '"', "boat AND", "NEAR(", "*", "a" * 20_000, "';--", "\x00", "¿?", "zzqx"]
    )
    def test_any_query_is_bearable(self, retriever_over: RetrieverOver, stored: ListPassages, query: str) -> None:
        assert len(retriever_over(stored).search(Scope(), query, top_k=2)) <= 2


def names(found: list[Found]) -> list[str]:
    """The documents found, best first."""
    return [f.passage.document for f in found]
