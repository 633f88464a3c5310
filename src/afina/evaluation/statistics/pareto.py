"""The arms that no other beats in everything at once: the choices a sensible person can disagree about."""

from collections.abc import Mapping, Sequence

Point = Sequence[float | None]


def front(points: Mapping[str, Point], *, higher: Sequence[bool]) -> tuple[str, ...]:
    """Names of the points that no other dominates, in the order given; equal points all stay. Never empty.

    points: name -> one value an objective. higher: whether more of an objective is better.
    """
    return tuple(name for name, by in dominators(points, higher=higher).items() if not by)


def dominators(points: Mapping[str, Point], *, higher: Sequence[bool]) -> dict[str, tuple[str, ...]]:
    """For each point the others that are at least as good in every objective and better in one.

    None is unknown. Two points are compared in the objectives that are known of the one that would be dominated, and
    the other must know them all: an unknown cost wins over nothing. So domination is transitive and some point is free.

    Raises:
        ValueError: a point with more or fewer objectives than `higher`.
    """
    for name, point in points.items():
        if len(point) != len(higher):
            raise ValueError(f"{name} has {len(point)} objectives, not {len(higher)}")
    signed = {
        name: [None if value is None else value if up else -value for value, up in zip(point, higher, strict=True)]
        for name, point in points.items()
    }
    return {
        name: tuple(other for other, theirs in signed.items() if _dominates(theirs, mine))
        for name, mine in signed.items()
    }


def _dominates(one: Point, other: Point) -> bool:
    known = [(mine, theirs) for mine, theirs in zip(one, other, strict=True) if theirs is not None]
    no_worse = all(mine is not None and mine >= theirs for mine, theirs in known)
    return no_worse and any(mine is not None and mine > theirs for mine, theirs in known)
