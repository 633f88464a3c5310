"""Put documents into a collection and take them out again.

One file that cannot be read costs one line, not the rest. A file that is there already, byte for byte, is left alone;
a changed one replaces what was made of it, in one transaction.
"""

import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from afina import config as configs
from afina.domain.document import Document, Parsed, Passage, content_id
from afina.domain.progress import Progress, Tell, silent
from afina.errors import ConfigError, MissingExtra, NotFound, UnreadableDocument
from afina.knowledge.ignoring import files_in, ignored_in
from afina.knowledge.language import language_of
from afina.knowledge.reading import Limits, Reading
from afina.knowledge.split import Options as SplitOptions
from afina.knowledge.split import searched, split
from afina.parts import first_fault
from afina.store import studies
from afina.workspace import INDEXES, Workspace

PASSAGES_AT_ONCE = 256
"""How many are embedded together, over the borders of documents."""
ERASING_S = 5.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read; page from 1, None where the format has none or it is unknown."""

    name: str
    reason: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Ingested:
    """How many files were new, changed, the same; which failed; how many passages were made."""

    added: int
    replaced: int
    unchanged: int
    failed: tuple[Failure, ...]
    passages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Removed:
    """erased: no byte is left in the workspace; False while another process still reads the state before."""

    name: str
    passages: int
    erased: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to take in: its bytes, or where they are."""

    name: str
    size: int
    path: Path | None = None
    data: bytes = b""

    def load(self) -> bytes:
        try:
            return self.data if self.path is None else self.path.read_bytes()
        except OSError as error:
            raise UnreadableDocument(f"it cannot be opened: {error.strerror or error}") from error


def add(
    ws: Workspace,
    path: Path,
    *,
    collection: str = "docs",
    ignore: Sequence[str] = (),
    prefix: str = "",
    limits: Limits | None = None,
    tell: Tell = silent,
) -> Ingested:
    """Take in a file, or every file of a folder that neither its .afinaignore nor `ignore` leaves out.

    A document is called by its path inside the folder, or by its file name, after `prefix` and a slash if there is
    one. A document of the same name in the collection is replaced.

    Raises:
        NotFound: no such path.
        ConfigError: the split or embedder options of the collection are wrong.
    """
    if path.is_dir():
        files = files_in(path, ignored_in(path, ignore))
        sources = [_Source(name, file.stat().st_size, path=file) for file, name in files]
    elif path.is_file():
        sources = [_Source(path.name, path.stat().st_size, path=path)]
    else:
        raise NotFound(f"there is no file or folder {path}")
    if prefix:
        sources = [replace(source, name=f"{prefix.strip('/')}/{source.name}") for source in sources]
    return _taken_in(ws, sources, collection, limits=limits, tell=tell)


def add_bytes(
    ws: Workspace,
    data: bytes,
    name: str,
    *,
    collection: str = "docs",
    limits: Limits | None = None,
    tell: Tell = silent,
) -> Ingested:
    """Take in one document that is no file; the suffix of its name says by which reader."""
    return _taken_in(ws, [_Source(name, len(data), data=data)], collection, limits=limits, tell=tell)


def remove(ws: Workspace, name: str, *, collection: str = "docs") -> Removed:
    """Take a document out, with all that was made of it: passages, vectors, indexes, examples of its group, and what
    studies hold of its words.

    Raises:
        NotFound: no such document; names the nearest.
    """
    document = ws.passages.document(ws.scope, collection, name)
    texts = [passage.text for passage in ws.passages.passages_of(ws.scope, collection, document.id)]
    with ws.store.writing():
        studies.erase_document(ws.store, ws.scope, name, texts)
        passages = ws.passages.remove(ws.scope, collection, name)
    shutil.rmtree(ws.root / INDEXES, ignore_errors=True)
    return Removed(name, passages, erased=_erased(ws))


def _erased(ws: Workspace) -> bool:
    """Empty the write-ahead log, in which the old pages stand; readers of another process can delay that."""
    log = ws.store.path.with_name(ws.store.path.name + "-wal")
    until = time.monotonic() + ERASING_S
    while True:
        ws.store.checkpoint()
        if not log.exists() or log.stat().st_size == 0:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


def _taken_in(
    ws: Workspace, sources: Sequence[_Source], collection: str, *, limits: Limits | None, tell: Tell
) -> Ingested:
    started = time.monotonic()
    intake = _Intake(ws, collection, split_options(ws, collection))
    total = sum(source.size for source in sources)
    done = 0
    with Reading(limits) as reading:
        for number, source in enumerate(sources, start=1):
            try:
                intake.take(source, reading)
            except (UnreadableDocument, MissingExtra) as error:
                failure = _failure(written(source.name), error)
                intake.failed.append(failure)
                tell(Progress("adding", note=f"{failure.name}: {error}"))
            done += source.size
            left = _left(started, done, total)
            tell(Progress("adding", done=number, total=len(sources), unit="files", left_s=left))
    intake.flush()
    return intake.result(time.monotonic() - started)


