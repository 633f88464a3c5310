"""What every engine must do, as tests. Subclass `EngineConformance` and give it the fixture `engine`.

The engine may be opened once for all tests (a fixture of scope "class"); each test runs in an event loop of its own.
"""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

import pytest

from afina.contracts import Engine, Prompt
from afina.domain.answer import Answer, Failed, Finish, Logprobs, Piece, Text, Used, answer_of, collected
from afina.domain.ask import Sampling
from afina.domain.message import Message
from afina.errors import AfinaError, BadRequest, EngineTimeout, NotFound, TooLong, Unsupported

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], *, limit_s: float = 120) -> T:
    """Run a coroutine in a loop of its own; over the limit is a failure, not a hang."""
    return asyncio.run(asyncio.wait_for(work, limit_s))


def asking(text: str, **sampling: Any) -> Prompt:
    return Prompt((Message("user", text),), Sampling(**{"max_tokens": 16, **sampling}))


async def pieces_of(engine: Engine, prompt: Prompt) -> list[Piece]:
    async with aclosing(engine.generate(prompt)) as pieces:  # type: ignore[type-var]
        return [piece async for piece in pieces]


async def answered(engine: Engine, prompt: Prompt) -> Answer:
    return await collected(engine.generate(prompt))


async def seconds_until(done: Callable[[], bool], *, limit_s: float = 5) -> float:
    """Wait for something that tells nobody; how long it took."""
    started = time.monotonic()
    for _ in range(int(limit_s / 0.02)):
        if done():
            break
        await asyncio.sleep(0.02)
    return time.monotonic() - started


