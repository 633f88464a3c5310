"""Drafts: a question, its short answer, and the words of the source that hold it; made by patterns, one file a kind."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from afina.domain.document import Passage

MAX_ANSWER_WORDS = 9


@dataclass(frozen=True, slots=True)
class Draft:
    """answer: stands word for word in the source. span: the words there that hold it, wider than the answer where it
    alone would be ambiguous. kind: which pattern made it."""

    question: str
    answer: str
    span: str
    kind: str


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as patterns read it. text: without its heading, white space folded. sentences: of it.
    leaf: its nearest heading."""

    passage: Passage
    text: str
    sentences: tuple[str, ...]
    leaf: str


Pattern = Callable[[Source, Random], Iterator[Draft]]
"""Drafts from a source; the dice choose between ways of asking."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-ZÁÉÍÓÚÜÑ¿¡\"'(\[])")
_BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*•|>]|\d+[.)])\s)")


def source_of(passage: Passage) -> Source:
    leaf = passage.heading.rpartition(" > ")[2]
    blocks = [folded(block) for block in _BLOCK.split(passage.text)]
    # The heading stands above the passage already; in its text it would make every answer in it ambiguous.
    body = [block for block in blocks if block and block.lstrip("# ") != folded(leaf)]
    sentences = tuple(s for block in body for s in _SENTENCE.split(block) if s)
    return Source(passage, " ".join(body), sentences, leaf)


def folded(text: str) -> str:
    return " ".join(text.split())


def lowered(phrase: str) -> str:
    """Without the capital of a sentence's start, unless the word keeps capitals of its own."""
    first = phrase.split(" ", 1)[0]
    return (
        phrase
        if any(c.isupper() or c.isdigit() for c in first[1:]) or first == "I"
        else phrase[:1].lower() + phrase[1:]
    )


def short(phrase: str, *, words: int = MAX_ANSWER_WORDS) -> bool:
    return 0 < len(phrase.split()) <= words


def one_of(ways: Sequence[str], dice: Random, **parts: str) -> str:
    """A way of asking, filled in, with a capital and single spaces."""
    asked = folded(dice.choice(ways).format(**parts))
    start = 1 if asked[:1] in "¿¡" else 0
    return asked[:start] + asked[start : start + 1].upper() + asked[start + 1 :]


def drafts_of(passage: Passage, patterns: Sequence[Pattern], dice: Random) -> list[Draft]:
    """Drafts of a passage that pass the checks: short answer, said once, not given away by the question."""
    source = source_of(passage)
    shown = f"{folded(passage.document)} {folded(passage.heading)} {source.text}"
    drafts = [draft for pattern in patterns for draft in pattern(source, dice)]
    return [draft for draft in drafts if fault_of(draft, shown) is None]


def fault_of(draft: Draft, shown: str) -> str | None:
    """Why a draft is no good, given all that is shown of its source; None if it is."""
    answer, question = draft.answer.casefold(), draft.question.casefold()
    if not short(draft.answer):
        return "long answer"
    if len(draft.question.split()) < 3 or len(draft.question) > 200:
        return "odd question"
    if re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", question):
        return "answer in question"
    if answer not in draft.span.casefold() or shown.casefold().count(draft.span.casefold()) != 1:
        return "ambiguous span"
    return None
