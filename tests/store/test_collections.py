"""Collections: replacing is atomic, adding twice does nothing, every row is checked, projects are apart."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from afina.domain.ask import Scope
from afina.domain.document import Document, Passage, content_id, digest
from afina.errors import BrokenArtefact, NotFound
from afina.store.collections import Collections
from afina.store.db import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "afina.db")
    yield opened
    opened.close()


@pytest.fixture
def collections(store: Store) -> Collections:
    return Collections(store)


def document(name: str, text: str) -> Document:
    return Document(
        content_id("doc", name, text), name, name.title(), text, digest(text), "en", (0, 3), ((0, 1, "H"),), {"a": "b"}
    )


def passages(made: Document) -> list[Passage]:
    half = len(made.text) // 2
    spans = [(0, half), (half, len(made.text))]
    return [
        Passage(content_id("p", made.id, str(a)), made.id, made.name, made.text[a:b], a, b, 1, "H", made.lang)
        for a, b in spans
    ]


def put(collections: Collections, name: str, text: str, *, scope: Scope | None = None, embedder: str = "e") -> bool:
    made = document(name, text)
    vectors = np.eye(2, 4, dtype=np.float32)
    return collections.replace(scope or Scope(), "docs", made, passages(made), embedder=embedder, vectors=vectors)


def test_what_is_put_comes_back(collections: Collections) -> None:
    assert put(collections, "a.md", "hello world") is False
    made = document("a.md", "hello world")
    assert list(collections.documents(Scope(), "docs")) == [made]
    assert list(collections.passages(Scope(), "docs")) == passages(made)
    assert collections.passages_of(Scope(), "docs", made.id) == passages(made)
    ids = [p.id for p in passages(made)]
    assert [p.id for p in collections.some(Scope(), "docs", [ids[1], "gone", ids[0]])] == [ids[1], ids[0]]
    stored = dict(collections.vectors(Scope(), "docs", "e"))
    assert set(stored) == set(ids)
    assert stored[ids[0]].tolist() == [1, 0, 0, 0]
    assert list(collections.vectors(Scope(), "docs", "other")) == []


def test_a_changed_file_replaces_the_old(collections: Collections) -> None:
    put(collections, "a.md", "hello world")
    before = collections.generation(Scope(), "docs")
    assert put(collections, "a.md", "other words") is True
    assert collections.generation(Scope(), "docs") > before
    assert [d.text for d in collections.documents(Scope(), "docs")] == ["other words"]
    assert len(list(collections.passages(Scope(), "docs"))) == len(list(collections.vectors(Scope(), "docs", "e"))) == 2


def test_a_failed_replace_leaves_everything_as_it_was(collections: Collections) -> None:
    put(collections, "a.md", "hello world")
    before = (collections.generation(Scope(), "docs"), list(collections.passages(Scope(), "docs")))
    made = document("a.md", "other words")
    with pytest.raises(ValueError, match="zip"):
        collections.replace(Scope(), "docs", made, passages(made), embedder="e", vectors=np.zeros((1, 4), np.float32))
    assert (collections.generation(Scope(), "docs"), list(collections.passages(Scope(), "docs"))) == before


def test_a_reader_sees_one_moment(collections: Collections, tmp_path: Path) -> None:
    put(collections, "a.md", "hello world")
    other = Collections(open_store(tmp_path / "afina.db"))
    with collections.store.reading():
        seen = collections.generation(Scope(), "docs")
        put(other, "a.md", "other words")
        assert collections.generation(Scope(), "docs") == seen
        assert [d.text for d in collections.documents(Scope(), "docs")] == ["hello world"]
    assert [d.text for d in collections.documents(Scope(), "docs")] == ["other words"]
    other.store.close()


def test_what_is_known_without_reading(collections: Collections) -> None:
    put(collections, "a.md", "hello world")
    known = collections.stored(Scope(), "docs", embedder="e")["a.md"]
    assert (known.sha256, known.embedded) == (digest("hello world"), True)
    assert collections.stored(Scope(), "docs", embedder="f")["a.md"].embedded is False
    made = passages(document("a.md", "hello world"))
    collections.add_vectors(Scope(), "docs", made, embedder="f", vectors=np.ones((2, 4), np.float32))
    assert collections.stored(Scope(), "docs", embedder="f")["a.md"].embedded is True


def test_projects_are_apart(collections: Collections) -> None:
    put(collections, "a.md", "hello world")
    other = Scope(project="other")
    assert list(collections.documents(other, "docs")) == []
    assert collections.names(other) == []
    with pytest.raises(NotFound):
        collections.remove(other, "docs", "a.md")
    put(collections, "a.md", "theirs", scope=other)
    collections.remove(Scope(), "docs", "a.md")
    assert [d.text for d in collections.documents(other, "docs")] == ["theirs"]


def test_removing_names_the_nearest(collections: Collections) -> None:
    put(collections, "guide.md", "hello world")
    with pytest.raises(NotFound, match='did you mean "guide\\.md"'):
        collections.remove(Scope(), "docs", "giude.md")


def test_removing_takes_examples(collections: Collections) -> None:
    """Those of the document's group, those that name it, and those that quote it as a distractor."""
    line = 'The "señor" of the harbour kept seven lamps. '
    put(collections, "a.md", line * 2)
    quoting, escaped = json.dumps([line * 3], ensure_ascii=False), json.dumps([line * 3])
    with collections.store.writing() as db:
        rows = (("x1", "a.md", "[]"), ("x2", "b.md", "[]"), ("x3", "b.md", quoting), ("x4", "b.md", escaped))
        for name, group, messages in rows:
            db.execute(
                "INSERT INTO examples (project, set_name, ordinal, id, messages, group_name, added) "
                "VALUES ('default', 's', 0, ?, ?, ?, 0)",
                (name, messages, group),
            )
    collections.remove(Scope(), "docs", "a.md")
    with collections.store.reading() as db:
        assert [r["id"] for r in db.execute("SELECT id FROM examples")] == ["x2"]
        assert db.execute("SELECT count(*) FROM vectors").fetchone()[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE passages SET text = 'hellO' WHERE ordinal = 0",
        "UPDATE passages SET page = 7",
        "UPDATE documents SET text = 'hello worle'",
        "UPDATE vectors SET vector = zeroblob(8)",
    ],
)
def test_a_changed_row_is_refused(collections: Collections, change: str) -> None:
    put(collections, "a.md", "hello world")
    with collections.store.writing() as db:
        db.execute(change)
    with pytest.raises(BrokenArtefact):
        read_all(collections)


def read_all(collections: Collections) -> None:
    list(collections.passages(Scope(), "docs"))
    list(collections.documents(Scope(), "docs"))
    list(collections.vectors(Scope(), "docs", "e"))


def test_same_name_in_two_collections(collections: Collections) -> None:
    made = document("a.md", "hello world")
    for name in ("docs", "more"):
        collections.replace(
            Scope(), name, replace(made), passages(made), embedder="e", vectors=np.eye(2, 4, dtype=np.float32)
        )
    collections.remove(Scope(), "docs", "a.md")
    assert [d.name for d in collections.documents(Scope(), "more")] == ["a.md"]
