"""The share of a case's checks that an answer obeys (see evaluation/checks.py); each term is one check."""

import re

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.checks import checked


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict without a check. An answer that says nothing obeys none."""
    try:
        done = list(checked(case.checks, answer.text, case.lang))
    except re.error as error:
        return Score(None, f"{error.pattern!r} is not a regular expression")
    if not done:
        return Score(None, "the case has no checks")
    if not answer.text.strip():
        return Score(0.0, "nothing was said")
    broken = [f"{one.key}: {one.what}" for one in done if not one.obeyed]
    return Score(1 - len(broken) / len(done), "; ".join(broken))
