"""Tuning rows from passages: question, short answer, real distractors, and questions that are not answered (RAFT).

After Zhang et al. 2024 (arXiv 2403.10131); here patterns ask and checks decide, so no model is needed. Several
questions are asked about one list of sources, so that tuning reads the list once. A row is what the model sees when it
serves: the caller says how sources and question are written down.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from afina.domain.abstention import NOT_FOUND
from afina.domain.document import Passage, content_id, content_stems
from afina.domain.example import Example
from afina.domain.message import Message
from afina.tuning.asking_prose import by_clause, by_entry, by_table
from afina.tuning.asking_reference import by_default_argument, by_error, by_return, by_stated_default, by_what_it_does
from afina.tuning.drafting import Draft, Pattern, drafts_of, folded

PATTERNS: tuple[Pattern, ...] = (
    by_what_it_does,
    by_default_argument,
    by_error,
    by_return,
    by_stated_default,
    by_clause,
    by_table,
    by_entry,
)

Search = Callable[[str, int], Sequence[Passage]]
"""Best passages for a question, as the serving retriever finds them; at most so many."""

Shown = Callable[[str, Sequence[Passage], str], tuple[Message, ...]]
"""What the model sees for a question with sources in a language."""

SEARCHED = 8
ALIKE = 0.8
"""Share of words in common from which two questions are the same."""


@dataclass(frozen=True, slots=True)
class Settings:
    """count: rows wanted. unanswerable: share of rows whose right passage is left out. sources: the most passages in a
    row. per_list: rows about one list of sources. found_within: places in which search must find the right passage."""

    count: int = 300
    seed: int = 0
    unanswerable: float = 0.2
    sources: int = 4
    per_list: int = 3
    found_within: int = 4


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A row. question: as it is asked, without sources. document, passage: of the right passage, shown or not.
    span: (start, end) of the answer in that passage's text, None where it stands in the heading or is not shown."""

    example: Example
    question: str
    kind: str
    document: str
    passage: str
    span: tuple[int, int] | None
    answerable: bool


@dataclass(frozen=True, slots=True)
class Asked:
    draft: Draft
    passage: Passage


