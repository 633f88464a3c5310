"""The documentation of the installed Python standard library, one Markdown document a module.

Python files are read by `ast` and never imported; what is written in C is imported and inspected in a child process.
What is documented follows the running Python, so the text differs a little from version to version.
"""

import ast
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from afina.demo import inspected
from afina.domain.example import part_of

SHARES = {"tune": 0.5, "held_out": 0.5}
"""Which modules are learnt from and which are only asked about; by hash of the name, fixed."""

UNWANTED = """
__future__ antigravity idlelib lib2to3 test this turtle turtledemo tkinter distutils encodings ensurepip
pydoc_data venv site sitecustomize usercustomize nturl2path sre_compile sre_constants sre_parse ctypes curses
posix nt ntpath winreg winsound msvcrt opcode symtable aifc asynchat asyncore audioop cgi cgitb chunk crypt
imghdr imp mailcap msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
"""
"""Windows and games, internals, what only one platform has, and what 3.12 or 3.13 removed."""

MAX_DOC_CHARS = 2_400
"""A longer docstring is cut at the end of a paragraph."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One documented name: 'json.dumps', '(obj, *, ...)' (empty if unknown), its docstring."""

    name: str
    signature: str
    doc: str


def modules() -> list[str]:
    """Public top-level modules of this Python that have documentation, in order."""
    names = sorted(n for n in sys.stdlib_module_names if not n.startswith("_") and n not in UNWANTED.split())
    return [n for n in names if n in sys.builtin_module_names or PathFinder.find_spec(n) is not None]


def part(module: str) -> str:
    """'tune' or 'held_out': the same on every machine."""
    return part_of(module, SHARES)


def documents() -> Iterator[tuple[str, str]]:
    """(module, Markdown), in the order of names; modules without a single docstring are left out."""
    parsed = {name: _parse(name) for name in modules()}
    native = _inspect({shown: reals for _, wanted in parsed.values() for shown, reals in wanted.items()})
    for name, (entries, wanted) in parsed.items():
        seen = {e.name: e for e in entries}
        seen |= {e.name: e for shown in wanted for e in native[shown] if e.doc or e.name not in seen}
        if any(e.doc for e in seen.values()):
            yield name, markdown(name, list(seen.values()))


def markdown(module: str, entries: Sequence[Entry]) -> str:
    """'# json', its docstring, then '## json.dumps(...)' and its docstring for every documented name."""
    parts = [f"# {module}"]
    for entry in entries:
        if not entry.doc:
            continue
        heading = "" if entry.name == module else f"## {entry.name}{entry.signature}\n\n"
        parts.append(heading + tidy(entry.doc))
    return "\n\n".join(parts) + "\n"


def tidy(doc: str) -> str:
    """A docstring that is safe inside Markdown: no line of it is taken for a heading, and it is not endless."""
    lines = [line.rstrip() for line in doc.expandtabs().splitlines()]
    words = [line for line in lines if not re.fullmatch(r"[-=~*^]{3,}", line)]
    kept = ["    " + line if re.match(r" {0,3}#", line) else line for line in words]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")
    if len(text) <= MAX_DOC_CHARS:
        return text
    cut = text.rfind("\n\n", 0, MAX_DOC_CHARS)
    return text[: cut if cut > 0 else MAX_DOC_CHARS]


# --- Python sources, by ast -------------------------------------------------------------------------

Wanted = dict[str, dict[str, list[str]]]
"""Name by which users know a module -> real module -> names to inspect ([]: all public ones)."""


def _parse(module: str) -> tuple[list[Entry], Wanted]:
    """Entries of a module and its public submodules, and what of them must be inspected."""
    files = list(_sources(module))
    if not files:
        return [], {module: {module: []}}
    shown = _shown(module, ast.parse(files[0][1].read_bytes()))
    entries: list[Entry] = []
    wanted: Wanted = {}
    for name, path in files:
        lifted, private = shown.get(name, frozenset()), name.rpartition(".")[2].startswith("_")
        if private and not lifted:
            continue
        tree = ast.parse(path.read_bytes(), filename=str(path))
        public = _public(tree) if "*" in lifted or not private else lifted
        entries += [] if private else [Entry(name, "", _doc(tree))]
        for node in _top_level(tree):
            if isinstance(node, ast.ImportFrom):
                _add(wanted, module if "*" in lifted else name, _from_c(node, public))
            elif _shows(node.name, public):
                entries += _entries(node, module if lifted & {"*", node.name} else name)
    return entries, wanted


