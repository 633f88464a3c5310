"""The weight chosen from pseudo-questions: it follows whichever search works on the collection itself."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from afina.domain.ask import Scope
from afina.domain.document import Passage
from afina.knowledge.retrievers import hybrid
from afina.knowledge.retrievers._weighing import GRID, MOST, UNTOLD, most_even, questions_of
from afina.testing.fakes import ListPassages, WordEmbedder, document_of

WORDS = "boat bread star river lamp stone cloud sheep bridge candle forest window garden market tower violin"
SUBJECTS = WORDS.split()


class Blind:
    """An embedder that sees nothing: every text has a vector of its own, near to none."""

    name = digest = "blind"
    dim = 16

    def embed(self, texts: Sequence[str], *, kind: str = "passage") -> NDArray[np.float32]:
        rows = [np.random.default_rng(abs(hash(text)) % 2**32).normal(size=16) for text in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)

    def count(self, text: str) -> int:
        return len(text.split())


def collection(size: int) -> ListPassages:
    stored = ListPassages()
    for n in range(size):
        a, b, c = (SUBJECTS[(n * k + n // 16) % 16] for k in (1, 3, 5))
        first = f"The {a} of number {n} stood beside the {b} and the {c} for many years."
        second = f"Nobody moved the {b}{n} or the {a}{n} while the {c} was being mended by number {n}."
        stored.put(document_of(f"{n}.md", f"{first} {second} It was the {a}{n} again."))
    return stored


def test_a_blind_embedder_leaves_it_to_the_words(tmp_path: Path) -> None:
    made = hybrid.build(hybrid.Options(), passages=collection(120), embedder=Blind(), folder=tmp_path)
    weight = made.weight(Scope())
    assert weight.questions == 120
    assert weight.lexical >= 0.5


def test_a_few_passages_cannot_tell(tmp_path: Path) -> None:
    made = hybrid.build(hybrid.Options(), passages=collection(20), embedder=WordEmbedder(), folder=tmp_path)
    assert (made.weight(Scope()).lexical, made.weight(Scope()).questions) == (UNTOLD, 0)


def test_the_weight_stays_while_the_collection_hardly_changes(tmp_path: Path) -> None:
    stored = collection(100)
    made = hybrid.build(hybrid.Options(), passages=stored, embedder=WordEmbedder(), folder=tmp_path)
    before = made.weight(Scope())
    stored.put(document_of("new.md", "A new one. With two sentences in it now."))
    assert made.weight(Scope()) == before
    for n in range(40):
        stored.put(document_of(f"more{n}.md", f"The whale number {n} sang. The whale{n} and others then went away."))
    assert made.weight(Scope()).questions == 140


def test_the_most_even_of_what_is_as_good() -> None:
    gains = np.zeros((50, len(GRID)))
    gains[:, (GRID >= 0.6) & (GRID <= 0.9)] = 1.0
    assert most_even(gains) == pytest.approx(0.6)
    gains[:, GRID < 0.3] = 2.0
    assert most_even(gains) == pytest.approx(0.25)


def test_questions_are_taken_out_of_their_passages() -> None:
    text = "The red boat left the harbour at dawn with four. It came back in the evening with a lot of fish."
    passage = Passage("p1", "d", "d", text, 0, len(text), heading="Boats", lang="en")
    (question,) = questions_of([(3, passage)])
    assert question.row == 3
    assert question.text in text
    assert question.text not in question.rest
    assert question.rest.startswith("Boats\n")
    assert list(questions_of([(3, passage)])) == [question]
    assert list(questions_of([(0, Passage("p", "d", "d", "One sentence only.", 0, 18))])) == []
    many = [(n, Passage(f"p{n}", "d", "d", text, 0, len(text))) for n in range(MOST + 50)]
    assert len(list(questions_of(many))) == MOST
