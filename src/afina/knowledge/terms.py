"""Words of a text as a lexical index sees them: folded, without stop words, stemmed by language.

Accents are folded before stemming, so that "garcia" and "García", "informacion" and "información" meet.
Terms of different languages never mix ("es:contrat"): a query is read once for each language of a collection.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

import snowballstemmer

from afina.knowledge.language import STOP_WORDS

STEMMERS = {"en": "english", "es": "spanish"}
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def folded(text: str) -> str:
    """Lower case, compatibility forms, no accents: 'García' -> 'garcia', 'ﬁn' -> 'fin'."""
    if text.isascii():
        return text.lower()
    spread = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in spread if not unicodedata.combining(c))


def terms(text: str, lang: str) -> list[str]:
    """Stems in order, stop words left out; a language without a stemmer keeps its words whole."""
    stem = _stemming(lang)
    stop = STOP_WORDS.get(lang, frozenset())
    words = (_bare(word) for word in _WORD.findall(folded(text)))
    return [stem(word) for word in words if word and word not in stop]


def _bare(word: str) -> str:
    """Without a possessive or an elided article: "author's" -> "author", "l’aigua" -> "aigua"."""
    if "'" not in word and "’" not in word:
        return word
    left, _, right = word.replace("’", "'").partition("'")
    return left if len(left) > 2 or len(right) <= 2 else right


@cache
def _stemming(lang: str) -> Callable[[str], str]:
    """A stemmer with a memory; each keeps one mutable machine inside, so calls are made one at a time."""
    if lang not in STEMMERS:
        return str
    machine = snowballstemmer.stemmer(STEMMERS[lang])
    return lru_cache(maxsize=200_000)(machine.stemWord)
