"""The one place where gathered parts become the messages a model reads, under its token budget.

What the client said and the instructions always stand. Of the rest, each part is filled in the policy's order,
best first, up to its share of what is left; what does not fit is named, never cut in the middle.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from afina.domain.answer import Assembled
from afina.domain.ask import Ask
from afina.domain.document import Found
from afina.domain.message import Message
from afina.prompting.template import (
    DEFAULT_LANG,
    demonstration_messages,
    label_of,
    question_text,
    source_text,
    system_text,
)

PER_ITEM = 8
"""Tokens a chat template may spend around an item; the exact count is checked at the end."""


@dataclass(frozen=True, slots=True)
class AssemblyPolicy:
    """order: which part is served first when space is short. shares: the most of the free budget a part may take."""

    order: tuple[str, ...] = ("passages", "background", "demonstrations")
    shares: Mapping[str, float] = field(
        default_factory=lambda: {"passages": 1.0, "background": 0.3, "demonstrations": 0.6}
    )


@dataclass(frozen=True, slots=True)
class Tokenised:
    """How an engine counts: whole conversations (template included), and bare text."""

    messages: Callable[[Sequence[Message]], int]
    text: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that may or may not enter the prompt. value: Found, Example or text; name: how a record calls it."""

    part: str
    name: str
    value: object
    tokens: int


def assembled(
    ask: Ask, *, count: Tokenised, budget_tokens: int, policy: AssemblyPolicy | None = None
) -> tuple[tuple[Message, ...], tuple[Found, ...], Assembled]:
    """The messages to send, the passages that stand in them (in their order), and the account of tokens.

    budget_tokens: the most prompt tokens. What the client said is never dropped: if that alone is too long the
    messages come back over budget, and the engine refuses them with the counts.
    """
    rules = policy or AssemblyPolicy()
    lang = language_of(ask)
    items = _items(ask, count)
    kept = _chosen(items, rules, free=budget_tokens - count.messages(_written(ask, (), lang)))
    messages = _written(ask, kept, lang)
    while kept and count.messages(messages) > budget_tokens:
        kept = kept[:-1]
        messages = _written(ask, kept, lang)
    found = tuple(i.value for i in kept if isinstance(i.value, Found))
    account = _account(ask, items, kept, total=count.messages(messages), count=count)
    return messages, found, replace(account, messages=messages)


def language_of(ask: Ask) -> str:
    """The language of what was found; the labels of the prompt follow it."""
    langs = [f.passage.lang for f in ask.gathered.found if f.passage.lang]
    return max(langs, key=langs.count) if langs else DEFAULT_LANG


def _items(ask: Ask, count: Tokenised) -> list[Item]:
    gathered = ask.gathered
    items = [
        Item("passages", f.passage.id, f, count.text(source_text(1, label_of(f), f.passage.text)) + PER_ITEM)
        for f in gathered.found
    ]
    items += [
        Item("background", f"{n}", text, count.text(text) + PER_ITEM) for n, text in enumerate(gathered.background)
    ]
    for example in gathered.demonstrations:
        size = sum(count.text(m.content) + PER_ITEM for m in demonstration_messages(example))
        items.append(Item("demonstrations", example.id, example, size))
    return items


def _chosen(items: Sequence[Item], rules: AssemblyPolicy, *, free: int) -> tuple[Item, ...]:
    kept: list[Item] = []
    left = free
    for part in rules.order:
        allowed = min(left, int(free * rules.shares.get(part, 1.0)))
        for item in (i for i in items if i.part == part):
            if item.tokens > allowed:
                break  # best first: a worse one must not take the place of a better one
            kept.append(item)
            allowed -= item.tokens
            left -= item.tokens
    return tuple(kept)


def _written(ask: Ask, kept: Sequence[Item], lang: str) -> tuple[Message, ...]:
    own = [m.content for m in ask.messages if m.role in ("system", "developer")]
    turns = [m for m in ask.messages if m.role not in ("system", "developer")]
    background = [str(i.value) for i in kept if i.part == "background"]
    system = system_text([*ask.gathered.instructions, *own], background, lang=lang)
    found = [i.value for i in kept if isinstance(i.value, Found)]
    sources = [source_text(n, label_of(f), f.passage.text) for n, f in enumerate(found, start=1)]
    shown = [m for e in ask.gathered.demonstrations if _stands(e.id, kept) for m in demonstration_messages(e)]
    head = [Message("system", system)] if system else []
    return (*head, *shown, *_with_sources(turns, sources, lang))


def _stands(name: str, kept: Sequence[Item]) -> bool:
    return any(i.part == "demonstrations" and i.name == name for i in kept)


def _with_sources(turns: list[Message], sources: list[str], lang: str) -> list[Message]:
    """The turns, with the sources above the last question."""
    last = max((n for n, m in enumerate(turns) if m.role == "user"), default=None)
    if last is None or not sources:
        return turns
    asked = Message("user", question_text(turns[last].content, sources, lang=lang))
    return [*turns[:last], asked, *turns[last + 1 :]]


def _account(ask: Ask, items: Sequence[Item], kept: Sequence[Item], *, total: int, count: Tokenised) -> Assembled:
    tokens = {part: sum(i.tokens for i in kept if i.part == part) for part in AssemblyPolicy().order}
    tokens["instructions"] = sum(count.text(text) for text in ask.gathered.instructions)
    tokens["messages"] = sum(count.text(m.content) for m in ask.messages)
    tokens["template"] = total - sum(tokens.values())
    left_out = tuple(f"{i.part}: {i.name}" for i in items if i not in kept)
    return Assembled(tokens={"total": total, **tokens}, left_out=left_out, stage="assemble")
