"""Support by shared words: a claim is backed by a passage that says it, or nearly all of it, in one place.

Words are compared without case, accents or endings (the first six letters). It cannot see that a passage denies what
it mentions: that takes a model. What a claim must have in one place of the passage: all its numbers, and a share of
its content words.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from afina.contracts import Verdict

STEM_CHARS = 6
WINDOW_WORDS, WINDOW_FACTOR = 30, 3
_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+|[$€£%]")
_EMPTY_EN = (
    "a an and are as at be been but by can could did do does for from had has have he her his how in into is "
    "it its not of on or she so than that the their them then there these they this to was were what when "
    "where which while who will with would answer"
)
_EMPTY_ES = (
    "al como con cual de del desde donde el ella ellas ellos en entre era es esa ese eso esta este esto fue ha "
    "han hasta hay la las le les lo los mas me mi muy ni no nos o para pero por porque que quien se segun ser "
    "si sin sobre son su sus tambien un una uno unos y ya respuesta"
)
_EMPTY = frozenset([*_EMPTY_EN.split(), *_EMPTY_ES.split()])


class Options(BaseModel):
    """share: of a claim's content words that must stand in one place of the passage.

    On SciFact's 332 backed training claims, which experts wrote in their own words, 0.6 finds 53 % of the support and
    takes 6 % of the nearest other abstracts for support; 0.5 would take 17 %, 0.7 would find 33 %. Short answers
    (1,000 of SQuAD) are found in 99 % of the right passages, and in 10 % of the nearest wrong ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(default=0.6, gt=0, le=1)


@dataclass(frozen=True, slots=True)
class Token:
    stem: str
    start: int
    end: int
    empty: bool
    number: bool


@dataclass(frozen=True, slots=True)
class Overlap:
    options: Options

    def __call__(self, claim: str, passage: str, /) -> Verdict:
        said, given = tokens_of(claim), tokens_of(passage)
        content = Counter(t.stem for t in said if not t.empty)
        if not content or not given:
            return Verdict(False, 0.0)
        start = _run(said, given)
        if start is not None:
            return Verdict(True, 1.0, given[start].start, given[start + len(said) - 1].end)
        numbers = {t.stem for t in said if t.number}
        share, first, last = _best_place(content, numbers, given, max(WINDOW_WORDS, WINDOW_FACTOR * len(said)))
        if first is None or last is None:
            return Verdict(False, 0.0)
        enough = share >= self.options.share and content.total() > 1
        return Verdict(enough, share, given[first].start if enough else 0, given[last].end if enough else 0)


def build(options: Options) -> Overlap:
    return Overlap(options)


def tokens_of(text: str) -> list[Token]:
    """Words, numbers and the signs that go with them, by place in the text."""
    tokens = []
    for found in _TOKEN.finditer(text):
        word = _plain(found[0])
        number = word[:1].isdigit()
        stem = word.replace(",", "") if number else word[:STEM_CHARS]
        tokens.append(Token(stem, found.start(), found.end(), word in _EMPTY, number))
    return tokens


def _plain(word: str) -> str:
    spread = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in spread if not unicodedata.combining(c))


def _run(said: Sequence[Token], given: Sequence[Token]) -> int | None:
    """Where the whole claim stands in the passage, word for word."""
    wanted = [t.stem for t in said]
    stems = [t.stem for t in given]
    starts = (n for n, stem in enumerate(stems[: len(stems) - len(wanted) + 1]) if stem == wanted[0])
    return next((n for n in starts if stems[n : n + len(wanted)] == wanted), None)


def _best_place(
    content: Counter[str], numbers: set[str], given: Sequence[Token], window: int
) -> tuple[float, int | None, int | None]:
    """(share of the content words, first and last token) of the window that has most of them and every number."""
    places = [n for n, token in enumerate(given) if token.stem in content and not token.empty]
    best: tuple[float, int | None, int | None] = (0.0, None, None)
    for at, first in enumerate(places):
        inside = [n for n in places[at : at + window] if n < first + window]
        stems = {given[n].stem for n in inside}
        share = sum(times for stem, times in content.items() if stem in stems) / content.total()
        if share > best[0] and numbers <= stems:
            best = (share, first, inside[-1])
    return best
