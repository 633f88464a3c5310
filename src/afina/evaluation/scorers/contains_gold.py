"""Whether the answer holds a known answer word for word: right in substance, whatever stands around it."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers._words import contains, same_as_written, words


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where the case has no answer. Gold without words ("A", "+") must be the whole answer."""
    if not case.answers:
        return Score(None, "the case has no answer to hold")
    return Score(float(any(_holds(answer.text, gold, case.lang) for gold in case.answers)))


def _holds(text: str, gold: str, lang: str) -> bool:
    wanted = words(gold, lang)
    return contains(words(text, lang), wanted) if wanted else same_as_written(text, gold)
