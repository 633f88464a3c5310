"""Served = trained: hold an engine against float32 transformers reading the saved files.

The served engine answers 50 prompts greedily; both then read those answers by force. So the path that serves (cache,
batches, sampling) is measured as well as the numbers, and the reference has only to read, which is cheap.

1. Token ids, template and end of turn included, must be equal: without that nothing else means anything.
2. Log-probabilities must agree within the bounds.
3. Where the two would say another token, the reference's two best logits must be close to a tie.
4. An adapter must change what is said, by 10 times the engine's error, and as much as in the reference.
"""

import asyncio
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from afina.contracts import Engine, EngineCard, Prompt, Scored
from afina.domain.answer import Answer, collected
from afina.domain.ask import Sampling
from afina.domain.certificate import Certificate, Figures
from afina.domain.message import Message
from afina.domain.progress import Progress, Tell, silent
from afina.errors import EngineError, Unsupported
from afina.trust.prompts import PROMPTS

MEAN_BOUND = 0.1
"""Most that log-probabilities may be off on average. Measured with SmolLM2-135M on OpenVINO: F16 files 0.020 (bfloat16
arithmetic) and 0.0005 (float32), 8-bit files 0.034, the misread Q4_1 file 0.47."""
MAX_BOUND = 1.5
"""Most that any one of them may be off. Measured: F16 0.40, 8-bit 0.33, misread 4.6."""
GAP_BOUND = 0.5
"""A greedy difference is allowed only where the reference's best logit leads the second by less than this.
Measured, widest: F16 0.08, 8-bit 0.17, misread 3.0."""
UNLIKE_BOUND = 0.02
"""Share of the tokens an engine said itself that may be other than the reference's clear choice: the text of an answer
can also be made of other tokens than were said, as many. Measured: F16 0 to 0.2 %, misread 7 %."""
EFFECT_TIMES = 10.0
"""An adapter's effect must be over this many times the engine's error."""
LEAST_ERROR = 1e-3
"""An engine's error counts as at least this when it is held against an adapter's effect: float32 itself rounds."""
ANSWER_TOKENS = 24
WORST = 1e4
"""Errors are counted up to this: a log-probability of minus infinity is no number that can be stored."""
AT_ONCE = 25
"""How many answers are read between two looks at the clock."""
EVERY = 3
"""The adapter's effect is measured on every third prompt: the bare base has to read those a second time."""

BOUNDS: Mapping[str, float] = {
    "mean": MEAN_BOUND,
    "max": MAX_BOUND,
    "gap": GAP_BOUND,
    "unlike": UNLIKE_BOUND,
    "effect_times": EFFECT_TIMES,
}

Pairs = Sequence[tuple[tuple[Message, ...], str]]


class Reading(Protocol):
    """The part of an engine that reads by force: what a reference needs."""

    @property
    def card(self) -> EngineCard: ...

    async def score(self, pairs: Pairs, *, adapter: str | None = None) -> list[Scored]: ...


async def certify(
    engine: Engine,
    reference: Reading,
    *,
    artefact: str,
    adapter: str | None = None,
    setup: str = "",
    versions: Mapping[str, str] | None = None,
    prompts: Sequence[tuple[Message, ...]] = PROMPTS,
    tell: Tell = silent,
) -> Certificate:
    """Measure an engine, with an adapter or bare, against a reference that reads the same saved files.

    A certificate that did not pass is a result too, not an error. Nothing is stored.

    Raises:
        Unsupported: the engine cannot score. EngineError and the like from either engine.
    """
    started = time.time()
    if not engine.card.can.score:
        raise Unsupported(f'the engine "{engine.card.engine}" cannot score, so it cannot be certified', param="score")
    prompts = _fitting(engine, prompts)
    ticks = _Ticks(tell, steps=3 * len(prompts) + (2 * len(prompts[::EVERY]) if adapter else 0))
    answers = await _answers(engine, prompts, adapter)
    ticks.add(len(answers))
    pairs = [(prompt, answer.text.rstrip("\ufffd")) for prompt, answer in zip(prompts, answers, strict=True)]
    served = await _read(engine, pairs, adapter, ticks)
    truth = await _read(reference, pairs, adapter, ticks)
    effects = None
    if adapter:
        bare = await _read(engine, pairs[::EVERY], None, ticks)
        bare_truth = await _read(reference, pairs[::EVERY], None, ticks)
        known = served[::EVERY], bare
        effects = effect(*known, known=known), effect(truth[::EVERY], bare_truth, known=known)
    wrong_ids = tuple(unequal_ids(served, truth))
    figures = Figures(prompts=len(pairs)) if wrong_ids else measured(served, truth, answers, effects=effects)
    return Certificate(
        artefact=artefact,
        base=engine.card.base,
        engine=engine.card.engine,
        reference=reference.card.engine,
        setup=setup,
        versions=dict(versions or {}),
        bounds=BOUNDS,
        figures=figures,
        reasons=wrong_ids[:3] or tuple(faults(figures)),
        seconds=time.time() - started,
        made=started,
    )


