"""How gathered parts are written down for a chat model: one shape, for tuning data and for serving alike."""

from collections.abc import Sequence

from afina.domain.abstention import ANSWER_FORM
from afina.domain.document import Found
from afina.domain.example import Example
from afina.domain.message import Message

QUESTION = {"en": "Question", "es": "Pregunta"}
BACKGROUND = {"en": "What you should know", "es": "Lo que debes saber"}
DEFAULT_LANG = "en"


def label_of(found: Found) -> str:
    """What a source is called in the prompt: its document, and the headings above it."""
    passage = found.passage
    return f"{passage.document} > {passage.heading}" if passage.heading else passage.document


def source_text(number: int, label: str, text: str) -> str:
    return f"[{number}] {label}\n{text.strip()}"


def question_text(question: str, sources: Sequence[str], *, lang: str) -> str:
    """The last user message: numbered sources above the question, or the bare question where there are none."""
    if not sources:
        return question
    return "\n\n".join([*sources, f"{QUESTION.get(lang, QUESTION[DEFAULT_LANG])}: {question}"])


def system_text(instructions: Sequence[str], background: Sequence[str], *, lang: str) -> str:
    parts = [text.strip() for text in instructions if text.strip()]
    if background:
        title = BACKGROUND.get(lang, BACKGROUND[DEFAULT_LANG])
        parts.append(f"{title}:\n" + "\n".join(text.strip() for text in background))
    return "\n\n".join(parts)


def demonstration_messages(example: Example) -> tuple[Message, ...]:
    """An example as turns of the conversation, without its own system message: the recipe's stands above all."""
    return tuple(m for m in example.messages if m.role not in ("system", "developer"))


def reading_messages(question: str, passages: Sequence[tuple[str, str]], lang: str) -> tuple[Message, ...]:
    """What a model sees for one question with numbered sources, (label, text) each, under the common answer form.

    Tuning data made with this match what the knowledge recipe shows at run time.
    """
    sources = [source_text(n, label, text) for n, (label, text) in enumerate(passages, start=1)]
    form = ANSWER_FORM.get(lang, ANSWER_FORM[DEFAULT_LANG])
    return (Message("system", form), Message("user", question_text(question, sources, lang=lang)))
