"""Any encoder in the hub's format, from a folder or by its name on the hub, through transformers.

Only safetensors and no code of the model's own. Pooling follows the model's own configuration unless said.
Needs the extra "train".
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from transformers import AutoModel, AutoTokenizer

from afina.domain.document import digest
from afina.errors import ConfigError

WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "1_Pooling/*"]
POOLING_FILE = Path("1_Pooling") / "config.json"
POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_lasttoken": "last"}


class Options(BaseModel):
    """model: a folder, or a name on the hub (fetched once, at `revision`). pooling 'auto': the model's own, else mean.

    query_prefix, passage_prefix: put before each text; the e5 family wants 'query: ' and 'passage: '.
    max_tokens: of a text, the rest is not read; None is what the model says. device: as torch calls it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    revision: str | None = None
    pooling: Literal["auto", "mean", "cls", "last"] = "auto"
    query_prefix: str = ""
    passage_prefix: str = ""
    max_tokens: int | None = Field(default=None, ge=8)
    batch: int = Field(default=32, ge=1, le=4096)
    device: str = "cpu"


class HubEncoder:
    """One call at a time; texts are batched by length."""

    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            model = AutoModel.from_pretrained(folder, trust_remote_code=False, use_safetensors=True)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f'the embedder model "{options.model}" cannot be loaded: {error}') from error
        self._model: Any = model.float().eval().to(options.device)
        self._pooling = pooling_of(folder) if options.pooling == "auto" else options.pooling
        self._most = most_tokens(folder, self._tokenizer, options)
        self._lock = threading.Lock()
        self.name = options.model
        self.dim = int(self._model.config.hidden_size)
        said = (self._pooling, options.query_prefix, options.passage_prefix, str(self._most))
        self.digest = digest("hub", *files_digests(folder), *said)

    def embed(self, texts: Sequence[str], *, kind: str = "passage") -> NDArray[np.float32]:
        """As the contract says."""
        prefix = self._options.query_prefix if kind == "query" else self._options.passage_prefix
        vectors = np.zeros((len(texts), self.dim), np.float32)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        with self._lock, torch.inference_mode():
            for start in range(0, len(order), self._options.batch):
                rows = order[start : start + self._options.batch]
                vectors[rows] = self._run([prefix + texts[row] for row in rows])
        return vectors

    def count(self, text: str) -> int:
        """Tokens, the marks of start and end included."""
        return len(self._tokenizer(text, truncation=False, verbose=False)["input_ids"])

    def _run(self, texts: list[str]) -> NDArray[np.float32]:
        read = self._tokenizer(texts, padding=True, truncation=True, max_length=self._most, return_tensors="pt")
        read = read.to(self._options.device)
        states = self._model(**read).last_hidden_state
        unit = torch.nn.functional.normalize(pooled(states, read["attention_mask"], self._pooling), dim=-1)
        result: NDArray[np.float32] = unit.float().cpu().numpy()
        return result


def build(options: Options, cache: Path) -> HubEncoder:
    """cache: where models fetched from the hub are kept.

    Raises:
        ConfigError: no such folder and nothing of that name on the hub, or no model that can be loaded.
    """
    return HubEncoder(options, folder_of(options, cache))


def folder_of(options: Options, cache: Path) -> Path:
    folder = Path(options.model).expanduser()
    if folder.is_dir():
        return folder
    try:
        fetched = snapshot_download(
            options.model, revision=options.revision, allow_patterns=WANTED, cache_dir=cache / "hub"
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f'"{options.model}" is no folder and cannot be fetched from the hub: {error}') from error
    return Path(fetched)


def pooling_of(folder: Path) -> str:
    """What the model's own configuration says: 'mean', 'cls' or 'last'; mean where it says nothing.

    Raises:
        ConfigError: it says something else.
    """
    file = folder / POOLING_FILE
    if not file.is_file():
        return "mean"
    said = json.loads(file.read_text())
    wanted = [mode for mode, on in said.items() if mode.startswith("pooling_mode_") and on is True]
    if len(wanted) != 1 or wanted[0] not in POOLINGS:
        raise ConfigError(f'{file} wants {wanted}; say pooling = "mean", "cls" or "last"')
    return POOLINGS[wanted[0]]


def pooled(states: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """states (batch, time, dim), mask (batch, time) of 0 and 1 -> (batch, dim); padding takes no part."""
    if pooling == "cls":
        return states[:, 0]
    if pooling == "last":
        last = mask.shape[1] - 1 - mask.flip(1).argmax(1)
        return states[torch.arange(len(states)), last]
    weight = mask.unsqueeze(-1).to(states.dtype)
    return (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)


def most_tokens(folder: Path, tokenizer: Any, options: Options) -> int:
    if options.max_tokens is not None:
        return options.max_tokens
    file = folder / "sentence_bert_config.json"
    said = json.loads(file.read_text()).get("max_seq_length") if file.is_file() else None
    return min(int(said or 512), int(tokenizer.model_max_length))


def files_digests(folder: Path) -> list[str]:
    """A digest of every file that vectors depend on."""
    kept = sorted([*folder.glob("*.safetensors"), *folder.glob("*.json"), *folder.glob("1_Pooling/*.json")])
    return [digest(file.name, file.read_bytes()) for file in kept]
