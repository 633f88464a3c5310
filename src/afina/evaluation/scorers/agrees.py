"""Whether a judge's verdict is the labelled one. A judge that finds two answers equal, or that contradicts itself when
their order is changed, gets half: what a coin would get, so that a judge that follows the position stands at chance."""

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.domain.pair import verdict_in, verdict_of


def score(case: Case, answer: Answer, /) -> Score:
    """1, 0, or 0.5 where one of the two is 'equal'. No verdict where the judge gave none, or the case has no label."""
    label = verdict_of(case.answers[0]) if case.answers else None
    verdict = verdict_in(answer)
    if label is None:
        return Score(None, "the case does not say which answer is better")
    if verdict is None:
        return Score(None, answer.text if answer.text.startswith("no verdict") else "no verdict")
    if "equal" in (label, verdict) and label != verdict:
        return Score(0.5, f"{verdict}, known: {label}")
    return Score(float(verdict == label), "" if verdict == label else f"{verdict}, known: {label}")
