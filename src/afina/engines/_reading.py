"""How a model's files say that messages become token ids: its chat template and its tokenizer, without torch.

Written after transformers' conventions for chat templates (a sandboxed Jinja with trimmed blocks, `raise_exception`,
`strftime_now`, JSON that keeps characters), so that both engines read the same ids from the same folder.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from afina.domain.message import Message
from afina.engines._weights_on_disk import read_json
from afina.errors import BadRequest, BrokenArtefact, ConfigError


class Reading:
    """Messages and text to ids and back, for one model folder. Safe for several threads.

    ends: tokens that end an answer. end_of_turn: the one that the template puts after an answer.

    Raises:
        BrokenArtefact: a file is missing or unreadable.
        ConfigError: the model has no chat template.
    """

    def __init__(self, folder: Path) -> None:
        self.config = read_json(folder / "config.json")
        settings = read_json(folder / "tokenizer_config.json")
        read_json(folder / "tokenizer.json")  # the library would raise no class of its own for a broken one
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._special = {name: _text(settings.get(name)) for name in ("bos_token", "eos_token", "pad_token")}
        self._template = _template(folder, settings)
        self.ends = self._ends(folder)
        self.end_of_turn = self._end_of_turn()

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a prompt: the model's own template and the start of its turn.

        Raises:
            BadRequest: the template refuses these messages.
        """
        return self.text_ids(self._rendered(messages))

    def text_ids(self, text: str) -> list[int]:
        """Tokens of bare text, nothing added."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def _rendered(self, messages: Sequence[Message], *, answering: bool = True) -> str:
        rows = [{"role": "system" if m.role == "developer" else m.role, "content": m.content} for m in messages]
        try:
            return self._template.render(messages=rows, add_generation_prompt=answering, **self._special)
        except jinja2.TemplateError as refused:
            raise BadRequest(f"the model's chat template refuses these messages: {refused}", param="messages") from None

    def _ends(self, folder: Path) -> frozenset[int]:
        path = folder / "generation_config.json"
        listed = read_json(path).get("eos_token_id") if path.exists() else None
        several = listed if isinstance(listed, list) else [listed]
        own = self._tokenizer.token_to_id(self._special["eos_token"]) if self._special["eos_token"] else None
        ends = frozenset(int(i) for i in (*several, own) if i is not None)
        if not ends:
            raise BrokenArtefact(f"{folder} does not say which token ends an answer (eos_token)")
        return ends

    def _end_of_turn(self) -> int:
        text = self._rendered([Message("user", "a"), Message("assistant", "answered")], answering=False)
        after = self.text_ids(text[text.rindex("answered") + len("answered") :])
        return after[0] if after and after[0] in self.ends else min(self.ends)


def _template(folder: Path, settings: dict[str, Any]) -> jinja2.Template:
    beside = folder / "chat_template.jinja"
    source = beside.read_text(encoding="utf-8") if beside.exists() else settings.get("chat_template")
    if not isinstance(source, str):
        raise ConfigError(
            f"the model in {folder} has no chat template, so it cannot read messages; use its instruct version"
        )
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment.from_string(source)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _text(token: Any) -> str | None:
    """A special token is written as a string or as an object with its content."""
    return token.get("content") if isinstance(token, dict) else token
