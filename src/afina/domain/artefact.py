"""Things on disk that are named by what is in them, and the recipes that put them to use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from afina.domain.document import digest

Kind = Literal["base", "serving", "adapter", "head", "embedder", "report"]


@dataclass(frozen=True, slots=True)
class Artefact:
    """A folder artefacts/<kind>/<digest>/; the digest is over the sorted (path, sha256) of its files.

    base: the files that tuning and the reference read (weights, tokenizer, config); its digest is what adapters
    name. serving: files made from a base for one engine (meta: base, engine). adapter: PEFT format (meta: base,
    method, data). head: a classifier on an embedder's vectors (meta: embedder, labels, rows).

    files: relative path -> sha256 of its bytes.
    meta: what it was made from and how (base, method, data, parent digests); kept in the store.
    """

    kind: Kind
    digest: str
    files: Mapping[str, str]
    meta: Mapping[str, Any] = field(default_factory=dict)


def artefact_digest(files: Mapping[str, str]) -> str:
    return digest(*(part for name in sorted(files) for part in (name, files[name])))


@dataclass(frozen=True, slots=True)
class Stage:
    """One mechanism with its options: {'use': 'knowledge', 'top_k': 4}."""

    use: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return digest(self.use, json.dumps(self.options, sort_keys=True, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way of answering, as data.

    engine: name of an engine of afina.toml; adapter: name or digest of an adapter, None is the bare base.
    gather: stages that run before the model, in order. control: stages around it, innermost first.
    """

    name: str
    engine: str
    adapter: str | None = None
    gather: tuple[Stage, ...] = ()
    control: tuple[Stage, ...] = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Over everything but the name: two names of one recipe share it."""
        stages = [s.digest for s in (*self.gather, *self.control)]
        rest = json.dumps(self.sampling, sort_keys=True)
        return digest(self.engine, self.adapter or "", str(len(self.gather)), *stages, rest)