def split_options(ws: Workspace, collection: str) -> SplitOptions:
    """How a collection's documents are split, as afina.toml says. Raises ConfigError."""
    try:
        return SplitOptions.model_validate(ws.config.collection(collection).split)
    except ValidationError as invalid:
        fault = first_fault(invalid, list(SplitOptions.model_fields))
        raise ConfigError(f"{configs.FILE}, [collections.{collection}], split: {fault}") from invalid


def _left(started: float, done: int, total: int) -> float | None:
    return (time.monotonic() - started) * (total - done) / done if done else None


def written(name: str) -> str:
    """A name as it can be shown: bytes that are not UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _failure(name: str, error: UnreadableDocument | MissingExtra) -> Failure:
    page = error.page if isinstance(error, UnreadableDocument) else None
    return Failure(name, str(error).removeprefix(f"page {page}: "), page)


@dataclass
class _Intake:
    """Documents on their way into the store; embedded many passages at a time, stored one document a transaction."""

    ws: Workspace
    collection: str
    options: SplitOptions
    failed: list[Failure] = field(default_factory=list)
    _waiting: list[tuple[Document, list[Passage]]] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=lambda: {"added": 0, "replaced": 0, "unchanged": 0, "passages": 0})

    def __post_init__(self) -> None:
        self._embedder = self.ws.embedder(self.collection)
        self._known = self.ws.passages.stored(self.ws.scope, self.collection, embedder=self._embedder.digest)

    def take(self, source: _Source, reading: Reading) -> None:
        """Raises UnreadableDocument, MissingExtra."""
        if source.name != written(source.name):
            raise UnreadableDocument("its name is not UTF-8; rename it")
        data = source.load()
        sha = hashlib.sha256(data).hexdigest()
        known = self._known.get(source.name)
        if known is not None and known.sha256 == sha:
            self._counts["unchanged"] += 1
            if not known.embedded:
                self._embed_again(known.id)
            return
        document = document_of(reading.read(data, source.name), source.name, data=data, sha256=sha)
        passages = split(document, count=self._embedder.count, options=self.options)
        if not passages:
            raise UnreadableDocument("there is no text in it")
        self._waiting.append((document, passages))
        if sum(len(waiting) for _, waiting in self._waiting) >= PASSAGES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Embed and store what waits."""
        waiting, self._waiting = self._waiting, []
        texts = [searched(passage) for _, passages in waiting for passage in passages]
        vectors = self._embedder.embed(texts) if texts else None
        start = 0
        for document, passages in waiting:
            assert vectors is not None
            replaced = self.ws.passages.replace(
                self.ws.scope,
                self.collection,
                document,
                passages,
                embedder=self._embedder.digest,
                vectors=vectors[start : start + len(passages)],
            )
            start += len(passages)
            self._counts["replaced" if replaced else "added"] += 1
            self._counts["passages"] += len(passages)

    def _embed_again(self, document_id: str) -> None:
        """Vectors of the present embedder for a document that was stored with another one."""
        passages = self.ws.passages.passages_of(self.ws.scope, self.collection, document_id)
        for part in _parts(passages):
            self.ws.passages.add_vectors(
                self.ws.scope,
                self.collection,
                part,
                embedder=self._embedder.digest,
                vectors=self._embedder.embed([searched(p) for p in part]),
            )

    def result(self, seconds: float) -> Ingested:
        return Ingested(failed=tuple(self.failed), seconds=seconds, **self._counts)


def _parts(passages: Sequence[Passage]) -> Iterator[Sequence[Passage]]:
    for start in range(0, len(passages), PASSAGES_AT_ONCE):
        yield passages[start : start + PASSAGES_AT_ONCE]


def document_of(parsed: Parsed, name: str, *, data: bytes, sha256: str) -> Document:
    """A document of what a reader made of a file. Its language is told by its words, else by what the file says."""
    attributes = {key: value for key, value in parsed.attributes.items() if key != "lang"}
    return Document(
        id=content_id("doc", name, data),
        name=name,
        title=parsed.title,
        text=parsed.text,
        sha256=sha256,
        lang=language_of(parsed.text, unsure=parsed.attributes.get("lang", "")),
        pages=parsed.pages,
        headings=parsed.headings,
        attributes=attributes,
    )
