"""Which label an answer says, and how two spellings of a label are compared."""

import re
import unicodedata

from afina.evaluation.scorers._words import same_as_written

_LEAD = re.compile(
    r"^\W*(label|category|class|queue|topic|answer|etiqueta|categor[ií]a|clase|cola|tema|respuesta)\s*:", re.IGNORECASE
)


_WORD = re.compile(r"[^\W_]+[+#]*")


def said_label(text: str) -> str:
    """The first line that says something, without a "Label:" before it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return _LEAD.sub("", line).strip()


def same_label(said: str, label: str) -> bool:
    """Whether two texts name one label: case and punctuation do not matter, nor '_' or '-' for a space."""
    wanted = _spelling(label)
    return _spelling(said) == wanted if wanted else same_as_written(said, label)


def _spelling(text: str) -> list[str]:
    """Words with their accents, articles too: "A" may be a label, and "C" is another than "C++"."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())
