"""A working workspace from a template: its sample files, its documents added, its examples kept as sets.

A template is a folder of `afina/templates` with a folder for each language: cases.jsonl and examples.jsonl, and
documents/ where questions are about documents. Nothing else says what it is; another folder is another template.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from afina import config as configs
from afina.actions.ingest import Ingested, add
from afina.actions.initialise import initialise
from afina.domain.abstention import ANSWER_FORM
from afina.domain.example import Example
from afina.domain.message import Message
from afina.domain.progress import Tell, silent
from afina.errors import Conflict, NotFound, nearest
from afina.evaluation.cases import load_cases
from afina.store.durable import write_durably
from afina.tuning.data import load_examples
from afina.workspace import DOCS, Workspace

BOTH = "both"
"""In place of a language: every one that the template has."""

CASES, EXAMPLES, DOCUMENTS = "cases.jsonl", "examples.jsonl", "documents"
TOKENS = 64
"""The longest answer of a recipe: a phrase or a label, as in a study."""

LABEL_FORM = {
    "en": "Answer with exactly one of these labels, nothing else: {labels}",
    "es": "Responde con una sola de estas etiquetas, nada más: {labels}",
}

HEAD = """\
# Made by: {command}
# Every section may be left out. After an edit: afina doctor

[workspace]
name = {name}
# engine = "local"                      # what answers: "local" is the bundled model; others are named like this:
# [engines.large]
# use = "openai"
# url = "http://localhost:8001/v1"
# model = "a-large-model"

