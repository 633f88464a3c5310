"""Search quality on judged collections, and speed and memory at size.

    python benchmarks/retrieval.py                 # nDCG@10 of words, meaning and both; needs AFINA_DATA
    python benchmarks/retrieval.py --scale 100000  # p95 of a query and memory, over passages made of real sentences

Quality goes the way of a user's documents: split (here at 512 tokens, so that most abstracts stay whole), stored,
indexed, searched; the rank of a document is that of its best passage. Questions are read only after the weight was
chosen. The peers are plain libraries, measured once over whole documents: a BM25 library with a stemmer, and
sentence-transformers' all-MiniLM-L6-v2.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.actions.ingest import document_of
from afina.domain.ask import Scope
from afina.domain.document import Document, Found, Parsed, Passage, digest
from afina.knowledge.embedders import minilm
from afina.knowledge.retrievers import hybrid
from afina.knowledge.split import Options as SplitOptions
from afina.knowledge.split import searched, split
from afina.store.collections import Collections
from afina.store.db import open_store

PEERS = {
    "beir_scifact": {"bm25": 0.679, "dense": 0.648, "best convex": 0.737},
    "squad_es_retrieval": {"bm25": 0.806, "dense": 0.384, "best convex": 0.808},
    "cacm": {"bm25": 0.498, "dense": float("nan"), "best convex": 0.566},
}
TOP = 10
QUERIES = 300
SENTENCES_A_PASSAGE = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("AFINA_DATA"), help="folder of the collections")
    parser.add_argument("--sets", nargs="*", default=list(PEERS))
    parser.add_argument("--tokens", type=int, default=512, help="budget of a passage")
    parser.add_argument("--weights", type=float, nargs="*", default=[], help="measure these fixed weights too")
    parser.add_argument("--questions", type=int, help="ask only so many of each set")
    parser.add_argument("--cache", type=Path, help="keep vectors here between runs")
    parser.add_argument("--scale", type=int, help="measure speed over so many passages instead")
    parser.add_argument("--query", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data is None:
        sys.exit("set AFINA_DATA, or give --data: the folder that holds beir_scifact, squad_es_retrieval and cacm")
    if given.query:
        answer_queries(given.query, Path(given.data))
    elif given.scale:
        scale(Path(given.data), given.scale)
    else:
        for name in given.sets:
            quality(Path(given.data) / name, given)


# --- quality ---


def quality(folder: Path, given: argparse.Namespace) -> None:
    embedder = minilm.build(minilm.Options(), Path())
    with tempfile.TemporaryDirectory() as place:
        collections = Collections(open_store(Path(place) / "afina.db"))
        started = time.perf_counter()
        passages = 0
        for document in documents(folder):
            made = split(document, count=embedder.count, options=SplitOptions(tokens=given.tokens))
            vectors = cached([searched(p) for p in made], embedder, given.cache)
            collections.replace(Scope(), "docs", document, made, embedder=embedder.digest, vectors=vectors)
            passages += len(made)
        print(f"\n{folder.name}: {passages} passages, stored in {time.perf_counter() - started:.0f} s", flush=True)
        ways: dict[str, dict[str, Any]] = {
            "bm25": {"fusion": "lexical"}, "dense": {"fusion": "dense"}, "reciprocal": {"fusion": "reciprocal"},
            "convex, chosen": {}, **{f"convex, {w:.2f}": {"weight": w} for w in given.weights},
        }  # fmt: skip
        questions, judged = questions_of(folder)
        for way, options in ways.items():
            retriever = hybrid.build(
                hybrid.Options.model_validate(options), passages=collections, embedder=embedder, folder=Path(place)
            )
            chosen = f"  weight of the words {retriever.weight(Scope())}" if way == "convex, chosen" else ""
            gains = [
                ndcg(retriever.search(Scope(), text, top_k=4 * TOP), judged[id])
                for id, text in list(questions.items())[: given.questions]
            ]
            print(f"  {way:15} nDCG@10 {np.mean(gains):.4f}{chosen}", flush=True)
    print("  plain libraries: " + ", ".join(f"{what} {value:.3f}" for what, value in PEERS[folder.name].items()))


def documents(folder: Path) -> Iterator[Document]:
    for row in rows(folder / "corpus.jsonl"):
        data = json.dumps(row).encode()
        text = row["text"] or row["title"]
        title = row["title"] if row["text"] else ""
        yield document_of(Parsed(text, title=title), row["id"], data=data, sha256=digest(data))


def questions_of(folder: Path) -> tuple[dict[str, str], Mapping[str, Mapping[str, int]]]:
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows(folder / "qrels.jsonl"):
        if row["split"] == "test":
            judged[row["query_id"]][row["doc_id"]] = row["relevance"]
    return {r["id"]: r["text"] for r in rows(folder / "queries.jsonl") if r["id"] in judged}, judged


def ndcg(found: Sequence[Found], judged: Mapping[str, int]) -> float:
    """nDCG@10 over documents, each at the rank of its best passage."""
    ranked = list(dict.fromkeys(f.passage.document for f in found))[:TOP]
    gain = sum(judged.get(name, 0) / np.log2(rank + 2) for rank, name in enumerate(ranked))
    ideal = sorted(judged.values(), reverse=True)[:TOP]
    return float(gain / sum(value / np.log2(rank + 2) for rank, value in enumerate(ideal)))


def cached(texts: Sequence[str], embedder: minilm.MiniLM, cache: Path | None) -> NDArray[np.float32]:
    if cache is None:
        return embedder.embed(texts)
    file = cache / f"{digest(embedder.digest, *texts)}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, embedder.embed(texts))
    vectors: NDArray[np.float32] = np.load(file)
    return vectors


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file)


# --- speed and memory ---


def scale(data: Path, count: int) -> None:
    """Store `count` passages here; index and answer in fresh processes, so that their memory is that of serving."""
    print(f"load at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as place:
        collections = Collections(open_store(Path(place) / "afina.db"))
        embedder = minilm.build(minilm.Options(), Path())
        started = time.perf_counter()
        made_up(data, count, collections, embedder)
        print(f"stored {count:,} passages in {time.perf_counter() - started:.0f} s", flush=True)
        for what in ("build the index", "open the index"):
            command = [sys.executable, __file__, "--data", str(data), "--query", place]
            print(f"{what}: " + subprocess.run(command, check=True, capture_output=True, text=True).stdout, flush=True)


def made_up(data: Path, count: int, collections: Collections, embedder: minilm.MiniLM) -> None:
    """Passages of real sentences in new orders; vectors near those of real texts, since embedding takes too long."""
    random = np.random.default_rng(0)
    texts = [row["text"] for row in rows(data / "beir_scifact" / "corpus.jsonl")]
    sentences = [s for text in texts for s in text.split(". ") if 20 < len(s) < 400]
    seeds = embedder.embed(texts[:500])
    at_once = 100
    for number in range(count // at_once):
        picked = random.integers(0, len(sentences), (at_once, SENTENCES_A_PASSAGE))
        bodies = [". ".join(sentences[i] for i in row) for row in picked]
        text = Parsed("\n\n".join(bodies))
        document = document_of(text, f"{number}.txt", data=str(number).encode(), sha256=str(number))
        passages, start = [], 0
        for n, body in enumerate(bodies):
            end = start + len(body)
            passages.append(Passage(f"psg-{number:08}{n:016}", document.id, document.name, body, start, end, lang="en"))
            start = end + 2
        noisy = seeds[random.integers(0, len(seeds), at_once)] + random.normal(0, 0.03, (at_once, embedder.dim))
        vectors = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
        collections.replace(Scope(), "docs", document, passages, embedder=embedder.digest, vectors=vectors)


def answer_queries(place: Path, data: Path) -> None:
    """Seconds of the first search and of the others (the query's embedding counted), and the most memory used."""
    collections = Collections(open_store(place / "afina.db"))
    embedder = minilm.build(minilm.Options(), Path())
    retriever = hybrid.build(hybrid.Options(), passages=collections, embedder=embedder, folder=place / "index")
    texts = [row["text"] for row in rows(data / "beir_scifact" / "queries.jsonl")][:QUERIES]
    seconds, worked = [], []
    for text in texts:
        started, before = time.perf_counter(), time.process_time()
        retriever.search(Scope(), text, top_k=TOP)
        seconds.append(time.perf_counter() - started)
        worked.append(time.process_time() - before)
    later, busy = np.array(seconds[1:]) * 1000, np.array(worked[1:]) * 1000
    print(
        f"first search {seconds[0]:.1f} s, then median {np.median(later):.1f} ms, "
        f"p95 {np.percentile(later, 95):.1f} ms (of processor time, all threads: {np.median(busy):.1f} and "
        f"{np.percentile(busy, 95):.1f}); at most {peak_bytes() / 1e6:.0f} MB; {retriever.weight(Scope())}"
    )


def peak_bytes() -> int:
    """The most memory this process has held, files mapped into it counted."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