def _fitting(engine: Engine, prompts: Sequence[tuple[Message, ...]]) -> list[tuple[Message, ...]]:
    """The prompts that fit with an answer. Raises Unsupported if they are too few to say anything."""
    room = engine.card.context_tokens - ANSWER_TOKENS
    fitting = [prompt for prompt in prompts if engine.count(prompt) <= room]
    if len(fitting) < len(prompts) / 2:
        raise Unsupported(
            f'the engine "{engine.card.engine}" reads {engine.card.context_tokens} tokens, and only {len(fitting)} of '
            f"the {len(prompts)} prompts fit; raise context_tokens",
            param="context_tokens",
        )
    return fitting


async def _answers(engine: Engine, prompts: Sequence[tuple[Message, ...]], adapter: str | None) -> list[Answer]:
    """The engine's own greedy answers, all asked at once: what its batches do to them is part of the measurement."""
    sampling = Sampling(max_tokens=ANSWER_TOKENS)
    asked = (Prompt(messages, sampling, adapter) for messages in prompts)
    answers = await asyncio.gather(*(collected(engine.generate(prompt)) for prompt in asked))
    for answer in answers:
        if answer.failed is not None:
            raise EngineError(f"the engine failed while it was measured: {answer.failed.message}", retriable=True)
    return answers


async def _read(reading: Reading, pairs: Pairs, adapter: str | None, ticks: "_Ticks") -> list[Scored]:
    """Scores of all pairs, read some at a time so that it can be told how far it is."""
    found: list[Scored] = []
    for at in range(0, len(pairs), AT_ONCE):
        part = await reading.score(pairs[at : at + AT_ONCE], adapter=adapter)
        found += part
        ticks.add(len(part))
    return found


class _Ticks:
    """Tells how many prompts are done, over all passes."""

    def __init__(self, tell: Tell, *, steps: int) -> None:
        self._tell, self._steps, self._done = tell, steps, 0
        self.add(0)

    def add(self, count: int) -> None:
        self._done += count
        self._tell(Progress("certificate", self._done, self._steps, "prompts"))


def unequal_ids(served: Sequence[Scored], truth: Sequence[Scored]) -> Iterator[str]:
    """Where the two read other tokens; prompts count from 1."""
    for number, (mine, right) in enumerate(zip(served, truth, strict=True), start=1):
        if mine.prompt_ids != right.prompt_ids:
            place = _first_difference(mine.prompt_ids, right.prompt_ids)
            yield f"prompt {number} is read as other tokens, from place {place}"
        elif mine.ids != right.ids:
            yield f"answer {number} is read as other tokens, from place {_first_difference(mine.ids, right.ids)}"


def measured(
    served: Sequence[Scored], truth: Sequence[Scored], answers: Sequence[Answer], *, effects: tuple[float, float] | None
) -> Figures:
    """The figures of scores of the same tokens; a log-probability that an engine does not know (NaN) is left out."""
    errors = [min(abs(e), WORST) for pair in zip(served, truth, strict=True) for e in _errors(*pair)]
    flips = [gap for pair in zip(served, truth, strict=True) for gap in _flips(*pair)]
    said = [gap for pair in zip(truth, answers, strict=True) for gap in _said(*pair)]
    return Figures(
        prompts=len(served),
        positions=len(errors),
        mean_error=sum(errors) / len(errors) if errors else 0.0,
        max_error=max(errors, default=0.0),
        flips=len(flips),
        widest_flip=max(flips, default=0.0),
        unlike=sum(gap >= GAP_BOUND for gap in said),
        said=len(said),
        effect=effects[0] if effects else None,
        reference_effect=effects[1] if effects else None,
    )


