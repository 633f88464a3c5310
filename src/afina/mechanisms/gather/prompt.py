"""Instructions above the conversation: the cheapest adaptation there is."""

from pydantic import BaseModel, ConfigDict

from afina.contracts import Gather
from afina.domain.ask import Ask
from afina.parts import Stock


class Options(BaseModel):
    """instructions: the text of the system message; those of several stages follow each other."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    instructions: str


def build(options: Options, stock: Stock) -> Gather:
    def gather(ask: Ask) -> Ask:
        return ask.adding(instructions=(options.instructions,))

    return gather
