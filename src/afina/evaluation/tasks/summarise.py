"""Summarising documents that may be longer than a model can read at once.

The question of a case is the instruction, a blank line, and the long text. `checks.facts` are the key facts that a
summary must state, `checks.max_words` its longest length; `answers` are known summaries, if there are any. A model that
cannot read the whole text refuses it, and a case that failed counts as wrong: that is what doing nothing is worth.
"""

from afina.domain.artefact import Stage
from afina.evaluation.task import Task

TASK = Task(
    name="summarise",
    primary="coverage",
    scorers=("coverage", "rouge_l", "short_enough"),
    shown=("rouge_l", "short_enough"),
    form={
        "en": "Write only the summary, in plain sentences.",
        "es": "Escribe solo el resumen, en frases sencillas.",
    },
    max_tokens=256,
    arms=("base", "lead", "in_parts"),
    controls={"lead": (Stage("shortened"),), "in_parts": (Stage("map_reduce"),)},
)
