"""Standing facts that every answer may need: who the organisation is, what its words mean."""

from pydantic import BaseModel, ConfigDict

from afina.contracts import Gather
from afina.domain.ask import Ask
from afina.parts import Stock


class Options(BaseModel):
    """facts: one text each; under a tight budget the last ones are left out first."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    facts: tuple[str, ...]


def build(options: Options, stock: Stock) -> Gather:
    def gather(ask: Ask) -> Ask:
        return ask.adding(background=options.facts)

    return gather