class EngineConformance:
    """The contract of `Engine`, sentence by sentence. Class attributes adapt it to a backend:

    question: has an answer of several words. long_question: has one of over `long_tokens` tokens.
    counts_exactly: count() is what Used reports (a remote engine only estimates).
    deterministic: the same greedy request gives the same text, alone or among others.
    """

    question = "Count from one to twelve in words, and then tell me which of them is the nicest."
    long_question = "Tell me a very long story about a small red boat and its crew."
    long_tokens = 400
    unicode_question = "Repeat: «ñandú, 日本語, 👩‍👩‍👧, café»"
    counts_exactly = True
    deterministic = True

    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError("give the suite an engine")

    def running(self, engine: Engine) -> int | None:
        """How many streams the engine works on now; None where it cannot be known."""
        return getattr(engine, "running", None)

    # --- what it says about itself ---------------------------------------------------------------

    def test_card_says_who_answers(self, engine: Engine) -> None:
        card = engine.card
        assert card.engine
        assert card.model or card.base
        assert card.context_tokens > 0
        assert card.fingerprint.startswith(f"{card.engine}:")
        assert card.can.logprobs or not card.can.top_logprobs

    def test_counts_grow_with_text(self, engine: Engine) -> None:
        short, long = (Message("user", "one"),), (Message("user", "one two three four five six seven"),)
        assert 0 < engine.count(short) < engine.count(long)
        assert 0 < engine.count_text("one") < engine.count_text("one two three four five")

    def test_cpu_time_never_falls(self, engine: Engine) -> None:
        before = engine.cpu_seconds()
        run(answered(engine, asking(self.question)))
        after = engine.cpu_seconds()
        assert (before is None) == (after is None)
        assert before is None or after is None or after >= before

    # --- the stream ------------------------------------------------------------------------------

    def test_text_then_one_used_and_one_finish(self, engine: Engine) -> None:
        prompt = asking(self.question)
        pieces = run(pieces_of(engine, prompt))
        assert isinstance(pieces[0], Text)
        assert "".join(p.text for p in pieces if isinstance(p, Text)).strip()
        used = [p for p in pieces if isinstance(p, Used)]
        assert len(used) == 1
        assert [type(p) for p in pieces].count(Finish) == 1
        assert {type(p) for p in pieces[-2:]} == {Used, Finish}
        assert used[0].completion_tokens > 0
        assert 0 <= (used[0].first_s or 0) <= used[0].seconds
        assert used[0].engine == engine.card.fingerprint
        if self.counts_exactly:
            assert used[0].prompt_tokens == engine.count(prompt.messages)

    def test_max_tokens_is_the_most(self, engine: Engine) -> None:
        answer = run(answered(engine, asking(self.question, max_tokens=3)))
        assert answer.finish == "length"
        assert answer.used.completion_tokens == 3

    def test_each_choice_has_its_own_end(self, engine: Engine) -> None:
        seed = 7 if engine.card.can.seed else None
        pieces = run(pieces_of(engine, asking(self.question, n=3, temperature=0.9, seed=seed, max_tokens=8)))
        for choice in range(3):
            mine = [p for p in pieces if p.choice == choice]
            assert [type(p) for p in mine].count(Used) == 1
            assert [type(p) for p in mine].count(Finish) == 1
            assert answer_of(pieces, choice=choice).finish in ("stop", "length")
        if self.counts_exactly:
            whole = sum(p.prompt_tokens for p in pieces if isinstance(p, Used))
            assert whole == engine.count(asking(self.question).messages), "a prompt is read, and counted, once"

    def test_stop_string_ends_the_text_before_it(self, engine: Engine) -> None:
        whole = run(answered(engine, asking(self.question, max_tokens=24))).text
        stop = whole[len(whole) // 2 :][:4]
        assert stop
        answer = run(answered(engine, asking(self.question, max_tokens=24, stop=(stop, "never said at all"))))
        assert answer.text == whole[: whole.index(stop)]
        assert answer.finish == "stop"

    def test_stop_string_that_never_comes_changes_nothing(self, engine: Engine) -> None:
        whole = run(answered(engine, asking(self.question)))
        almost = whole.text[-2:] + "~never~"
        answer = run(answered(engine, asking(self.question, stop=(almost,))))
        assert (answer.text, answer.finish) == (whole.text, whole.finish)

    def test_characters_arrive_whole(self, engine: Engine) -> None:
        pieces = run(pieces_of(engine, asking(self.unicode_question, max_tokens=48)))
        texts = [p.text for p in pieces if isinstance(p, Text)]
        assert all(texts)
        assert not any("\ufffd" in text for text in texts[:-1])
        assert "".join(texts).encode()

    # --- determinism -----------------------------------------------------------------------------

    def test_greedy_is_deterministic(self, engine: Engine) -> None:
        if not self.deterministic:
            pytest.skip("the backend does not promise it")
        first, second = (run(answered(engine, asking(self.question))) for _ in range(2))
        assert first.text == second.text

    def test_a_seed_repeats_itself(self, engine: Engine) -> None:
        if not engine.card.can.seed:
            pytest.skip("no seed")
        prompt = asking(self.question, temperature=1.0, seed=11, n=2)
        first, second = (run(pieces_of(engine, prompt)) for _ in range(2))
        for choice in range(2):
            assert answer_of(first, choice=choice).text == answer_of(second, choice=choice).text

    def test_streams_do_not_mix(self, engine: Engine) -> None:
        if not self.deterministic:
            pytest.skip("the backend does not promise it")
        prompts = [asking(f"{self.question} And say the number {n}.") for n in (3, 14, 159, 2653)]

        async def together() -> list[str]:
            return [a.text for a in await asyncio.gather(*(answered(engine, p) for p in prompts))]

        assert run(together()) == [run(answered(engine, p)).text for p in prompts]

    # --- refusals --------------------------------------------------------------------------------

    def test_too_long_a_prompt_is_refused_with_counts(self, engine: Engine) -> None:
        prompt = asking("word " * (engine.card.context_tokens + 50))
        with pytest.raises(TooLong) as refused:
            run(pieces_of(engine, prompt))
        assert refused.value.context_tokens == engine.card.context_tokens
        assert refused.value.prompt_tokens > engine.card.context_tokens
        if self.counts_exactly:
            assert refused.value.prompt_tokens == engine.count(prompt.messages)

    def test_too_long_an_answer_is_refused_with_counts(self, engine: Engine) -> None:
        prompt = asking(self.question, max_tokens=engine.card.context_tokens)
        with pytest.raises(TooLong) as refused:
            run(pieces_of(engine, prompt))
        assert refused.value.max_tokens == engine.card.context_tokens

    @pytest.mark.parametrize("field", ["logprobs", "top_logprobs", "logit_bias", "schema", "tools", "seed", "adapter"])
    def test_what_it_cannot_is_refused_by_name(self, engine: Engine, field: str) -> None:
        able, prompt, named = _needing(field, engine)
        if able:
            pytest.skip(f"it can: {field}")
        with pytest.raises(Unsupported) as refused:
            run(pieces_of(engine, prompt))
        assert refused.value.param in named

    def test_more_alternatives_than_it_has_are_refused(self, engine: Engine) -> None:
        prompt = asking(self.question, logprobs=True, top_logprobs=engine.card.can.top_logprobs + 1)
        with pytest.raises(Unsupported):
            run(pieces_of(engine, prompt))

    def test_impossible_values_are_refused(self, engine: Engine) -> None:
        for impossible in ({"temperature": -1.0}, {"top_p": 0.0}, {"n": 0}, {"max_tokens": 0}, {"stop": ("",)}):
            with pytest.raises(BadRequest):
                run(pieces_of(engine, asking(self.question, **impossible)))

    def test_an_unknown_adapter_is_not_found(self, engine: Engine) -> None:
        if not engine.card.can.adapters:
            pytest.skip("no adapters")
        with pytest.raises(NotFound):
            run(pieces_of(engine, Prompt(asking(self.question).messages, adapter="f" * 64)))

    # --- time ------------------------------------------------------------------------------------

    def test_a_deadline_is_kept(self, engine: Engine) -> None:
        asked = asking(self.long_question, max_tokens=self.long_tokens)
        started = time.monotonic()
        code = run(_code_of(engine, Prompt(asked.messages, asked.sampling, deadline_s=1e-6)))
        assert code == EngineTimeout.code
        assert time.monotonic() - started < 10

    def test_leaving_frees_the_work_within_two_seconds(self, engine: Engine) -> None:
        async def leave() -> tuple[float, int | None]:
            stream = engine.generate(asking(self.long_question, max_tokens=self.long_tokens))
            async with aclosing(stream) as pieces:  # type: ignore[type-var]
                async for _ in pieces:
                    break
            return await seconds_until(lambda: not self.running(engine)), self.running(engine)

        seconds, running = run(leave())
        assert seconds < 2
        assert not running
        assert run(answered(engine, asking(self.question))).finish, "it still answers the next one"

    def test_cancelling_the_task_frees_the_work_too(self, engine: Engine) -> None:
        async def cancel() -> float:
            task = asyncio.create_task(answered(engine, asking(self.long_question, max_tokens=self.long_tokens)))
            await asyncio.sleep(0.1)
            task.cancel()
            left = time.monotonic()
            await asyncio.gather(task, return_exceptions=True)
            return time.monotonic() - left + await seconds_until(lambda: not self.running(engine))

        assert run(cancel()) < 2

    # --- probabilities ---------------------------------------------------------------------------

    def test_log_probabilities_go_with_the_text(self, engine: Engine) -> None:
        if not engine.card.can.logprobs:
            pytest.skip("no logprobs")
        top = min(3, engine.card.can.top_logprobs)
        pieces = run(pieces_of(engine, asking(self.question, logprobs=True, top_logprobs=top)))
        tokens = [t for p in pieces if isinstance(p, Logprobs) for t in p.tokens]
        assert tokens
        assert all(t.logprob <= 1e-6 for t in tokens)
        assert all(len(t.top) == top for t in tokens)
        for token in tokens:
            assert list(token.top) == sorted(token.top, key=lambda pair: -pair[1])
            assert not top or token.top[0][1] >= token.logprob - 1e-4, "greedy takes the best"
        assert "".join(t.token for t in tokens).strip() == answer_of(pieces).text.strip()

    def test_a_banned_token_is_not_said(self, engine: Engine) -> None:
        if not (engine.card.can.logit_bias and engine.card.can.score):
            pytest.skip("no logit bias, or no way to learn a token's id")
        prompt = asking(self.question)
        said = run(answered(engine, prompt)).text
        first = run(engine.score([(prompt.messages, said)]))[0].best[0]
        answer = run(answered(engine, asking(self.question, logit_bias={first: -100.0})))
        assert answer.text != said

    def test_scores_agree_with_greedy_answers(self, engine: Engine) -> None:
        prompt = asking(self.question)
        if not engine.card.can.score:
            with pytest.raises(Unsupported):
                run(engine.score([(prompt.messages, "x")]))
            return
        said = run(answered(engine, prompt))
        scored, other = run(engine.score([(prompt.messages, said.text), (prompt.messages, "Quite another answer.")]))
        assert len(scored.prompt_ids) == engine.count(prompt.messages)
        for one in (scored, other):
            assert len(one.ids) == len(one.logprobs) == len(one.best) == len(one.best_logprobs)
            assert len(one.gaps) in (0, len(one.ids))
            _check_probabilities(one.logprobs, one.best_logprobs)
        spoken = len(scored.ids) - 1  # the end of the turn follows only if the answer ended by itself
        agree = sum(i == b for i, b in zip(scored.ids[:spoken], scored.best[:spoken], strict=True))
        assert agree >= 0.8 * spoken, "what it said greedily is what it scores best"

    def test_scoring_nothing_gives_nothing(self, engine: Engine) -> None:
        if engine.card.can.score:
            assert run(engine.score([])) == []


def _check_probabilities(logprobs: tuple[float, ...], best: tuple[float, ...]) -> None:
    """Log-probabilities are at most 0 and those of a token at most the best one's; NaN is 'not known'."""
    for own, top in zip(logprobs, best, strict=True):
        assert math.isnan(own) or own <= 1e-6
        assert math.isnan(top) or top <= 1e-6
        assert math.isnan(own) or math.isnan(top) or own <= top + 1e-4


def _needing(field: str, engine: Engine) -> tuple[bool, Prompt, set[str]]:
    """Whether the engine can, a prompt that needs the field, and the names an error may call it by."""
    can = engine.card.can
    plain = asking("Say yes.")
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    alternatives = asking("Say yes.", logprobs=True, top_logprobs=1)
    table: dict[str, tuple[bool, Prompt, set[str]]] = {
        "logprobs": (can.logprobs, asking("Say yes.", logprobs=True), {"logprobs"}),
        "top_logprobs": (can.top_logprobs > 0, alternatives, {"top_logprobs", "logprobs"}),
        "logit_bias": (can.logit_bias, asking("Say yes.", logit_bias={5: -100.0}), {"logit_bias"}),
        "schema": (can.schema, Prompt(plain.messages, schema={"type": "object"}), {"response_format", "schema"}),
        "tools": (can.tools, Prompt(plain.messages, tools=(tool,)), {"tools"}),
        "seed": (can.seed, asking("Say yes.", seed=1, temperature=1.0), {"seed"}),
        "adapter": (can.adapters, Prompt(plain.messages, adapter="f" * 64), {"adapter", "model"}),
    }
    return table[field]


async def _code_of(engine: Engine, prompt: Prompt) -> str:
    """The code of the error that a request ends with, raised or sent; '' if it ended well."""
    try:
        pieces = await pieces_of(engine, prompt)
    except AfinaError as error:
        return error.code
    return next((p.code for p in pieces if isinstance(p, Failed)), "")
