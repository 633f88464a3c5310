"""When preparing has paid."""

import pytest

from afina.evaluation.statistics.breakeven import breakeven


@pytest.mark.parametrize(
    ("preparation", "saved", "calls"),
    [
        (850.0, 0.5, 1700),
        (851.0, 0.5, 1702),
        (0.1, 5.0, 1),
        (0.0, 0.5, 0),
        (-3.0, 0.0, 0),
        (0.0, -0.5, None),
        (850.0, 0.0, None),
        (850.0, -0.5, None),
        (None, 0.5, None),
        (850.0, None, None),
    ],
)
def test_breakeven(preparation: float | None, saved: float | None, calls: int | None) -> None:
    assert breakeven(preparation, saved) == calls
