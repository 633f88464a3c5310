"""What each mechanism adds: main effects and interactions of an on/off factorial, with paired intervals by group.

A cell of the design is the set of mechanisms that are on. The effect of a mechanism is the difference that turning it
on makes, averaged over every setting of the others at which both cells were measured (Box, Hunter and Hunter 2005,
"Statistics for Experimenters", ch. 5); in a full design it is the coefficient of a linear model coded -1/2 and +1/2.
The interaction of two is the difference of differences: what both add beyond the sum of what each adds alone. As main
effects are averages over the other mechanism on and off, each holds half of it: in a 2 x 2 they sum to what both bring.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from afina.domain.report import Effect
from afina.evaluation.statistics.resampling import group_numbers, interval

Floats = NDArray[np.float64]
Cell = frozenset[str]


def effects(values: Mapping[Cell, Floats], groups: Sequence[str], *, seed: int = 0) -> tuple[Effect, ...]:
    """Main effects in the order in which mechanisms first occur, then interactions of two; fractions, 95 % intervals.

    values: cell -> one value in [0, 1] a case, NaN for no verdict; a case counts for an effect when every cell that the
    effect needs has a verdict on it. What no pair (or square) of cells can tell is not reported.
    """
    names = list(dict.fromkeys(name for cell in values for name in sorted(cell)))
    singles = ((name,) for name in names)
    found = [_effect(factors, values, groups, seed=seed) for factors in (*singles, *combinations(names, 2))]
    return tuple(effect for effect in found if effect is not None)


def _effect(
    factors: tuple[str, ...], values: Mapping[Cell, Floats], groups: Sequence[str], *, seed: int
) -> Effect | None:
    """None where no set of cells, or no case, can tell it."""
    corners = [_corners(rest, factors) for rest in values if not rest & set(factors)]
    contrasts = [_contrast(signs, values) for signs in corners if signs.keys() <= values.keys()]
    if not contrasts:
        return None
    differences = np.mean(contrasts, axis=0)
    there = ~np.isnan(differences)
    if not there.any():
        return None
    numbers = group_numbers([g for g, ok in zip(groups, there, strict=True) if ok])
    widest = float(2 ** (len(factors) - 1))
    low, high = interval(differences[there], numbers, bounds=(-widest, widest), seed=seed)
    return Effect(factors, float(differences[there].mean()), float(low[0]), float(high[0]), int(there.sum()))


def _corners(rest: Cell, factors: tuple[str, ...]) -> dict[Cell, int]:
    """The cells with the factors on and off at one setting of the rest, and the sign of each in the contrast."""
    subsets = (on for size in range(len(factors) + 1) for on in combinations(factors, size))
    return {rest | set(on): (-1) ** (len(factors) - len(on)) for on in subsets}


def _contrast(signs: Mapping[Cell, int], values: Mapping[Cell, Floats]) -> Floats:
    total: Floats = np.sum([sign * values[cell] for cell, sign in signs.items()], axis=0)
    return total
