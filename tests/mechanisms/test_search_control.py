"""Searching as a way of answering: what is found, each document once, other options of the retriever."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from afina.actions.ingest import add
from afina.actions.initialise import initialise
from afina.domain.answer import Answer, collected
from afina.domain.artefact import Recipe, Stage
from afina.domain.ask import Scope, ask_of
from afina.domain.document import Found, Passage
from afina.errors import ConfigError
from afina.mechanisms.control.search import Options, searching
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace


@dataclass
class Passages:
    """Three passages a document: a, a, a, b, b, b, ..., as many as are asked for, of `documents`."""

    documents: int
    asked: list[int] = field(default_factory=list)

    def search(self, scope: Scope, query: str, *, top_k: int, where: Mapping[str, str] | None = None) -> list[Found]:
        self.asked.append(top_k)
        places = range(min(top_k, 3 * self.documents))
        return [Found(Passage(f"p{n}", f"d{n // 3}", f"{n // 3}.md", "x", 0, 1), 1 / (n + 1)) for n in places]


def answered(retriever: Passages, question: str = "boats", **options: object) -> Answer:
    return asyncio.run(collected(searching(retriever, Options.model_validate(options))(ask_of(question))))


def test_passages_best_first_and_their_documents_as_text() -> None:
    answer = answered(Passages(5), top_k=4)
    assert answer.ranked is not None
    assert [f.passage.id for f in answer.ranked.found] == ["p0", "p1", "p2", "p3"]
    assert (answer.text, answer.finish) == ("0.md\n1.md", "stop")
    assert answer.used.engine == "search docs"


def test_each_document_once_asks_until_there_are_enough() -> None:
    retriever = Passages(5)
    answer = answered(retriever, top_k=4, each_document_once=True)
    assert answer.ranked is not None
    assert [f.passage.id for f in answer.ranked.found] == ["p0", "p3", "p6", "p9"]
    assert retriever.asked == [4, 8, 16]


def test_each_document_once_ends_where_there_are_no_more() -> None:
    retriever = Passages(2)
    answer = answered(retriever, top_k=4, each_document_once=True)
    assert answer.ranked is not None
    assert len(answer.ranked.found) == 2
    assert retriever.asked == [4, 8]


def test_an_empty_question_finds_nothing() -> None:
    retriever = Passages(2)
    answer = answered(retriever, " ")
    assert answer.ranked is not None
    assert (answer.ranked.found, answer.text, retriever.asked) == ((), "", [])


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, text in {"boats.md": "The red boat sails.", "trees.md": "The green tree grows."}.items():
        (folder / name).write_text(text)
    opened = open_workspace(
        initialise(tmp_path / "ws"), environ={}, engines={"local": EchoEngine()}, embedders={"minilm": WordEmbedder()}
    )
    add(opened, folder)
    yield opened
    opened.close()


def recipe(**options: object) -> Recipe:
    return Recipe("find", "local", control=(Stage("search", options),))


@pytest.mark.parametrize(("fusion", "scores"), [("lexical", (True, False)), ("dense", (False, True)),
                                                ("convex", (True, True))])  # fmt: skip
def test_a_recipe_may_search_in_another_way(ws: Workspace, fusion: str, scores: tuple[bool, bool]) -> None:
    answerer = ws.answerer(recipe(retriever={"fusion": fusion}, top_k=1))
    answer = ws.portal.run(collected(answerer(ask_of("boat"))))
    assert answer.ranked is not None
    (found,) = answer.ranked.found
    assert found.passage.document.endswith("boats.md")
    assert (found.lexical is not None, found.dense is not None) == scores
    assert ws.engine("local").asked == []  # type: ignore[attr-defined]


def test_an_option_that_the_retriever_lacks_is_refused(ws: Workspace) -> None:
    with pytest.raises(ConfigError, match='"fusin" is not a key here; did you mean "fusion"'):
        ws.answerer(recipe(retriever={"fusin": "dense"}))
    with pytest.raises(ConfigError, match="no collection"):
        ws.answerer(recipe(collection="nowhere"))
