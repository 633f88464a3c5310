"""Answering questions about documents with a short phrase, or rightly saying that they do not tell."""

from afina.domain.abstention import ANSWER_FORM
from afina.evaluation.task import Task

TASK = Task(
    name="answer",
    primary="correct",
    scorers=(
        "correct", "exact_match", "token_f1", "contains_gold", "answered", "withheld", "citation_precision",
        "citation_recall", "gold_in_prompt",
    ),
    shown=(
        "exact_match", "token_f1", "contains_gold", "answered", "withheld", "citation_precision", "citation_recall",
        "gold_in_prompt",
    ),
    form=ANSWER_FORM,
    prompts={
        "en": (
            "You answer factual questions about the documents of one organisation. Think of the one name, number or "
            "phrase that answers and say only that. Never guess.",
            "Reply like the entry of a glossary: the exact term, name, value or number that was asked for, without a "
            "sentence around it.",
            "You are an expert on the subject of the question. Give the precise answer first and stop.",
        ),
        "es": (
            "Respondes preguntas concretas sobre los documentos de una organización. Piensa en el nombre, número o "
            "frase que responde y di solo eso. No inventes.",
            "Responde como la entrada de un glosario: el término, nombre, valor o número exacto, sin una frase "
            "alrededor.",
            "Conoces a fondo el tema de la pregunta. Da primero la respuesta precisa y detente.",
        ),
    },
    max_tokens=64,
    arms=("base", "prompt", "examples", "nearest", "knowledge", "tuned", "tuned+knowledge"),
)  # fmt: skip
