"""Two answers to one question, for a judge: how a pair is written as one message, and which of the two is better."""

import json
from dataclasses import dataclass, replace
from typing import Literal, get_args

from afina.domain.answer import Answer

Better = Literal["first", "second", "equal"]
JUDGING = "judging"
"""The stage of a judge's own pieces: a Chose for what it said in each order, then the verdict."""

VERDICTS: tuple[Better, ...] = get_args(Better)
_REQUIRED = ("question", "first", "second")


@dataclass(frozen=True, slots=True)
class Pair:
    """reference: a known right answer, if there is one."""

    question: str
    first: str
    second: str
    reference: str = ""

    @property
    def swapped(self) -> "Pair":
        """With the answers in the other order."""
        return replace(self, first=self.second, second=self.first)


def pair_text(pair: Pair) -> str:
    """A pair as a message: a JSON object, since answers may hold whatever else would part them."""
    named = {"question": pair.question, "reference": pair.reference, "first": pair.first, "second": pair.second}
    return json.dumps({name: text for name, text in named.items() if text or name in _REQUIRED}, ensure_ascii=False)


def pair_of(text: str) -> Pair | None:
    """The pair that a message holds; None if it is no JSON object with the texts `question`, `first` and `second`,
    perhaps a `reference`, and nothing else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not set(_REQUIRED) <= set(found) <= {*_REQUIRED, "reference"}:
        return None
    return Pair(**found) if all(isinstance(part, str) for part in found.values()) else None


def swapped(verdict: Better) -> Better:
    """What a verdict on a swapped pair says of the pair as it was."""
    back: dict[Better, Better] = {"first": "second", "second": "first", "equal": "equal"}
    return back[verdict]


def verdict_of(said: str) -> Better | None:
    """'first', 'second' or 'equal' as a text of nothing else; None is no verdict."""
    return next((v for v in VERDICTS if v == said.strip().lower()), None)


def verdict_in(answer: Answer) -> Better | None:
    """A judge's verdict: its label, or else its text."""
    return verdict_of(answer.label.best if answer.label and answer.label.distribution else answer.text)