@dataclass
class Rows:
    """Rows as they are made; dropped: how many drafts were not used, by reason."""

    passages: Sequence[Passage]
    search: Search
    shown: Shown
    settings: Settings = field(default_factory=Settings)
    dropped: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Synthetic]:
        """Rows in random order of documents until `count` are made or no drafts are left; the same for a seed."""
        self._dice = Random(self.settings.seed)
        self._allowed = {passage.id for passage in self.passages}
        self._drafts = self._drafted()
        self._questions: list[frozenset[str]] = []
        self._kinds: Counter[str] = Counter()
        self._made = self._unanswered = 0
        for seed in self._seeds():
            for row in self._list(seed):
                if self._made == self.settings.count:
                    return
                self._made += 1
                self._unanswered += not row.answerable
                self._kinds[row.kind] += 1
                yield row

    def _drafted(self) -> dict[str, list[Draft]]:
        """Drafts by passage id, in random order."""
        drafts: dict[str, list[Draft]] = {}
        for passage in self.passages:
            found = drafts_of(passage, PATTERNS, self._dice)
            self._dice.shuffle(found)
            drafts[passage.id] = found
        return drafts

    def _seeds(self) -> Iterator[Asked]:
        """One draft after the other, kinds in turn, so that a frequent pattern does not fill the set."""
        by_kind: dict[str, list[Asked]] = {}
        for passage in self.passages:
            for draft in self._drafts[passage.id]:
                by_kind.setdefault(draft.kind, []).append(Asked(draft, passage))
        for group in by_kind.values():
            self._dice.shuffle(group)
        while by_kind:
            for kind in sorted(by_kind):
                yield by_kind[kind].pop()
                if not by_kind[kind]:
                    del by_kind[kind]

    def _list(self, seed: Asked) -> Iterator[Synthetic]:
        """Rows about one list of sources, the seed's passage among them."""
        near = self._near(seed)
        if near is None:
            return
        size = self._dice.choice(range(1, self.settings.sources + 1))
        sources = self._with(seed.passage, near, size)
        self._dice.shuffle(sources)
        left = [seed, *self._others(seed, sources)]
        for asked in left[: self.settings.per_list]:
            if self._unanswered < self.settings.unanswerable * (self._made + 1) - 0.5:
                absent = self._absent(near, sources)
                if absent is not None:
                    yield self._row(absent, sources, group=seed.passage.document, answerable=False)
            if self._fit(asked, sources, searched=asked is seed):
                yield self._row(asked, sources, group=seed.passage.document, answerable=True)

    def _fit(self, asked: Asked, sources: Sequence[Passage], *, searched: bool) -> bool:
        """Whether a question is new, found by search, and answered by its own passage alone."""
        if self._said_elsewhere(asked, sources):
            self.dropped["another source says it too"] += 1
            return False
        return (searched or self._near(asked) is not None) and not self._used(asked)

    def _near(self, asked: Asked) -> list[Passage] | None:
        """What search finds, only from the allowed documents; None if it does not find the right passage."""
        found = [p for p in self.search(asked.draft.question, 2 * SEARCHED) if p.id in self._allowed][:SEARCHED]
        if asked.passage.id in [passage.id for passage in found[: self.settings.found_within]]:
            return found
        self.dropped["not found by search"] += 1
        return None

    def _with(self, right: Passage, near: Sequence[Passage], size: int) -> list[Passage]:
        return [right, *(passage for passage in near if passage.id != right.id)][:size]

    def _others(self, seed: Asked, sources: Sequence[Passage]) -> list[Asked]:
        """More questions that the list answers, the kinds asked least so far first."""
        more = [Asked(d, p) for p in sources for d in self._drafts[p.id][:3] if d.question != seed.draft.question]
        self._dice.shuffle(more)
        return sorted(more, key=lambda asked: self._kinds[asked.draft.kind])

    def _absent(self, near: Sequence[Passage], sources: Sequence[Passage]) -> Asked | None:
        """A question about a passage that search nearly showed: the list looks right and does not answer it."""
        listed = {passage.id for passage in sources}
        for passage in near:
            for draft in self._drafts[passage.id] if passage.id not in listed else ():
                asked = Asked(draft, passage)
                if not self._said_elsewhere(asked, sources) and not self._used(asked):
                    return asked
        return None

    def _said_elsewhere(self, asked: Asked, sources: Sequence[Passage]) -> bool:
        """Whether a source other than the right one holds the answer, so that it would not be clear."""
        answer = f" {asked.draft.answer.casefold()} "
        texts = (f" {folded(p.heading)} {folded(p.text)} ".casefold() for p in sources if p.id != asked.passage.id)
        wordy = len(asked.draft.answer.split()) > 1 or not asked.draft.answer.isdigit()
        return wordy and any(answer in text for text in texts)

    def _used(self, asked: Asked) -> bool:
        """Whether nearly the same question is in the set; else it is taken to be from now on."""
        words = content_stems(asked.draft.question) or frozenset([asked.draft.question])
        if any(len(words & other) >= ALIKE * len(words | other) for other in self._questions):
            self.dropped["asked before"] += 1
            return True
        self._questions.append(words)
        return False

    def _row(self, asked: Asked, sources: Sequence[Passage], *, group: str, answerable: bool) -> Synthetic:
        lang = asked.passage.lang if asked.passage.lang in NOT_FOUND else "en"
        answer = asked.draft.answer if answerable else NOT_FOUND[lang]
        messages = (*self.shown(asked.draft.question, sources, lang), Message("assistant", answer))
        name = content_id("syn", *(message.content for message in messages))
        example = Example(name, messages, group)
        span = span_of(asked.passage.text, asked.draft) if answerable else None
        return Synthetic(
            example, asked.draft.question, asked.draft.kind, asked.passage.document, asked.passage.id, span, answerable
        )


def span_of(text: str, draft: Draft) -> tuple[int, int] | None:
    """Where the answer stands in a text whose white space may differ; None if it is not there."""
    at = _find(text, draft.span, 0)
    return _find(text, draft.answer, at[0]) if at else None


def _find(text: str, words: str, start: int) -> tuple[int, int] | None:
    """First place from `start` on where the words stand, whatever white space is between them."""
    places = [place for place, c in enumerate(text) if not c.isspace() and place >= start]
    bare = "".join(text[place] for place in places).casefold()
    wanted = "".join(words.split()).casefold()
    at = bare.find(wanted)
    return None if at < 0 or len(bare) != len(places) else (places[at], places[at + len(wanted) - 1] + 1)


def extra_keys(row: Synthetic) -> Mapping[str, object]:
    """What stands beside "messages" in the file."""
    span = list(row.span) if row.span else None
    return {
        "question": row.question,
        "document": row.document,
        "passage": row.passage,
        "span": span,
        "answerable": row.answerable,
        "kind": row.kind,
    }
