"""Which label an answer says, and how two spellings of a label are compared."""

import re

from afina.evaluation.scorers._words import normalised, same_as_written

_LEAD = re.compile(
    r"^\W*(label|category|class|queue|topic|answer|etiqueta|categor[ií]a|clase|cola|tema|respuesta)\s*:", re.IGNORECASE
)


def said_label(text: str) -> str:
    """The first line that says something, without a "Label:" before it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return _LEAD.sub("", line).strip()


def same_label(said: str, label: str) -> bool:
    """Whether two texts name one label: case, punctuation, and '_', '-' or '/' for a space do not matter."""
    wanted = _spelling(label)
    return _spelling(said) == wanted if wanted else same_as_written(said, label)


def _spelling(text: str) -> str:
    return normalised(re.sub(r"[_\-/]+", " ", text))
