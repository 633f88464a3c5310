"""SQuAD 1.1 development part, cut by article: which questions tune, which choose settings, which are measured."""

import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afina.domain.example import Example, share_of
from afina.domain.message import Message
from afina.prompting.template import reading_messages

TEST_ARTICLES, VALIDATION_ARTICLES = 16, 8


@dataclass(frozen=True, slots=True)
class Text:
    """A passage of an article."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with all its accepted answers; `passage` is the id of the right one."""

    id: str
    question: str
    answers: tuple[str, ...]
    passage: str

    @property
    def article(self) -> str:
        return self.passage.rpartition("#")[0]

    @property
    def taught(self) -> str:
        """The answer most annotators gave, the shortest of those: what tuning shows."""
        counted = Counter(self.answers)
        return min(counted, key=lambda answer: (-counted[answer], len(answer)))


@dataclass(frozen=True, slots=True)
class Squad:
    texts: dict[str, Text]
    test: tuple[Asked, ...]
    validation: tuple[Asked, ...]
    train: tuple[Asked, ...]


def load(folder: Path, *, questions: int = 200) -> Squad:
    """The parts, fixed by hashes of article titles and question ids; validation articles are not in train."""
    texts = {r["id"]: Text(r["id"], r["title"], r["text"]) for r in _lines(folder / "corpus.jsonl")}
    asked = [Asked(r["id"], r["question"], tuple(r["answers"]), r["context_id"]) for r in _lines(folder / "dev.jsonl")]
    articles = sorted({a.article for a in asked}, key=lambda name: share_of(name, salt="reading"))
    test = set(articles[:TEST_ARTICLES])
    validation = set(articles[TEST_ARTICLES : TEST_ARTICLES + VALIDATION_ARTICLES])
    shuffled = sorted(asked, key=lambda a: share_of(a.id, salt="reading"))
    return Squad(
        texts,
        tuple(a for a in shuffled if a.article in test)[:questions],
        tuple(a for a in shuffled if a.article in validation)[:questions],
        tuple(a for a in shuffled if a.article not in test | validation),
    )


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def chosen(asked: Sequence[Asked], *, rows: int, per_passage: int) -> list[Asked]:
    """`rows` questions, at most `per_passage` about one passage, all of a passage's before the next passage."""
    by_passage: dict[str, list[Asked]] = {}
    for question in asked:
        by_passage.setdefault(question.passage, []).append(question)
    # Passages with enough questions first, so that `per_passage` is reached where it can be.
    order = sorted(by_passage.values(), key=lambda group: len(group) < per_passage)
    return [question for group in order for question in group[:per_passage]][:rows]


def shown(asked: Asked, texts: Sequence[Text]) -> tuple[Message, ...]:
    return reading_messages(asked.question, [(t.title, t.text) for t in texts], "en")


def example(asked: Asked, texts: Sequence[Text]) -> Example:
    """A tuning row, exactly as the question is asked when it is served."""
    return Example(asked.id, (*shown(asked, texts), Message("assistant", asked.taught)), asked.article)


# The official evaluation's definitions (Rajpurkar et al. 2016), written anew.


def normal(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces."""
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def exact(answer: str, golds: Sequence[str]) -> float:
    return float(any(normal(answer) == normal(gold) for gold in golds))


def f1(answer: str, golds: Sequence[str]) -> float:
    """The best token F1 over the accepted answers."""
    return max(_f1(normal(answer).split(), normal(gold).split()) for gold in golds)


def contains(answer: str, golds: Sequence[str]) -> float:
    """Whether an accepted answer stands in the answer, whatever is around it."""
    padded = f" {normal(answer)} "
    return float(any(f" {normal(gold)} " in padded for gold in golds))


def _f1(answer: list[str], gold: list[str]) -> float:
    if not answer or not gold:
        return float(answer == gold)
    same = sum((Counter(answer) & Counter(gold)).values())
    return 2 * same / (len(answer) + len(gold))
