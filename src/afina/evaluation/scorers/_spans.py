"""Where the gold span of a case stands in a passage."""

import re

from afina.domain.answer import Answer, Cited
from afina.domain.document import Passage
from afina.domain.example import Case


def gold_places(case: Case, passage: Passage) -> list[tuple[int, int]]:
    """(start, end) of each place of the gold span in passage.text, however its white space is broken.

    Without a span the whole passage counts; a passage of another document has no place. A case may name a
    document by the end of its path.
    """
    if case.document and not f"/{passage.document}".endswith(f"/{case.document}"):
        return []
    if not case.span.strip():
        return [(0, len(passage.text))] if case.document else []
    pattern = r"\s+".join(re.escape(word) for word in case.span.split())
    return [m.span() for m in re.finditer(pattern, passage.text)]


def has_gold(case: Case) -> bool:
    return case.answerable and bool(case.document or case.span.strip())


def is_gold(case: Case, answer: Answer, cited: Cited) -> bool:
    """Whether a citation quotes words of the gold span."""
    if cited.source is None or not 1 <= cited.source <= len(answer.sources):
        return False
    passage = answer.sources[cited.source - 1].passage
    return any(start < cited.quote_end and cited.quote_start < end for start, end in gold_places(case, passage))
