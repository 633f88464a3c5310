"""The whole request as a frozen value, from the edge down to the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from afina.domain.document import Found
from afina.domain.example import Example
from afina.domain.message import Message


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks. Every stored row carries the project; every reading contract takes the scope first."""

    project: str = "default"
    user: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. Temperature 0 is greedy; `max_tokens` None leaves it to the recipe.

    top_logprobs: alternatives wanted for each token; needs `logprobs`.
    logit_bias: token id -> value added to its logit.
    """

    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logprobs: bool = False
    top_logprobs: int = 0
    logit_bias: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What gather mechanisms have found so far, not yet what the model sees.

    found: passages, best first within each knowledge stage, stages in order.
    """

    instructions: tuple[str, ...] = ()
    demonstrations: tuple[Example, ...] = ()
    found: tuple[Found, ...] = ()
    background: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    adapter: digest of the adapter to answer with; None is the bare base.
    schema: a JSON schema that the answer must obey.
    budget_tokens: the most prompt tokens to spend; None is the engine's context less the answer.
    deadline_s: seconds this request may take in all; None is no limit.
    given: names of `sampling` fields that the client set; a recipe's defaults leave them alone, whatever they say.
    """

    scope: Scope
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    adapter: str | None = None
    schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    gathered: Gathered = Gathered()
    budget_tokens: int | None = None
    deadline_s: float | None = None
    given: frozenset[str] = frozenset()

    @property
    def question(self) -> str:
        """The last thing the user said; empty if nothing."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")

    def adding(self, **parts: tuple[Any, ...]) -> "Ask":
        """A copy in which each named part of `gathered` is extended."""
        grown = {name: getattr(self.gathered, name) + more for name, more in parts.items()}
        return replace(self, gathered=replace(self.gathered, **grown))


def ask_of(question: str, *, scope: Scope | None = None, sampling: Sampling | None = None) -> Ask:
    """The plainest request: one question of one user."""
    return Ask(scope or Scope(), (Message("user", question),), sampling or Sampling())


def sampling_of(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Sampling:
    """A recipe's sampling defaults under what the caller gave; None in `given` means not given."""
    return Sampling(**{**defaults, **{name: value for name, value in given.items() if value is not None}})