# Ways of answering. A recipe's name is the model name that clients ask for. These are where to start from; what
# `afina compare` recommends on your own cases is where to end.
"""
RECIPE = """
[recipes.{name}]
gather = [
  {{ use = "prompt", instructions = {instructions} }},
  {knowledge}{{ use = "knowledge", collection = "{collection}", top_k = 4 }},
  {examples}{{ use = "examples", set = "{name}", count = 4, choose = "nearest" }},
]
sampling = {{ max_tokens = {tokens} }}
# adapter = "the name that afina tune was given"
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A language of a template as it lies in the workspace.

    cases: path of the held-out cases, from the workspace. asked: the first of them. examples: name of the set, and of
    the recipe. labels: what the cases are sorted into; empty where they are questions. added: None without documents.
    """

    lang: str
    cases: str
    case_rows: int
    asked: str
    examples: str
    example_rows: int
    labels: tuple[str, ...]
    collection: str
    added: Ingested | None


def templates() -> list[str]:
    """Names of the templates that this Afina brings."""
    return sorted(folder.name for folder in _folders(_root()) if _languages(folder))


def languages(template: str, lang: str) -> tuple[str, ...]:
    """The languages that `lang` stands for; English first.

    Raises:
        NotFound: no such template, or it has no such language; names the nearest.
    """
    if template not in templates():
        raise NotFound(f'no template is called "{template}"{nearest(template, templates())}')
    there = _languages(_root() / template)
    if lang != BOTH and lang not in there:
        raise NotFound(f'template "{template}" has no language "{lang}"{nearest(lang, [*there, BOTH])}')
    return there if lang == BOTH else (lang,)


def lay_out(folder: Path, template: str, langs: Sequence[str]) -> bool:
    """A workspace with the files of a template; what lies there from an earlier try is kept. Whether it is new.

    langs: of `languages`; the first one's README is README.md.

    Raises:
        Conflict: the folder is a file, or holds something else than this template in these languages.
    """
    command = f"afina new {template} --lang {langs[0] if len(langs) == 1 else BOTH}"
    new = _is_free(folder, command)
    source = _root() / template
    folder.mkdir(parents=True, exist_ok=True)
    if new:
        write_durably(folder / configs.FILE, _settings(source, langs, command, name=folder.resolve().name).encode())
    for place, lang in enumerate(langs):
        _copy(source / lang, folder / "data" / lang)
        _copy(source / f"README.{lang}.md", folder / ("README.md" if place == 0 else f"README.{lang}.md"))
    initialise(folder)
    return new


def fill(ws: Workspace, template: str, langs: Sequence[str], *, tell: Tell = silent) -> list[Part]:
    """Take the files of a workspace that was laid out into it: documents into collections, examples into sets.

    A second time it takes in what was changed since.

    Raises:
        NotFound, InvalidRow, InvalidRows, EmptyExamples: a data file was removed or damaged.
    """
    return [_taken_in(ws, _name(template, lang), lang, _collection(langs, lang), tell=tell) for lang in langs]


def _taken_in(ws: Workspace, name: str, lang: str, collection: str, *, tell: Tell) -> Part:
    data = Path("data") / lang
    cases = load_cases(ws.root / data / CASES)
    labels = labels_in(ws.root / data / CASES)
    examples = _examples(ws.root / data / EXAMPLES, labelled=bool(labels))
    ws.demonstrations.put(ws.scope, name, examples)
    documents = ws.root / data / DOCUMENTS
    added = add(ws, documents, collection=collection, tell=tell) if documents.is_dir() else None
    return Part(
        lang, (data / CASES).as_posix(), len(cases), cases[0].question, name, len(examples), labels,
        collection, added,
    )  # fmt: skip


def labels_in(cases: Traversable) -> tuple[str, ...]:
    """The labels that rows of a file have, in order of the alphabet; empty where rows are questions.

    The file was read by `load_cases` or is ours.
    """
    rows = (json.loads(line) for line in cases.read_text(encoding="utf-8").splitlines() if line.strip())
    return tuple(sorted({row["label"] for row in rows if "label" in row}))


def _examples(path: Path, *, labelled: bool) -> list[Example]:
    """Rows of questions are chats; labelled rows have the shape of their cases: the text asks, the label answers."""
    if not labelled:
        return load_examples(path)
    return [
        Example(row.id, (Message("user", row.question), Message("assistant", row.answers[0])), row.group or row.id)
        for row in load_cases(path)
    ]


def _settings(source: Traversable, langs: Sequence[str], command: str, *, name: str) -> str:
    recipes = [_recipe(source / lang, _name(source.name, lang), lang, _collection(langs, lang)) for lang in langs]
    return HEAD.format(command=command, name=json.dumps(name, ensure_ascii=False)) + "".join(recipes)


def _recipe(source: Traversable, name: str, lang: str, collection: str) -> str:
    """With documents: passages of them; without: the examples most like what is asked. The other one is commented."""
    knows = (source / DOCUMENTS).is_dir()
    labels = labels_in(source / CASES)
    form = LABEL_FORM[lang].format(labels=", ".join(labels)) if labels else ANSWER_FORM[lang]
    return RECIPE.format(
        name=name, collection=collection, tokens=TOKENS, instructions=json.dumps(form, ensure_ascii=False),
        knowledge="" if knows else "# ", examples="# " if knows else "",
    )  # fmt: skip


def _is_free(folder: Path, command: str) -> bool:
    """True: nothing is there; False: what the same command made. Raises Conflict for anything else."""
    if folder.exists() and not folder.is_dir():
        raise Conflict(f"{folder} is a file; a workspace is a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return True
    file = folder / configs.FILE
    first = file.read_text(encoding="utf-8", errors="replace").partition("\n")[0] if file.is_file() else ""
    if first == HEAD.partition("\n")[0].format(command=command):
        return False
    made = f" (it was made by: {first.partition(': ')[2]})" if first.startswith("# Made by: ") else ""
    raise Conflict(f"{folder} is not empty{made}; name a folder that is, or that does not exist")


def _copy(source: Traversable, target: Path) -> None:
    """A file, or a folder with all in it; what is there already is left as it is."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for item in source.iterdir():
            _copy(item, target / item.name)
    elif not target.exists():
        write_durably(target, source.read_bytes())


def _root() -> Traversable:
    return files("afina") / "templates"


def _folders(parent: Traversable) -> list[Traversable]:
    return [item for item in parent.iterdir() if item.is_dir()]


def _languages(template: Traversable) -> tuple[str, ...]:
    return tuple(sorted(folder.name for folder in _folders(template) if (folder / CASES).is_file()))


def _collection(langs: Sequence[str], lang: str) -> str:
    return DOCS if lang == langs[0] else f"{DOCS}-{lang}"


def _name(template: str, lang: str) -> str:
    return f"{template}-{lang}"
