"""After how many calls preparing an arm has paid for itself."""

import math


def breakeven(preparation: float | None, saved_per_call: float | None) -> int | None:
    """Calls until what each one saves has paid for the preparation, both in one unit: 'after 1,700 calls'.

    0 where there was nothing to pay. None is never, and also where either figure is unknown.
    """
    if preparation is None or saved_per_call is None:
        return None
    if preparation <= 0:
        return 0 if saved_per_call >= 0 else None
    return math.ceil(preparation / saved_per_call) if saved_per_call > 0 else None
