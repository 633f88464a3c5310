"""Token F1 after SQuAD's normalisation (as written, where that leaves nothing); the best over the known answers."""

from collections import Counter

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._words import normalised, same_as_written


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict where the case has no answer."""
    if not case.answers:
        return Score(None, "the case has no answer to match")
    return Score(max(_agreement(answer.text, gold, case.lang) for gold in case.answers))


def _agreement(text: str, gold: str, lang: str) -> float:
    wanted = normalised(gold, lang).split()
    return f1(normalised(text, lang).split(), wanted) if wanted else float(same_as_written(text, gold))


def f1(given: list[str], gold: list[str]) -> float:
    """2PR / (P + R) over words counted as often as they occur; 0 without any."""
    if not given or not gold:
        return 0.0
    common = sum((Counter(given) & Counter(gold)).values())
    return 2 * common / (len(given) + len(gold))
