"""One choice of one answer: token ids to pieces, with whole characters and stop strings cut out."""

from collections.abc import Callable, Iterator, Sequence

from afina.domain.answer import Finish, FinishReason, Logprobs, Piece, Text, TokenLogprob
from afina.domain.ask import Sampling
from afina.engines._spelling import Speller
from afina.engines._stops import StopFilter


class Voice:
    """Feed it tokens as they come. said: tokens so far, the end of turn included. ended: the Finish it gave, if any."""

    def __init__(
        self, choice: int, sampling: Sampling, *, decode: Callable[[Sequence[int]], str], ends: frozenset[int]
    ) -> None:
        self.choice, self._ends, self._tell_logprobs = choice, ends, sampling.logprobs
        self._speller, self._stops = Speller(decode), StopFilter(sampling.stop)
        self.said = 0
        self.ended: Finish | None = None

    def take(self, ids: Sequence[int], logprobs: Sequence[float], reason: str) -> Iterator[Piece]:
        """Text and Logprobs that these tokens add. reason: 'stop' or 'length' with the last tokens, else ''.

        Nothing follows once `ended` is set; Used and Finish are the engine's to send.
        """
        for at, (token, logprob) in enumerate(zip(ids, logprobs, strict=True)):
            if self.ended is None:
                last = reason if at == len(ids) - 1 else ""
                yield from self._one(token, logprob, last)
        if reason and not ids and self.ended is None:
            yield from self._end("", reason)

    def _one(self, token: int, logprob: float, reason: str) -> Iterator[Piece]:
        self.said += 1
        over = token in self._ends
        text = "" if over else self._speller.feed(token)
        spelled = text if not (over or reason) else text + self._speller.flush()
        if self._tell_logprobs and not over:
            yield Logprobs(choice=self.choice, tokens=(TokenLogprob(spelled, logprob),))
        if over or reason:
            yield from self._end(spelled, "stop" if over else reason)
        else:
            yield from self._told(self._stops.feed(spelled))
            if self._stops.stopped:
                self.ended = Finish(choice=self.choice, reason="stop")

    def _end(self, text: str, reason: str) -> Iterator[Piece]:
        yield from self._told(self._stops.feed(text) + self._stops.flush())
        why: FinishReason = "stop" if reason == "stop" or self._stops.stopped else "length"
        self.ended = Finish(choice=self.choice, reason=why)

    def _told(self, text: str) -> Iterator[Piece]:
        if text:
            yield Text(choice=self.choice, text=text)
