"""How answers are made comparable: SQuAD's normalisation in English and Spanish, and words to look for."""

import re
import string
import unicodedata

ARTICLES = {
    "en": re.compile(r"\b(a|an|the)\b"),
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
}
"""As in the evaluation scripts of SQuAD (Rajpurkar et al. 2016) and MLQA (Lewis et al. 2020)."""

_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+")


def normalised(text: str, lang: str = "en") -> str:
    """Lower case, without punctuation (Unicode's too) and articles, single spaces.

    Differs from SQuAD's script in composing accents first and in removing Unicode punctuation such as ¿ and ”.
    """
    composed = unicodedata.normalize("NFC", text).lower()
    bare = "".join(c for c in composed if c not in string.punctuation and not unicodedata.category(c).startswith("P"))
    return " ".join(_articles(lang).sub(" ", bare).split())


def words(text: str, lang: str = "en") -> list[str]:
    """Lower-case words without articles; 'asyncio.run()' is two words, '3.11' is one."""
    composed = unicodedata.normalize("NFC", text).lower()
    return [w for w in _WORD.findall(composed) if not _articles(lang).fullmatch(w)]


def contains(text: list[str], part: list[str]) -> bool:
    """Whether `part` stands in `text` as neighbouring words; an empty part stands nowhere."""
    return bool(part) and any(text[i : i + len(part)] == part for i in range(len(text) - len(part) + 1))


def same_as_written(text: str, gold: str) -> bool:
    """Whether two texts agree but for case and white space around them; an empty one agrees with nothing.

    For gold that normalising leaves nothing of: "A" of a multiple choice, "+", "%".
    """
    return bool(text.strip()) and _written(text) == _written(gold)


def _written(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip().casefold())


def _articles(lang: str) -> re.Pattern[str]:
    return ARTICLES.get(lang[:2], ARTICLES["en"])
