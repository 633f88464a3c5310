"""Stop strings in a stream: nothing of one is ever sent, even when it arrives in parts."""


class StopFilter:
    """Feed it text as it comes; it returns what is safe to send and remembers when a stop string was met.

    A tail that could still become a stop string is held back until it cannot, or until `flush`.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """Text that is safe to send now. Nothing follows once `stopped` is true."""
        if self.stopped:
            return ""
        held = self._held + text
        places = [(at, stop) for stop in self._stops if (at := held.find(stop)) >= 0]
        if places:
            self.stopped, self._held = True, ""
            return held[: min(places)[0]]
        keep = max((_overlap(held, stop) for stop in self._stops), default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def flush(self) -> str:
        """What was held back, when no more text comes."""
        held, self._held = self._held, ""
        return "" if self.stopped else held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
