"""Demonstrations: examples of questions with good answers, shown before the question (few-shot)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from afina.contracts import Gather
from afina.domain.ask import Ask
from afina.parts import ExamplesName, Stock
from afina.prompting.examples import Choose, fixed, nearest_to


class Options(BaseModel):
    """set: name of a stored set of examples. choose: the first `count`, or the `count` nearest to the question."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    set: ExamplesName
    count: int = Field(default=4, ge=1, le=64)
    choose: Literal["first", "nearest"] = "first"


def build(options: Options, stock: Stock) -> Gather:
    examples = stock.demonstrations.examples(stock.scope, options.set)
    choose: Choose = (
        nearest_to(examples, stock.embedder(), count=options.count)
        if options.choose == "nearest"
        else fixed(examples, count=options.count)
    )

    def gather(ask: Ask) -> Ask:
        return ask.adding(demonstrations=choose(ask.question))

    return gather
