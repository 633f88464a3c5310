"""Where text meets a model: gather, assemble under the budget, generate, cite."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from afina.border import aclosing, in_thread
from afina.contracts import Answerer, Engine, Gather, Prompt
from afina.domain.answer import Assembled, Cited, Finish, Piece, Sources, Text
from afina.domain.ask import Ask
from afina.domain.document import Found
from afina.domain.message import Message
from afina.prompting.assemble import AssemblyPolicy, Tokenised, assembled

Cite = Callable[[str, Sequence[Found]], list[Cited]]
DEFAULT_MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Assembly:
    """What goes to the engine and what is told about it."""

    messages: tuple[Message, ...]
    found: tuple[Found, ...]
    account: Assembled


def answer_with(
    engine: Engine, *, gather: Sequence[Gather] = (), cite: Cite | None = None, policy: AssemblyPolicy | None = None
) -> Answerer:
    """The plain way of answering: gather stages in order, then the engine, then citations before each Finish.

    Nothing is emitted before the engine's first piece, so that whatever is refused is refused as an exception.
    """

    async def answer(ask: Ask, /) -> AsyncIterator[Piece]:
        ready = await in_thread(_assembly, ask, gather, engine, policy)
        prompt = _prompt(ask, ready.messages, engine.card.context_tokens)
        said: dict[int, str] = {}
        begun = False
        async with aclosing(engine.generate(prompt)) as pieces:
            async for piece in pieces:
                if not begun:
                    begun = True
                    yield ready.account
                    if ready.found:
                        yield Sources(ready.found, stage="assemble")
                if isinstance(piece, Text):
                    said[piece.choice] = said.get(piece.choice, "") + piece.text
                if isinstance(piece, Finish) and cite and ready.found:
                    for cited in await in_thread(cite, said.get(piece.choice, ""), ready.found):
                        yield replace(cited, choice=piece.choice, stage="cite")
                yield piece

    return answer


def _assembly(ask: Ask, gather: Sequence[Gather], engine: Engine, policy: AssemblyPolicy | None) -> Assembly:
    for stage in gather:
        ask = stage(ask)
    room = engine.card.context_tokens - (ask.sampling.max_tokens or DEFAULT_MAX_TOKENS)
    budget = min(room, ask.budget_tokens or room)
    count = Tokenised(messages=engine.count, text=engine.count_text)
    return Assembly(*assembled(ask, count=count, budget_tokens=budget, policy=policy))


def _prompt(ask: Ask, messages: tuple[Message, ...], context_tokens: int) -> Prompt:
    room = min(DEFAULT_MAX_TOKENS, context_tokens // 2)
    return Prompt(
        messages=messages,
        sampling=replace(ask.sampling, max_tokens=ask.sampling.max_tokens or room),
        adapter=ask.adapter,
        schema=ask.schema,
        tools=ask.tools,
        deadline_s=ask.deadline_s,
    )
