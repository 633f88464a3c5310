"""Whether an answer keeps within the words that the case allows (checks.max_words)."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.checks import checked


def score(case: Case, answer: Answer, /) -> Score:
    """1 or 0; no verdict where the case sets no length, or nothing was said."""
    if "max_words" not in case.checks or not answer.text.strip():
        return Score(None, "nothing was said" if "max_words" in case.checks else "the case sets no length")
    (one,) = checked({"max_words": case.checks["max_words"]}, answer.text, case.lang)
    return Score(float(one.obeyed))
