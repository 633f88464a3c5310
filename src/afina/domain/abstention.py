"""Saying that the documents do not answer: the words for it, and how they are recognised."""

import re

NOT_FOUND = {"en": "not in the documents", "es": "no está en los documentos"}
"""What a model is asked to answer, by language."""

ANSWER_FORM = {
    "en": "Answer with the shortest exact phrase, nothing else. "
    "If the answer cannot be found, reply: not in the documents",
    "es": "Responde con la frase exacta más corta, nada más. "
    "Si la respuesta no se encuentra, di: no está en los documentos",
}
"""The one instruction on the form of an answer that every arm of a study gets."""

_SAYS_SO = re.compile(
    r"^\W*(the answer is\s+)?(this (information )?is\s+)?(not|isn't|no est[aá]|no figura|no aparece)\b[^.]{0,20}"
    r"\b(in|found|mentioned|stated|en|dans)\b[^.]{0,20}(documents?|documentos?|sources?|fuentes?|context|text)\b",
    re.IGNORECASE,
)


def abstains(answer: str) -> bool:
    """Whether an answer says, at its start, that the documents do not hold the answer."""
    return bool(_SAYS_SO.match(answer.strip()))
