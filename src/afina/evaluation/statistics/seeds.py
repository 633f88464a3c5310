"""One arm tuned over several seeds: how far they lie apart, and intervals that hold for other seeds too."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afina.domain.report import Spread
from afina.evaluation.statistics.resampling import t_point

Floats = NDArray[np.float64]


def spread(values_by_seed: Sequence[Floats]) -> Spread | None:
    """The quality of each seed over its verdicts, and how far the seeds lie apart (standard deviation with k - 1).

    A seed without any verdict is left out; None where fewer than two are left, for one says nothing of others.
    """
    means = np.array([np.nanmean(values) for values in values_by_seed if not np.isnan(values).all()])
    if len(means) < 2:
        return None
    return Spread(len(means), float(means.min()), float(means.max()), float(means.std(ddof=1)))


def widened(
    low: float, high: float, *, centre: float, sd: float, seeds: int, bounds: tuple[float, float]
) -> tuple[float, float]:
    """(low, high) of an interval over cases, made to hold for the way of tuning and not only for these seeds of it.

    Each half-width h becomes sqrt(h^2 + (t sd / sqrt(k))^2), t the 97.5 % point of Student's t with k - 1 degrees of
    freedom: cases and seeds are two independent sources of error. It speaks of the mean over all seeds; where one other
    seed will fall is for the spread to say.

    Raises:
        ValueError: fewer than two seeds; one says nothing of others.
    """
    if seeds < 2:
        raise ValueError(f"{seeds} seed says nothing of how others would do; at least 2 are needed")
    between = t_point(seeds - 1) * sd / math.sqrt(seeds)
    edges = centre - math.hypot(centre - low, between), centre + math.hypot(high - centre, between)
    return max(bounds[0], edges[0]), min(bounds[1], edges[1])
