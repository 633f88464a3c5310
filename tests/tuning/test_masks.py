"""Only the answer is learnt, its end of turn included, whatever the chat template."""

from collections.abc import Collection, Sequence

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import DataError
from afina.tuning.masks import row_of

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING = CHATML.replace("<|im_start|>assistant\n{% endif", "<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif")
MISTRAL = (
    "<s>{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }}<|end|>{% endif %}{% endfor %}"
)
STRIPPING = CHATML.replace("{{ m.content }}", "{{ m.content | trim }}")
NO_END = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
TEMPLATES = {"chatml": CHATML, "thinking": THINKING, "mistral": MISTRAL, "stripping": STRIPPING, "no end": NO_END}
END = 0


class LetterChat:
    """A token a letter; '<|end|>' is one token."""

    def __init__(self, template: str) -> None:
        self.template = jinja2.Environment().from_string(template)

    @property
    def end_ids(self) -> Collection[int]:
        return {END}

    def render(self, messages: Sequence[Message], *, open_answer: bool) -> str:
        return self.template.render(messages=messages, add_generation_prompt=open_answer)

    def encode(self, text: str) -> list[int]:
        parts = [[ord(c) for c in part] for part in text.split("<|end|>")]
        return [token for place, part in enumerate(parts) for token in ([END] if place else []) + part]


def text(ids: Sequence[int]) -> str:
    return "".join("<|end|>" if token == END else chr(token) for token in ids)


words = st.text(st.characters(codec="utf-8", exclude_characters="<>|\x00", categories=["L", "N", "P"]), min_size=1)


@pytest.mark.parametrize("name", TEMPLATES)
@given(questions=st.lists(words, min_size=1, max_size=3), answer=words)
def test_the_answer_and_nothing_else_is_learnt(name: str, questions: list[str], answer: str) -> None:
    chat = LetterChat(TEMPLATES[name])
    turns = [m for q in questions for m in (Message("user", q), Message("assistant", answer))]
    row = row_of(Example("e", tuple(turns)), chat)
    assert text(row.ids[: row.prompt]) == chat.render(turns[:-1], open_answer=True)
    assert text(row.answer).strip() == f"{answer}<|end|>" or (name == "no end" and text(row.answer).startswith(answer))
    assert row.answer[-1] == END


@pytest.mark.parametrize("name", ["chatml", "thinking"])
def test_an_answer_that_stands_in_the_template_too_is_found_in_its_own_place(name: str) -> None:
    row = row_of(Example("e", (Message("user", "q"), Message("assistant", "n"))), LetterChat(TEMPLATES[name]))
    assert text(row.answer) == "n<|end|>"


def test_one_end_and_nothing_after_it() -> None:
    row = row_of(Example("e", (Message("user", "q"), Message("assistant", "a"))), LetterChat(CHATML))
    assert text(row.answer) == "a<|end|>"


def test_a_template_that_hides_the_answer_is_refused() -> None:
    chat = LetterChat("{% for m in messages %}{{ m.role }}{% endfor %}{% if add_generation_prompt %}!{% endif %}")
    with pytest.raises(DataError, match="does not show the answer"):
        row_of(Example("e", (Message("user", "q"), Message("assistant", "zebra"))), chat)
