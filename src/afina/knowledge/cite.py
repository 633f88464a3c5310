"""Which passage backs each sentence of an answer, by aligning the two; marks that the model wrote are not believed.

Only what stood in the prompt can back anything. An answer that says the documents do not hold it claims nothing.
"""

import re
from collections.abc import Sequence

from afina.contracts import Checker
from afina.domain.abstention import abstains
from afina.domain.answer import Cited
from afina.domain.document import Found
from afina.knowledge.sentences import sentences

_MARK = re.compile(r"\s*[\[(]\s*(?:source|fuente)?\s*\d+(?:\s*,\s*\d+)*\s*\]|\s*【[^】]*】", re.IGNORECASE)
_WORD = re.compile(r"\w")


def cite(answer_text: str, found: Sequence[Found], *, checker: Checker) -> list[Cited]:
    """One `Cited` for each sentence, in order; `source` counts from 1 in the order of `found`, None is no support.

    Of several passages that back a sentence the one with the highest score is taken, the first of equals.
    """
    if abstains(answer_text):
        return []
    cited = []
    for start, end in sentences(answer_text):
        claim = _MARK.sub("", answer_text[start:end])
        if _WORD.search(claim):
            cited.append(_backed(claim, start, end, found, checker))
    return cited


def _backed(claim: str, start: int, end: int, found: Sequence[Found], checker: Checker) -> Cited:
    verdicts = [checker(claim, each.passage.text) for each in found]
    best = max(range(len(verdicts)), key=lambda n: (verdicts[n].supported, verdicts[n].score), default=None)
    if best is None or not verdicts[best].supported:
        return Cited(start, end, None, score=0.0 if best is None else verdicts[best].score)
    verdict = verdicts[best]
    return Cited(
        start, end, best + 1, quote_start=verdict.quote_start, quote_end=verdict.quote_end, score=verdict.score
    )