def _shows(name: str, public: frozenset[str] | None) -> bool:
    return (not name.startswith("_") and (public is None or name in public)) or name == "__import__"


def _shown(package: str, tree: ast.Module) -> dict[str, frozenset[str]]:
    """What a package lifts out of its submodules: 'json.decoder' -> {'JSONDecoder'}; '*' is everything."""
    found: dict[str, frozenset[str]] = {}
    for node in _top_level(tree):
        if isinstance(node, ast.ImportFrom):
            source = f"{package}.{node.module}" if node.level == 1 else node.module or ""
            found[source] = found.get(source, frozenset()) | {a.name for a in node.names}
    return found


def _add(wanted: Wanted, shown: str, more: dict[str, list[str]]) -> None:
    for real, names in more.items():
        known = wanted.setdefault(shown, {}).get(real)
        wanted[shown][real] = names if known is None else known + names if known and names else []


def _sources(module: str) -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of a module and its submodules, tests left out; nothing is imported."""
    spec = PathFinder.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return
    yield module, Path(spec.origin)
    for folder in spec.submodule_search_locations or ():
        yield from _submodules(module, Path(folder))


def _submodules(package: str, folder: Path) -> Iterator[tuple[str, Path]]:
    for found in sorted(pkgutil.iter_modules([str(folder)]), key=lambda m: m.name):
        path = folder / found.name / "__init__.py" if found.ispkg else folder / f"{found.name}.py"
        if found.name.startswith("__") or found.name in ("test", "tests") or not path.exists():
            continue
        yield f"{package}.{found.name}", path
        if found.ispkg and not found.name.startswith("_"):
            yield from _submodules(f"{package}.{found.name}", path.parent)


def _top_level(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ImportFrom]:
    """Definitions and from-imports of a module, also those inside `if` and `try`."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If | ast.Try):
            waiting[:0] = [*node.body, *node.orelse]


def _public(tree: ast.Module) -> frozenset[str] | None:
    """The names of a literal __all__; None if there is none that can be read."""
    names: set[str] = set()
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AugAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            continue
        if not isinstance(node.value, ast.List | ast.Tuple):
            return None
        names |= {str(e.value) for e in node.value.elts if isinstance(e, ast.Constant)}
    return frozenset(names) or None


def _from_c(node: ast.ImportFrom, public: frozenset[str] | None) -> dict[str, list[str]]:
    """'from _struct import *' -> {'_struct': []}: what this module shows of a private one."""
    source = node.module or ""
    if node.level or source not in sys.stdlib_module_names or not (source.startswith("_") or source == "posix"):
        return {}
    names = [a.name for a in node.names if a.asname is None]
    if "*" in names:
        return {source: []}
    shown = [n for n in names if not n.startswith("_") and (public is None or n in public)]
    return {source: shown} if shown else {}


def _entries(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, module: str) -> list[Entry]:
    """A function, or a class with its documented public methods."""
    name = f"{module}.{node.name}"
    if not isinstance(node, ast.ClassDef):
        return [Entry(name, _signature(node), _doc(node))]
    methods = [m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)]
    made = next((m for m in methods if m.name == "__init__"), None)
    doc = "\n\n".join(d for d in (_doc(node), _doc(made) if made else "") if d)
    members = [m for m in methods if not m.name.startswith("_")]
    own = Entry(name, _signature(made, bound=True) if made else "", doc)
    return [own, *(Entry(f"{name}.{m.name}", _signature(m, bound=True), _doc(m)) for m in members)]


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, *, bound: bool = False) -> str:
    """'(obj, *, indent=None)'; a property has none; a bound one leaves out `self`."""
    marks = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
    if "property" in marks:
        return ""
    shown = f"({ast.unparse(node.args)})"
    return re.sub(r"^\((self|cls)(, /)?(, )?", "(", shown) if bound and "staticmethod" not in marks else shown


def _doc(node: ast.AST) -> str:
    return ast.get_docstring(node) or ""  # type: ignore[arg-type]


# --- what is written in C, in a child ---------------------------------------------------------------


def _inspect(wanted: Wanted) -> dict[str, list[Entry]]:
    """Entries of modules without a Python source, by the module that shows them. One child, once."""
    child = [sys.executable, "-I", "-W", "ignore", inspect.getfile(inspected)]
    done = subprocess.run(child, input=json.dumps(wanted), capture_output=True, text=True, timeout=120, check=True)
    return {name: [Entry(*entry) for entry in entries] for name, entries in json.loads(done.stdout).items()}
