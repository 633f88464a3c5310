"""Make a workspace: a commented afina.toml, a database, a folder for artefacts. Safe on one that is there already."""

import json
from pathlib import Path

from afina import config as configs
from afina.errors import Conflict
from afina.store import meta
from afina.store.db import open_store
from afina.store.durable import write_durably

TEMPLATE = """\
# Settings of this Afina workspace. Every section may be left out: an empty file serves the bundled model.
# After an edit: afina doctor

[workspace]
name = {name}
# engine = "local"                      # what answers where a recipe names no engine

# Models. "local" is there without being written: the bundled model on this machine's processor.
# [engines.local]
# use = "openvino"
#
# [engines.reference]                   # any model in Hugging Face format: a folder here, or a name on the hub
# use = "transformers"
# model = "models/my-model"
#
# [engines.large]                       # any server that speaks OpenAI's API
# use = "openai"
# url = "http://localhost:8001/v1"
# model = "a-large-model"

# Knowledge. "docs" is there without being written; fill it with: afina add PATH
# [collections.docs]
# embedder = "minilm"
# retriever = {{ use = "hybrid" }}

# Ways of answering. A recipe's name is the model name that clients ask for.
[recipes.documents]
gather = [
  {{ use = "prompt", instructions = "Answer from the sources. If they do not say, reply: not in the documents" }},
  {{ use = "knowledge", collection = "docs", top_k = 4 }},
]
# engine = "local"
# adapter = "the name that afina tune was given"
# control = [{{ use = "routed", large = "a-large-model" }}]
# sampling = {{ max_tokens = 256 }}

# [citations]                           # what decides whether a source supports a sentence
# checker = {{ use = "overlap" }}

# [costs]                               # what turns counts into the energy, carbon and money of a study's report
# watts_per_core = 10                   # assumed where no counter of the machine can be read
# grid_g_per_kwh = 481                  # grams of CO2e; the world's mean of 2023
# amortised_over = 10000                # answers that share the cost of tuning and choosing
# cpu_hour_price = 0.04                 # without it only engines with prices cost money
# currency = "EUR"

[serve]
host = "127.0.0.1"
port = 8000
"""


def initialise(path: Path, *, name: str = "") -> Path:
    """A workspace at `path`, made or completed; nothing that exists is overwritten. Returns the folder.

    name: what the workspace is called; the folder's name without one.

    Raises:
        Conflict: `path` is a file.
        ConfigError, StoreError: an afina.toml or afina.db that is there cannot be used.
    """
    if path.exists() and not path.is_dir():
        raise Conflict(f"{path} is a file; a workspace is a folder")
    (path / "artefacts").mkdir(parents=True, exist_ok=True)
    file = path / configs.FILE
    if not file.exists():
        called = json.dumps(name or path.resolve().name, ensure_ascii=False)
        write_durably(file, TEMPLATE.format(name=called).encode())
    configs.load(file)
    store = open_store(path / "afina.db")
    try:
        meta.workspace_id(store)
        meta.signing_key(store)
        if meta.accepted_config(store) is None:
            meta.accept_config(store, meta.config_now(file))
    finally:
        store.close()
    return path