def faults(figures: Figures) -> Iterator[str]:
    """Why these figures do not pass; nothing if they do."""
    if not figures.positions:
        yield "the engine knew no log-probability of any token"
        return
    if not figures.mean_error <= MEAN_BOUND:
        yield f"log-probabilities are off by {figures.mean_error:.3g} on average, at most {MEAN_BOUND} is allowed"
    if not figures.max_error <= MAX_BOUND:
        yield f"a log-probability is off by {figures.max_error:.3g}, at most {MAX_BOUND} is allowed"
    if figures.widest_flip >= GAP_BOUND:
        yield (
            f"it would say another token where the reference's best leads by {figures.widest_flip:.3g}; "
            f"that is allowed only below {GAP_BOUND}"
        )
    if figures.said < figures.positions / 2:
        yield f"only {figures.said} of the tokens it said could be compared; its texts are not what its tokens spell"
    if figures.unlike > UNLIKE_BOUND * figures.said:
        yield (
            f"{figures.unlike} of the {figures.said} tokens it said are not what the reference clearly prefers; "
            f"at most {UNLIKE_BOUND:.0%} are allowed"
        )
    if figures.effect is not None and figures.reference_effect is not None:
        yield from _faults_of_effect(figures, figures.effect, figures.reference_effect)


def _faults_of_effect(figures: Figures, effect: float, right: float) -> Iterator[str]:
    error = max(figures.mean_error, LEAST_ERROR)
    if effect <= EFFECT_TIMES * error:
        yield (
            f"the adapter is not shown to be active: it changes log-probabilities by {effect:.3g} on average, "
            f"which is not over {EFFECT_TIMES:g} times the engine's error of {error:.3g}"
        )
    if abs(effect - right) > 0.1 * right + 2 * error:
        yield f"the adapter changes log-probabilities by {effect:.3g}, in the reference by {right:.3g}"


def effect(
    tuned: Sequence[Scored], bare: Sequence[Scored], *, known: tuple[Sequence[Scored], Sequence[Scored]]
) -> float:
    """Mean |difference| of the log-probabilities of the same tokens with and without an adapter.

    known: the served engine's scores, tuned and bare. Where it does not know a log-probability, the most that it can
    be stands in its place, in the reference too, so that both measure the same thing. 0 where nothing is known.
    """
    found = [
        abs(_most(one, at, known=asked_one) - _most(other, at, known=asked_other))
        for one, other, asked_one, asked_other in zip(tuned, bare, *known, strict=True)
        for at in range(min(len(one.ids), len(other.ids)))
    ]
    told = [min(value, WORST) for value in found if not math.isnan(value)]
    return sum(told) / len(told) if told else 0.0


def _most(scored: Scored, at: int, *, known: Scored) -> float:
    """A forced token's log-probability if `known` has it, else the most it can be: it is not the best token, so it is
    at most as probable as that one, and at most what that one leaves."""
    if not math.isnan(known.logprobs[at]):
        return scored.logprobs[at]
    best = scored.best_logprobs[at]
    return min(best, math.log(max(-math.expm1(best), 1e-9)))


def _errors(mine: Scored, right: Scored) -> Iterator[float]:
    """Differences at each position: of the forced token where both know it, else of the best where it is the same."""
    for at in range(min(len(mine.ids), len(right.ids))):
        error = mine.logprobs[at] - right.logprobs[at]
        if math.isnan(error) and mine.best[at] == right.best[at]:
            error = mine.best_logprobs[at] - right.best_logprobs[at]
        if not math.isnan(error):
            yield error


def _flips(mine: Scored, right: Scored) -> Iterator[float]:
    """The reference's gap at each position where the two would say another token."""
    return (gap for own, best, gap in zip(mine.best, right.best, right.gaps, strict=True) if own != best)


def _said(right: Scored, answer: Answer) -> Iterator[float]:
    """For each token that the engine said: the reference's gap if it would have said another, else 0.

    A text is read back in tokens, and the same text can be made of others than were said: an answer whose numbers of
    tokens differ is left out. The end of the turn was said only if the answer ended by itself; engines differ in
    whether they count it.
    """
    ended = answer.finish == "stop"
    count = len(right.ids) - (not ended)
    if answer.used.completion_tokens not in {count, count - ended}:
        return
    for own, best, gap in zip(right.ids[:count], right.best[:count], right.gaps[:count], strict=True):
        yield 0.0 if own == best else gap


def _first_difference(mine: tuple[int, ...], right: tuple[int, ...]) -> int:
    same = (at for at, (a, b) in enumerate(zip(mine, right, strict=False)) if a != b)
    return next(same, min(len(mine), len(right)))
