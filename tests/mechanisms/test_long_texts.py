"""Texts longer than the window: the beginning that fits, and notes on parts; what is refused, told and let go of."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from afina.border import aclosing
from afina.contracts import Prompt
from afina.domain.answer import Answer, Assembled, Failed, Piece, Text, Used, collected
from afina.domain.ask import Ask, Sampling, ask_of
from afina.domain.message import Message
from afina.errors import BadRequest, EngineError, TooLong
from afina.mechanisms.answer import answer_with
from afina.mechanisms.control._long import divided
from afina.mechanisms.control.map_reduce import Options, in_parts
from afina.mechanisms.control.shortened import shortened
from afina.testing.echo import EchoEngine
from afina.testing.engine_suite import run, seconds_until

SENTENCES = [f"On day {n} the ferry carried {n * 10} people to the island." for n in range(1, 61)]
TEXT = "\n\n".join(" ".join(SENTENCES[n : n + 5]) for n in range(0, 60, 5))
QUESTION = f"Summarise in one sentence.\n\n{TEXT}"
SAMPLING = Sampling(max_tokens=20)


def noting(prompt: Prompt, choice: int) -> str:
    """The first day of a part as its note; the days that it was told of as the answer."""
    days = re.findall(r"day (\d+)", prompt.messages[-1].content)
    return f"day {days[0]}." if "This is part" in prompt.messages[-1].content else f"days {' '.join(days)}"


def asked(question: str = QUESTION, **more: Any) -> Ask:
    return replace(ask_of(question, sampling=SAMPLING), **more)


def parted(engine: EchoEngine, ask: Ask | None = None, **options: Any) -> Answer:
    answerer = in_parts(answer_with(engine), Options(notes_tokens=16, **options), count=engine.count_text)
    return asyncio.run(collected(answerer(ask or asked())))


# --- the instruction and the text ---


@pytest.mark.parametrize(
    ("question", "instruction"),
    [
        ("Do this.\n\nText one.\n\nText two.", "Do this."),
        ("Only a text without a border.", ""),
        ("Do this.\n \n", ""),
        ("long " * 200 + "\n\nText.", ""),
    ],
)
def test_an_instruction_is_a_short_first_paragraph(question: str, instruction: str) -> None:
    assert divided(question).instruction == instruction
    assert divided(question).text.split() == question.removeprefix(instruction).split()


# --- the beginning ---


def test_what_fits_is_left_alone() -> None:
    engine = EchoEngine("fine", context_tokens=4096)
    for control in (shortened, lambda inner: in_parts(inner, Options(), count=len)):
        answer = asyncio.run(collected(control(answer_with(engine))(asked())))
        assert (answer.text, answer.chosen) == ("fine", ())
    assert [p.messages[-1].content for p in engine.asked] == [QUESTION] * 2


def test_the_beginning_that_fits_is_kept_to_the_end_of_a_sentence() -> None:
    engine = EchoEngine("fine", context_tokens=200)
    answer = asyncio.run(collected(shortened(answer_with(engine))(asked())))
    (prompt,) = engine.asked
    read = prompt.messages[-1].content
    assert answer.text == "fine"
    assert QUESTION.startswith(read)
    assert read.endswith("island.")
    assert 200 - 20 - 40 < engine.count(prompt.messages) <= 180
    assert [c.chosen for c in answer.chosen] == ["shortened"]


def test_tokens_that_are_not_spread_evenly_are_cut_again() -> None:
    uneven = "a " * 600 + "wonderfully-long-words-without-end " * 20
    engine = EchoEngine("fine", context_tokens=100)
    answer = asyncio.run(collected(shortened(answer_with(engine))(asked(f"Shorten.\n\n{uneven}"))))
    assert answer.text == "fine"


@pytest.mark.parametrize("control", [shortened, lambda inner: in_parts(inner, Options(), count=len)])
def test_what_is_too_long_without_the_text_is_refused(control: Any) -> None:
    system = Message("system", "word " * 300)
    inner = answer_with(EchoEngine(context_tokens=200))
    for last in (Message("user", QUESTION), Message("assistant", "so?")):
        with pytest.raises(TooLong):
            asyncio.run(collected(control(inner)(replace(asked(), messages=(system, last)))))


# --- in parts ---


def test_notes_on_every_part_make_the_answer() -> None:
    engine = EchoEngine(noting, context_tokens=200)
    answer = parted(engine)
    *notes, last = engine.asked
    assert len(notes) > 3
    told = "".join(p.messages[-1].content for p in notes)
    assert all(sentence in told for sentence in SENTENCES)  # nothing is left out, no sentence is cut
    assert all("Summarise in one sentence." in p.messages[-1].content for p in notes)
    assert all(engine.count(p.messages) + 16 <= 200 for p in notes)
    assert last.messages[-1].content.startswith("Summarise in one sentence.\n\nNotes on the parts")
    firsts = [re.findall(r"day (\d+)", p.messages[-1].content)[0] for p in notes]
    assert answer.text == f"days {' '.join(sorted(firsts, key=int))}"
    assert [(c.chosen, c.why) for c in answer.chosen] == [("in parts", f"{len(notes)} parts")]


def test_usage_is_that_of_all_and_what_the_model_read_is_told() -> None:
    engine = EchoEngine(noting, context_tokens=200)
    answer = parted(engine)
    used = [p for p in answer.pieces if isinstance(p, Used)]
    assert answer.used.prompt_tokens == sum(engine.count(p.messages) for p in engine.asked)
    assert [u.stage for u in used].count("notes") == len(used) - 1
    assert [u.first_s is None for u in used] == [u.stage == "notes" for u in used]
    read = [p.messages for p in answer.pieces if isinstance(p, Assembled)]
    assert read == [p.messages for p in engine.asked]
    assert answer.assembled is not None
    assert "Notes on the parts" in answer.assembled.messages[-1].content


def test_notes_that_are_too_long_are_noted_again() -> None:
    def wordy(prompt: Prompt, choice: int) -> str:
        return f"{noting(prompt, choice)} It was a day like every other day."

    engine = EchoEngine(wordy, context_tokens=130)
    answer = parted(engine, together=2)
    assert len(answer.chosen) == 2
    assert answer.text.startswith("days 1 ")
    assert parted(EchoEngine(wordy, context_tokens=130), together=8).text == answer.text


def test_parts_as_long_as_asked_for() -> None:
    engine = EchoEngine(noting)  # it would all fit
    answer = parted(engine, part_tokens=120)
    assert [c.why for c in answer.chosen] == ["6 parts"]  # ten sentences of eleven words each
    assert answer.text == "days 1 11 21 31 41 51"


def test_in_spanish() -> None:
    days = [f"El día {n} el ferry llevó a {n} personas a la isla con buen tiempo." for n in range(60)]
    engine = EchoEngine("nota", context_tokens=300)
    answer = parted(engine, asked("Resume el texto en una frase.\n\n" + " ".join(days)), notes={"es": "Anota {task}"})
    assert answer.text == "nota"
    assert engine.asked[0].messages[-1].content.startswith("Anota Resume el texto en una frase.")
    assert "Notas sobre las partes" in engine.asked[-1].messages[-1].content


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(BadRequest, match="at most 2 are read"):
        parted(EchoEngine(noting, context_tokens=200), max_parts=2)


def test_notes_that_do_not_get_shorter_end_in_the_refusal() -> None:
    read: list[str] = []

    async def repeating(ask: Ask, /) -> AsyncIterator[Piece]:
        if "This is part" not in ask.question:
            raise TooLong(prompt_tokens=len(ask.question) // 4, max_tokens=20, context_tokens=500)
        read.append(ask.question)
        yield Text(ask.question.partition("\n\n")[2])

    with pytest.raises(TooLong):
        asyncio.run(collected(in_parts(repeating, Options(), count=len)(asked())))
    assert len(read) < 20


def test_notes_that_fail_fail_the_answer() -> None:
    async def failing(ask: Ask, /) -> AsyncIterator[Piece]:
        if "Notes on" not in ask.question and "This is part" not in ask.question:
            raise TooLong(prompt_tokens=1000, max_tokens=20, context_tokens=300)
        yield Text("half")
        yield Failed("engine_error", "it broke")

    with pytest.raises(EngineError, match="notes on a part failed: it broke"):
        asyncio.run(collected(in_parts(failing, Options(), count=len)(asked())))


def test_leaving_during_the_notes_lets_go_of_all_of_them() -> None:
    engine = EchoEngine("word " * 500, context_tokens=1000, delay_s=0.02)
    answerer = in_parts(
        answer_with(engine), Options(notes_tokens=400, part_tokens=120, together=3), count=engine.count_text
    )

    async def leave() -> float:
        task = asyncio.create_task(collected(answerer(asked())))
        await seconds_until(lambda: engine.running == 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await seconds_until(lambda: engine.running == 0)

    assert run(leave()) < 2
    assert engine.running == 0
    assert len(engine.asked) == 3  # no part more than `together` was begun


def test_leaving_the_answer_lets_go_of_it() -> None:
    engine = EchoEngine(noting, context_tokens=200)

    async def leave() -> None:
        stream = in_parts(answer_with(engine), Options(notes_tokens=16), count=len)(asked())
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                if isinstance(piece, Text):
                    return

    run(leave())
    assert engine.running == 0
    assert engine.cancelled == 1


def test_the_deadline_is_that_of_the_whole_request() -> None:
    engine = EchoEngine(noting, context_tokens=200)
    parted(engine, asked(deadline_s=30.0))
    left = [p.deadline_s for p in engine.asked[:-1]]
    assert all(deadline is not None and 0 < deadline <= 30 for deadline in left)
