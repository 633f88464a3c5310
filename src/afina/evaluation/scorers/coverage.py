"""The share of a case's key facts (checks.facts) that an answer states."""

import re
from collections import Counter

from afina.contracts import Score
from afina.domain.answer import Answer
from afina.domain.example import Case
from afina.evaluation.checks import alternatives
from afina.evaluation.scorers._words import contains, words

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")


def score(case: Case, answer: Answer, /) -> Score:
    """In [0, 1]; no verdict without facts.

    A fact is stated where it stands word for word, or where one sentence holds all of its words, in any order. That it
    is denied there cannot be seen: write facts with the words that matter ("ferry", "20 minutes late").
    """
    facts = case.checks.get("facts", ())
    facts = [facts] if isinstance(facts, str) else list(facts)
    if not facts:
        return Score(None, "the case has no key facts")
    whole = words(answer.text, case.lang)
    parts = [Counter(words(part, case.lang)) for part in _SENTENCE.split(answer.text)]
    missed = [fact for fact in facts if not any(_stated(way, whole, parts, case.lang) for way in alternatives(fact))]
    return Score(1 - len(missed) / len(facts), "; ".join(f"not said: {alternatives(f)[0]}" for f in missed))


def _stated(fact: str, whole: list[str], parts: list[Counter[str]], lang: str) -> bool:
    wanted = words(fact, lang)
    return contains(whole, wanted) or (bool(wanted) and any(Counter(wanted) <= part for part in parts))
