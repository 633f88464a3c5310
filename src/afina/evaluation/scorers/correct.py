"""Right or wrong, with saying "not in the documents" taken at its word. The scorer that arms are ranked by."""

from afina.contracts import Score
from afina.domain.abstention import abstains
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.scorers import contains_gold


def score(case: Case, answer: Answer, /) -> Score:
    """Without a known answer: right if it abstains. With one: right if it holds it and does not abstain."""
    if not case.answerable:
        right = abstains(answer.text)
        return Score(float(right), "rightly abstains" if right else "answers what has no answer")
    if abstains(answer.text):
        return Score(0.0, "abstains although there is an answer")
    return contains_gold.score(case, answer)
