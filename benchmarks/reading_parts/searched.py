"""Which passages are shown for a question: found by Afina's retriever in a workspace, or by plain BM25."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from reading_parts.plain_bm25 import PlainBm25
from reading_parts.squad import Asked, Text

Found = Mapping[str, list[Text]]
"""Question id -> passages, best first."""


def by_bm25(texts: Sequence[Text], asked: Sequence[Asked], top_k: int) -> Found:
    search = PlainBm25([f"{text.title} {text.text}" for text in texts])
    return {one.id: [texts[place] for place in search.best(one.question, top_k)] for one in asked}


def by_afina(texts: Sequence[Text], asked: Sequence[Asked], top_k: int, *, place: Path) -> Found:
    """With the default embedder and fusion; a passage that was split for searching is shown whole.

    What it needs (SQLite, the bundled encoder) is imported only here: a sweep runs without.
    """
    ws = importlib.import_module("afina.workspace").open_workspace(_filled(texts, place / "workspace"))
    try:
        retriever, by_name = ws.retriever("docs"), {_name(text): text for text in texts}
        found: dict[str, list[Text]] = {}
        for one in asked:
            hits = retriever.search(ws.scope, one.question, top_k=4 * top_k)
            names = list(dict.fromkeys(hit.passage.document for hit in hits))
            found[one.id] = [by_name[name] for name in names[:top_k]]
        return found
    finally:
        ws.close()


def _filled(texts: Sequence[Text], folder: Path) -> Path:
    """A workspace that holds all passages, one document each; what is there already is not added again."""
    importlib.import_module("afina.actions.initialise").initialise(folder)
    documents = folder / "passages"
    documents.mkdir(exist_ok=True)
    for text in texts:
        (documents / _name(text)).write_text(f"{text.title}\n\n{text.text}\n", encoding="utf-8")
    ws = importlib.import_module("afina.workspace").open_workspace(folder)
    try:
        importlib.import_module("afina.actions.ingest").add(ws, documents)
    finally:
        ws.close()
    return folder


def _name(text: Text) -> str:
    """A file name; titles of articles hold signs that file names may not."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in text.id) + ".txt"
