"""Small parts that engines share: stop strings, spelling, choosing, refusing, the wire, unsafe folders."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afina.contracts import Capabilities, EngineCard, Prompt, Scored
from afina.domain.answer import Failed, Finish, Logprobs, Piece, Text, TokenLogprob, Used
from afina.domain.ask import Sampling
from afina.domain.message import Message
from afina.engines import _codec as codec
from afina.engines._late import failing_late
from afina.engines._refusing import refuse_impossible, room_for_answer
from afina.engines._spelling import Speller
from afina.engines._stops import StopFilter
from afina.engines._weights_on_disk import check_adapter, check_model
from afina.errors import (
    AfinaError,
    BadRequest,
    BrokenArtefact,
    EngineError,
    EngineTimeout,
    NotCertified,
    NotFound,
    TooLong,
    Unsupported,
)

# --- stop strings ---------------------------------------------------------------------------------


@given(
    st.text(alphabet="abc", max_size=30),
    st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3),
    st.data(),
)
def test_stops_are_found_however_the_text_is_cut(text: str, stops: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    filter_ = StopFilter(tuple(stops))
    sent = "".join(filter_.feed(part) for part in parts) + filter_.flush()
    assert all(stop not in sent for stop in stops)
    assert text.startswith(sent)
    assert filter_.stopped == any(stop in text for stop in stops)
    if not filter_.stopped:
        assert sent == text


def test_a_beginning_of_a_stop_string_is_held_back() -> None:
    filter_ = StopFilter(("END",))
    assert filter_.feed("say E") == "say "
    assert filter_.feed("N") == ""
    assert filter_.feed("ough") == "ENough"
    assert filter_.feed(" END more") == " "
    assert filter_.stopped
    assert filter_.feed("after") == filter_.flush() == ""


# --- spelling -------------------------------------------------------------------------------------


def decode(ids: "list[int] | tuple[int, ...]") -> str:
    return bytes(ids).decode(errors="replace")


@given(st.text(max_size=20))
def test_characters_are_told_when_they_are_whole(text: str) -> None:
    speller = Speller(lambda ids: decode(list(ids)))
    told = [speller.feed(byte) for byte in text.encode()]
    assert "".join(told) + speller.flush() == text
    assert not any("\ufffd" in part for part in told) or "\ufffd" in text


def test_bytes_that_never_become_a_character_are_told_at_the_end() -> None:
    speller = Speller(lambda ids: decode(list(ids)))
    assert [speller.feed(b) for b in b"a\xe6\x97"] == ["a", "", ""]
    assert speller.flush() == "\ufffd"


# --- refusing -------------------------------------------------------------------------------------


def test_room_is_what_the_context_leaves() -> None:
    assert room_for_answer(100, 50, 150) == 50
    assert room_for_answer(100, None, 150) == 50
    assert room_for_answer(100, None, 4096) == 512
    with pytest.raises(TooLong):
        room_for_answer(100, 51, 150)
    with pytest.raises(TooLong):
        room_for_answer(150, None, 150)


def test_an_empty_conversation_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        refuse_impossible(Prompt(()))
    assert refused.value.param == "messages"


def test_errors_are_raised_early_and_told_late() -> None:
    async def stream(after: int) -> AsyncIterator[Piece]:
        if after:
            yield Text(choice=0, text="a")
            yield Finish(choice=0, reason="stop")
        raise EngineError("it broke")

    async def pieces(after: int) -> list[Piece]:
        return [piece async for piece in failing_late(stream(after), choices=2)]

    with pytest.raises(EngineError):
        asyncio.run(pieces(0))
    assert asyncio.run(pieces(1))[-1] == Failed(choice=1, code="engine_error", message="it broke")


# --- the wire between processes -------------------------------------------------------------------


def through_json(value: object) -> object:
    return json.loads(json.dumps(value, allow_nan=False))


PIECES = [
    Text(choice=1, stage="s", text="ñ\n"),
    Logprobs(tokens=(TokenLogprob("a", -0.5, (("a", -0.5), ("b", -1.5))), TokenLogprob("", -9999.0))),
    Used(prompt_tokens=3, completion_tokens=4, seconds=0.5, first_s=0.1, cost=0.002, engine="e:1"),
    Finish(reason="length"),
    Failed(code="engine_error", message="x"),
]


@pytest.mark.parametrize("piece", PIECES, ids=lambda p: type(p).__name__)
def test_pieces_travel_whole(piece: Piece) -> None:
    assert codec.decode_piece(through_json(codec.encode_piece(piece))) == piece  # type: ignore[arg-type]


def test_prompts_cards_and_scores_travel_whole() -> None:
    prompt = Prompt(
        (Message("system", "s"), Message("user", "¿?")),
        Sampling(max_tokens=5, seed=1, stop=("a", "b"), logit_bias={7: -100.0}, top_logprobs=2),
        adapter="d",
        schema={"type": "object"},
        tools=({"type": "function"},),
        deadline_s=2.5,
    )
    assert codec.decode_prompt(through_json(codec.encode_prompt(prompt))) == prompt  # type: ignore[arg-type]
    card = EngineCard("e", "m", "b", 10, Capabilities(score=True, top_logprobs=3))
    assert codec.decode_card(through_json(codec.encode_card(card))) == card  # type: ignore[arg-type]
    scored = Scored((1, 2), (3,), (math.nan,), (4,), (-0.5,), (0.25,))
    back = codec.decode_scored(through_json(codec.encode_scored(scored)))  # type: ignore[arg-type]
    assert math.isnan(back.logprobs[0])
    assert (back.prompt_ids, back.best, back.best_logprobs, back.gaps) == ((1, 2), (4,), (-0.5,), (0.25,))


@pytest.mark.parametrize(
    "error",
    [
        TooLong(prompt_tokens=9, max_tokens=2, context_tokens=10),
        Unsupported("cannot", param="seed"),
        BadRequest("bad", param="n"),
        NotFound("no such"),
        NotCertified("figures"),
        EngineTimeout("late", retriable=True),
        EngineError("broke"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_keep_their_class_and_words(error: AfinaError) -> None:
    back = codec.decode_error(through_json(codec.encode_error(error)))  # type: ignore[arg-type]
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


@pytest.mark.parametrize("row", [{}, {"type": "Chose"}, {"type": "Text"}, {"type": "Logprobs", "tokens": [{}]}])
def test_what_is_no_piece_is_an_engine_error(row: dict[str, object]) -> None:
    with pytest.raises(EngineError):
        codec.decode_piece(row)


@pytest.mark.parametrize("row", [{}, {"messages": 1}, {"sampling": {"n": 1}, "messages": []}])
def test_what_is_no_prompt_is_a_bad_request(row: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        codec.decode_prompt(row)


# --- folders that nobody vouches for --------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "config"),
    [
        ("config.json", {"auto_map": {"AutoConfig": "evil.Config"}}),
        ("config.json", {"text_config": {"_attn_implementation_internal": "someone/kernel"}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tok", None]}}),
        ("generation_config.json", {"custom_pipelines": {"x": {}}}),
    ],
)
def test_configurations_that_ask_for_code_are_refused(tmp_path: Path, file: str, config: dict[str, object]) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    check_model(tmp_path)
    (tmp_path / file).write_text(json.dumps(config))
    with pytest.raises(BrokenArtefact, match=str(file)):
        check_model(tmp_path)


def test_adapters_are_looked_at_too(tmp_path: Path) -> None:
    with pytest.raises(BrokenArtefact, match="cannot be read"):
        check_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"auto_mapping": null}')
    with pytest.raises(BrokenArtefact, match="safetensors"):
        check_adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    check_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"auto_mapping": {"parent_library": "evil"}}')
    with pytest.raises(BrokenArtefact, match="auto_mapping"):
        check_adapter(tmp_path)
