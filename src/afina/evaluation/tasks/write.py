"""Writing as an organisation writes: what must be said and avoided, its words, its length, its likeness to known texts.

A case asks for a text. `checks` say what it must obey; `answers` are texts as they should be.
"""

from afina.evaluation.task import Task

TASK = Task(
    name="write",
    primary="checks",
    scorers=("checks", "terminology", "similarity", "rouge_l"),
    shown=("terminology", "similarity", "rouge_l"),
    form={
        "en": "Write the text that is asked for and nothing else: no introduction, no comment on it.",
        "es": "Escribe el texto que se pide y nada más: sin introducción ni comentarios.",
    },
    prompts={
        "en": (
            "You write for an organisation that wants every text short, friendly and exact. Use its own words for its "
            "own things, and promise nothing that was not given to you.",
            "Write as an experienced member of the staff would: greet, say the one thing that matters first, then what "
            "happens next, and sign off.",
            "Write in plain words and short sentences. Leave out what the reader does not need.",
        ),
        "es": (
            "Escribes para una organización que quiere todos sus textos breves, amables y exactos. Llama a sus cosas "
            "por su nombre y no prometas nada que no se te haya dicho.",
            "Escribe como lo haría alguien con experiencia en la casa: saluda, di primero lo que importa, después qué "
            "va a pasar, y despídete.",
            "Escribe con palabras sencillas y frases cortas. Deja fuera lo que el lector no necesita.",
        ),
    },
    max_tokens=256,
    arms=("base", "prompt", "examples", "nearest", "tuned"),
)
