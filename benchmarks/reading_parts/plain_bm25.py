"""BM25 in a few lines (Robertson and Zaragoza 2009), for machines where only numpy is installed."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

K1, B = 1.2, 0.75


class PlainBm25:
    """Ranks `texts` for a query by lower-case words without stems."""

    def __init__(self, texts: Sequence[str]) -> None:
        bags = [Counter(_words(text)) for text in texts]
        lengths = np.array([sum(bag.values()) for bag in bags], dtype=np.float64)
        norm = K1 * (1 - B + B * lengths / lengths.mean())
        self._postings: dict[str, list[tuple[int, float]]] = {}
        for place, bag in enumerate(bags):
            for word, count in bag.items():
                weight = count * (K1 + 1) / (count + norm[place])
                self._postings.setdefault(word, []).append((place, float(weight)))
        self._size = len(texts)

    def best(self, query: str, top_k: int) -> list[int]:
        """Places of the best texts, best first."""
        scores = np.zeros(self._size)
        for word in set(_words(query)):
            found = self._postings.get(word, [])
            rarity = math.log(1 + (self._size - len(found) + 0.5) / (len(found) + 0.5))
            for place, weight in found:
                scores[place] += rarity * weight
        return [int(place) for place in np.argsort(-scores, kind="stable")[:top_k]]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
