"""A causal language model of transformers with its tokenizer and PEFT adapters: loaded safely, used by one thread."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from afina.domain.message import Message
from afina.engines._weights_on_disk import check_adapter, check_model, read_json
from afina.errors import BadRequest, BrokenArtefact, ConfigError

SAFELY = {"local_files_only": True, "trust_remote_code": False}


@dataclass
class TorchModel:
    """The base, what reads its text, and the adapters loaded so far (the least recently used goes first).

    fresh: reads the base's weights again.

    Not safe for several threads: an adapter is switched on for the whole model.
    """

    model: Any
    tokenizer: Any
    fresh: Callable[[], Any]
    ends: frozenset[int]
    end_of_turn: int
    context_tokens: int
    adapter: Callable[[str], Path]
    most_adapters: int = 8
    _peft: Any = None
    _loaded: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a prompt: the model's own template and the start of its turn."""
        return self.text_ids(rendered(self.tokenizer, messages))

    def text_ids(self, text: str) -> list[int]:
        """Tokens of bare text, nothing added."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def using(self, adapter: str | None) -> AbstractContextManager[Any]:
        """A context in which `self.now` answers with an adapter, or as the bare base.

        Raises: NotFound, BrokenArtefact, NotCertified from the place; BrokenArtefact if the tensors do not fit.
        """
        if adapter is None:
            return self._peft.disable_adapter() if self._peft is not None else nullcontext()
        self._load(adapter)
        self._peft.set_adapter(adapter)
        return nullcontext()

    @property
    def now(self) -> Any:
        """The module to call inside `using`."""
        return self.model if self._peft is None else self._peft

    def _load(self, adapter: str) -> None:
        folder = self.adapter(adapter)
        if adapter not in self._loaded:
            check_adapter(folder)
            self._attach(adapter, folder)
            self._loaded[adapter] = None
        self._loaded.move_to_end(adapter)
        while len(self._loaded) > self.most_adapters:
            self._peft.delete_adapter(self._loaded.popitem(last=False)[0])

    def _attach(self, adapter: str, folder: Path) -> None:
        try:
            self._into_peft(adapter, folder)
            self._peft.eval()
            with safe_open(str(folder / "adapter_model.safetensors"), framework="pt") as file:
                # "auto" would ask the hub for the base's vocabulary; a saved embedding is no part of an adapter here.
                known = get_peft_model_state_dict(self._peft, adapter_name=adapter, save_embedding_layers=False)
                unused = set(file.keys()) - set(known)
        except (ValueError, KeyError, RuntimeError, OSError) as error:
            self._start_over()
            raise BrokenArtefact(f"the adapter {adapter[:12]} does not fit this base: {error}") from error
        if unused:
            self._start_over()
            raise BrokenArtefact(
                f"{len(unused)} tensors of the adapter {adapter[:12]} have no place in this base: {min(unused)}"
            )

    def _into_peft(self, adapter: str, folder: Path) -> None:
        with warnings.catch_warnings():  # peft asks transformers for a property under its old name
            warnings.simplefilter("ignore", FutureWarning)
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=adapter)
            else:
                self._peft.load_adapter(str(folder), adapter_name=adapter)

    def _start_over(self) -> None:
        """The bare base again: an adapter that failed half-way may have left its layers in the model."""
        self._peft = None
        self._loaded.clear()
        self.model = self.fresh()


def load_model(
    folder: Path, *, dtype: str, device: str, attention: str, adapter: Callable[[str], Path], context_tokens: int | None
) -> TorchModel:
    """Load a model folder: safetensors only, none of its own code.

    dtype 'auto': bfloat16 on CUDA, float32 elsewhere. device 'auto': CUDA if there is one.

    Raises:
        BrokenArtefact: the folder is unsafe or not a causal language model.
        ConfigError: it has no chat template, or the device is not there.
    """
    check_model(folder)
    transformers_logging.disable_progress_bar()  # progress is told by actions, not drawn over them
    where = _device(device)
    kind = getattr(torch, dtype) if dtype != "auto" else torch.bfloat16 if where == "cuda" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **SAFELY)
        model = (fresh := partial(_weights, folder, dtype=kind, device=where, attention=attention))()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BrokenArtefact(f"{folder} cannot be loaded as a causal language model: {error}") from error
    if not tokenizer.chat_template:
        raise ConfigError(
            f"the model in {folder} has no chat template, so it cannot read messages; use its instruct version"
        )
    ends = _ends(folder, tokenizer)
    limit = int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 2048)
    return TorchModel(
        model=model,
        tokenizer=tokenizer,
        fresh=fresh,
        ends=ends,
        end_of_turn=_end_of_turn(tokenizer, ends),
        context_tokens=min(limit, context_tokens or limit),
        adapter=adapter,
    )


def _weights(folder: Path, *, dtype: torch.dtype, device: str, attention: str) -> Any:
    model = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=dtype, use_safetensors=True, attn_implementation=attention, **SAFELY
    )
    return model.to(device).eval().requires_grad_(False)


def rendered(tokenizer: Any, messages: Sequence[Message], *, answering: bool = True) -> str:
    rows = [{"role": "system" if m.role == "developer" else m.role, "content": m.content} for m in messages]
    try:
        return str(tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=answering))
    except TemplateError as error:
        raise BadRequest(f"the model's chat template refuses these messages: {error}", param="messages") from error


def _device(wanted: str) -> str:
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise ConfigError('device is "cuda", but no CUDA device is here; use "cpu" or "auto"')
    return ("cuda" if there else "cpu") if wanted == "auto" else wanted


def _ends(folder: Path, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: those of generation_config.json and the tokenizer's own."""
    path = folder / "generation_config.json"
    listed = read_json(path).get("eos_token_id") if path.exists() else None
    several = listed if isinstance(listed, list) else [listed]
    return frozenset(int(i) for i in (*several, tokenizer.eos_token_id) if i is not None)


def _end_of_turn(tokenizer: Any, ends: frozenset[int]) -> int:
    """The token that the template puts after an answer; the tokenizer's end if the template puts none."""
    text = rendered(tokenizer, [Message("user", "a"), Message("assistant", "answered")], answering=False)
    after = tokenizer(text[text.rindex("answered") + len("answered") :], add_special_tokens=False)["input_ids"]
    return int(after[0]) if after and after[0] in ends else int(tokenizer.eos_token_id)
