"""Make tuning rows from a collection, in the form in which its questions are asked when it serves."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from afina.domain.document import Found, Passage
from afina.domain.example import part_of
from afina.domain.message import Message
from afina.domain.progress import Progress, Tell, silent
from afina.errors import BadRequest, EmptyExamples, NotFound, nearest
from afina.prompting.template import label_of, reading_messages
from afina.store.durable import write_durably
from afina.tuning.data import as_row
from afina.tuning.synthesise import Rows, Settings, Synthetic, extra_keys
from afina.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Synthesised:
    """rows, held_out_rows: written. unanswerable: of both. documents: (tuning, held out). dropped: drafts by reason.
    kinds: rows by what is asked."""

    rows: int
    held_out_rows: int
    unanswerable: int
    documents: tuple[int, int]
    dropped: Mapping[str, int]
    kinds: Mapping[str, int]


def synthesise(
    ws: Workspace,
    *,
    collection: str = "docs",
    out: Path,
    count: int = 300,
    seed: int = 0,
    unanswerable: float = 0.2,
    sources: int = 4,
    documents: Sequence[str] | None = None,
    held_out: Path | None = None,
    held_out_share: float = 0.2,
    tell: Tell = silent,
) -> Synthesised:
    """Write about `count` rows of OpenAI chat JSONL to `out`; fewer if the documents do not give more.

    documents: names to ask about, all without it. held_out: a second file, with rows about the share of the documents
    that the first never shows, not even as a distractor; the hash of its name says on which side a document is.

    Raises:
        BadRequest: an impossible share or count. NotFound: a name that is no document of the collection.
        EmptyExamples: no question could be made.
    """
    _check(count, unanswerable, sources, held_out_share)
    for file in (f for f in (out, held_out) if f is not None):
        file.parent.mkdir(parents=True, exist_ok=True)
    names = _names(ws, collection, documents)
    share = held_out_share if held_out is not None else 0.0
    parts = {name: part_of(name, {"tuning": 1 - share, "held_out": share}, salt="synthesise") for name in names}
    passages = [p for p in ws.passages.passages(ws.scope, collection) if p.document in parts]
    settings = Settings(count=count, seed=seed, unanswerable=unanswerable, sources=sources)
    made = _Made(ws, collection, settings, Counter(), tell)
    rows = made.of([p for p in passages if parts[p.document] == "tuning"])
    if not rows:
        raise EmptyExamples(f'no question could be made from the {len(passages)} passages of "{collection}"')
    held = made.of([p for p in passages if parts[p.document] == "held_out"]) if held_out is not None else []
    _write(out, rows)
    if held_out is not None:
        _write(held_out, held)
    sides = Counter(parts.values())
    return Synthesised(
        rows=len(rows),
        held_out_rows=len(held),
        unanswerable=sum(not row.answerable for row in (*rows, *held)),
        documents=(sides["tuning"], sides["held_out"]),
        dropped=dict(made.dropped),
        kinds=dict(Counter(row.kind for row in (*rows, *held)).most_common()),
    )


@dataclass
class _Made:
    """Rows of one side, told as they come."""

    ws: Workspace
    collection: str
    settings: Settings
    dropped: Counter[str]
    tell: Tell

    def of(self, passages: Sequence[Passage]) -> list[Synthetic]:
        made = Rows(passages, self._search(), shown, self.settings)
        rows = []
        for row in made:
            rows.append(row)
            self.tell(Progress("asking", done=len(rows), total=self.settings.count, unit="rows"))
        self.dropped += made.dropped
        return rows

    def _search(self) -> Callable[[str, int], Sequence[Passage]]:
        retriever = self.ws.retriever(self.collection)
        return lambda query, top_k: [f.passage for f in retriever.search(self.ws.scope, query, top_k=top_k)]


def shown(question: str, passages: Sequence[Passage], lang: str) -> tuple[Message, ...]:
    """Question and sources, written down as the knowledge recipe does."""
    labelled = [(label_of(Found(passage, 0.0)), passage.text) for passage in passages]
    return reading_messages(question, labelled, lang)


def _check(count: int, unanswerable: float, sources: int, held_out_share: float) -> None:
    if count < 1:
        raise BadRequest(f"count is {count}; it must be at least 1", param="count")
    if sources < 1:
        raise BadRequest(f"sources is {sources}; it must be at least 1", param="sources")
    for name, value in (("unanswerable", unanswerable), ("held_out_share", held_out_share)):
        if not 0 <= value < 1:
            raise BadRequest(f"{name} is {value}; it is a share from 0 to below 1", param=name)


def _names(ws: Workspace, collection: str, wanted: Sequence[str] | None) -> list[str]:
    """Documents to ask about. Raises NotFound, EmptyExamples."""
    there = [document.name for document in ws.passages.documents(ws.scope, collection)]
    if not there:
        raise EmptyExamples(f'the collection "{collection}" is empty; fill it with: afina add PATH -c {collection}')
    for name in wanted or ():
        if name not in there:
            raise NotFound(f'"{collection}" has no document "{name}"{nearest(name, there)}')
    return list(wanted) if wanted is not None else there


def _write(path: Path, rows: Iterable[Synthetic]) -> None:
    lines = [as_row(row.example, **extra_keys(row)) for row in rows]
    write_durably(path, ("\n".join(lines) + "\n").encode())
