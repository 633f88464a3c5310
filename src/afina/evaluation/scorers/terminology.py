"""The share of a case's words to use that are used, and of words to avoid that are avoided."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.checks import TERMS, checked


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict without such words. An answer that says nothing has none right."""
    terms = {key: value for key, value in case.checks.items() if key in TERMS}
    done = list(checked(terms, answer.text, case.lang))
    if not done:
        return Score(None, "the case has no words to use or avoid")
    if not answer.text.strip():
        return Score(0.0, "nothing was said")
    return Score(sum(one.obeyed for one in done) / len(done))
