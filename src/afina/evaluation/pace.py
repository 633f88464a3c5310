"""How much time a study has left, over arms that go at different speeds and two passes."""

from collections.abc import Mapping

from afina.domain.row import Pass

Leg = tuple[Pass, str]
"""One arm in one pass."""


class Pace:
    """Seconds per case of each leg as they become known, and what is left of all of them."""

    def __init__(self, todo: Mapping[Leg, int]) -> None:
        """todo: cases that each leg still has to do."""
        self.total = sum(todo.values())
        self._left = dict(todo)
        self._cases: dict[Leg, int] = {}
        self._seconds: dict[Leg, float] = {}

    @property
    def done(self) -> int:
        return self.total - sum(self._left.values())

    def tick(self, leg: Leg) -> None:
        """One case of a leg is done."""
        self._left[leg] -= 1

    def drop(self, leg: Leg) -> None:
        """A leg is not gone on with."""
        self.total -= self._left[leg]
        self._left[leg] = 0

    def spent(self, leg: Leg, *, cases: int, seconds: float) -> None:
        """A block of a leg took so long."""
        self._cases[leg] = self._cases.get(leg, 0) + cases
        self._seconds[leg] = self._seconds.get(leg, 0.0) + seconds

    def left_s(self) -> float | None:
        """Seconds left; None until anything was measured."""
        if not self._cases:
            return None
        return sum(self._rate(leg) * left for leg, left in self._left.items() if left)

    def _rate(self, leg: Leg) -> float:
        """Seconds per case: measured; else of all arms in this pass; else of the arm alone (batches are faster)."""
        turn, arm = leg
        for known in ([leg], [k for k in self._cases if k[0] == turn], [k for k in self._cases if k[1] == arm]):
            cases = sum(self._cases.get(k, 0) for k in known)
            if cases:
                return sum(self._seconds[k] for k in known if k in self._seconds) / cases
        return sum(self._seconds.values()) / sum(self._cases.values())
