"""Shapes of answers made from pieces, and streams that ping, end and let go."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from afina.api.running import Run, Runs
from afina.api.sse import PING, event_stream, written
from afina.api.streams import Streamed
from afina.api.wire.answers import Head, Heard, annotations, extras, usage_of
from afina.api.wire.chat import HINTS, ONLY, ChatRequest
from afina.cli import main
from afina.domain.answer import Assembled, Chose, Cited, Finish, Piece, Sources, Text, Used
from afina.domain.document import Found, Passage
from afina.errors import EngineError

HEAD = Head("chatcmpl-1", 1, "m", "echo:e", "run_1")
PASSAGE = Passage("pas-1", "doc-1", "leave.pdf", "Parents get sixteen weeks.", 10, 36, page=3, heading="Leave")


def _heard(*pieces: Piece) -> Heard:
    heard = Heard()
    for piece in pieces:
        heard.hear(piece)
    return heard


def test_citations_name_the_words_the_document_and_the_page() -> None:
    heard = _heard(
        Assembled(tokens={"passages": 7}, left_out=("passages: pas-2",)),
        Sources((Found(PASSAGE, 0.9, lexical=2.0),)),
        Text(text="Sixteen weeks. The moon."),
        Cited(start=0, end=14, source=1, quote_start=12, quote_end=25, score=0.8),
        Cited(start=15, end=24, source=None),
        Finish(reason="stop"),
    )
    made = extras(HEAD, heard, 0)
    assert made["run_id"] == "run_1"
    assert made["prompt_parts"] == {"passages": 7}
    assert made["left_out"] == ["passages: pas-2"]
    assert made["citations"] == [
        {
            "start": 0, "end": 14, "supported": True, "source": 1, "quote": "sixteen weeks", "document": "leave.pdf",
            "page": 3, "score": 0.8,
        },
        {
            "start": 15, "end": 24, "supported": False, "source": None, "quote": None, "document": None,
            "page": None, "score": 0.0,
        },
    ]  # fmt: skip
    assert annotations(heard, 0) == [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": 0, "end_index": 14, "title": "leave.pdf", "url": "afina:doc-1#passage=pas-1&page=3",
            },
        }
    ]  # fmt: skip


def test_each_choice_has_its_own_citations_and_all_share_the_sources() -> None:
    heard = _heard(
        Sources((Found(PASSAGE, 0.9),)),
        Cited(choice=1, start=0, end=5, source=1),
        Chose(choice=1, chosen="large", why="unsure"),
    )
    assert (extras(HEAD, heard, 0)["citations"], len(extras(HEAD, heard, 1)["citations"])) == ([], 1)
    assert len(extras(HEAD, heard, 0)["sources"]) == 1
    assert extras(HEAD, heard, 1)["chose"] == [{"chosen": "large", "why": "unsure"}]


def test_usage_counts_the_prompt_once_and_every_step() -> None:
    used = [
        Used(prompt_tokens=5, completion_tokens=2, cached_tokens=1),
        Used(choice=1, prompt_tokens=5, completion_tokens=3),
        Used(prompt_tokens=7, completion_tokens=1, stage="large"),
    ]
    usage = usage_of(used)
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (12, 6, 18)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 1


async def _slow(*pieces: Piece, delay_s: float) -> AsyncIterator[Piece]:
    for piece in pieces:
        await asyncio.sleep(delay_s)
        yield piece


async def _failing() -> AsyncIterator[Piece]:
    yield Text(text="a")
    raise EngineError("away")


def _words(piece: Piece | None) -> list[str]:
    return [piece.text] if isinstance(piece, Text) else ["end"]


def test_silence_is_filled_with_comments() -> None:
    async def lines() -> list[str]:
        run = Run(_slow(Text(text="a"), Text(text="b"), delay_s=0.05))
        return [line async for line in written(run, _words, ping_every_s=0.02)]

    said = asyncio.run(lines())
    assert [line for line in said if line != PING] == ["a", "b", "end"]
    assert said.count(PING) >= 2


def test_a_run_waits_for_its_first_piece_and_keeps_it() -> None:
    async def said() -> tuple[bool, list[Piece]]:
        run = Run(_slow(Text(text="a"), Text(text="b"), delay_s=0.03))
        await run.begin(within_s=0.001)
        begun = run.done
        await run.begin()
        return begun, await run.all()

    assert asyncio.run(said()) == (False, [Text(text="a"), Text(text="b")])


def test_a_run_raises_what_its_stream_raised_after_what_came_before() -> None:
    async def said() -> Piece | None:
        run = Run(_failing())
        first = await run.next()
        with pytest.raises(EngineError, match="away"):
            await run.next()
        with pytest.raises(EngineError, match="away"):
            await run.all()
        return first

    assert asyncio.run(said()) == Text(text="a")


def test_runs_are_counted_until_they_end() -> None:
    async def counts() -> list[int]:
        runs = Runs(2)
        one = runs.start(_slow(Text(text="a"), delay_s=5))
        two = runs.start(_slow(Text(text="a"), delay_s=0.01))
        both = len(runs)
        await two.all()
        await asyncio.sleep(0)
        after = len(runs)
        await runs.close()
        return [both, after, len(runs), int(one.done)]

    assert asyncio.run(counts()) == [2, 1, 0, 1]


async def _never() -> dict[str, Any]:
    await asyncio.sleep(60)
    return {}


def test_a_reader_that_stops_reading_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afina.api.streams.SENT_WITHIN_S", 0.02)

    async def send(message: object) -> None:
        await asyncio.sleep(60)

    async def ended() -> bool:
        run = Run(_slow(Text(text="a"), Text(text="b"), delay_s=0.01))
        response = event_stream(run, _words)
        async with asyncio.timeout(2):
            await response({"type": "http"}, _never, send)
        return run.done

    async def first_free() -> bool:
        sent = 0

        async def after_the_head(message: object) -> None:
            nonlocal sent
            sent += 1
            if sent > 1:
                await asyncio.sleep(60)

        run = Run(_slow(Text(text="a"), delay_s=0.01))
        async with asyncio.timeout(2):
            await event_stream(run, _words)({"type": "http"}, _never, after_the_head)
        return run.done

    assert asyncio.run(first_free())
    assert asyncio.run(ended())


def test_lines_are_closed_when_the_client_leaves() -> None:
    closed: list[str] = []

    async def lines() -> AsyncIterator[bytes]:
        try:
            while True:
                await asyncio.sleep(0.005)
                yield b"x"
        finally:
            closed.append("lines")

    async def gone() -> dict[str, Any]:
        await asyncio.sleep(0.03)
        return {"type": "http.disconnect"}

    async def send(message: object) -> None: ...

    async def leave() -> None:
        async with asyncio.timeout(2):
            await Streamed(lines(), media_type="text/plain")({"type": "http"}, gone, send)

    asyncio.run(leave())
    assert closed == ["lines"]


def test_the_page_on_the_api_names_every_field_and_route() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    for name in (*ChatRequest.model_fields, *ONLY, *HINTS):
        assert f"`{name}`" in page, name
    for code in main.EXIT_CODES.values():
        assert f"| {code} |" in page
