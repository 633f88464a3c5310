"""Passages a second of the bundled encoder against sentence-transformers, on the same weights and texts.

    python benchmarks/embedding.py        # needs AFINA_DATA and: pip install sentence-transformers

Two peers: its quick start (`SentenceTransformer(folder).encode(texts)`: float32 torch, batches of 32 sorted by length),
and what a competent user would set (bfloat16 weights, batches of 64). Rounds are interleaved, the first is dropped,
medians count. Texts are short: the questions of a Spanish reading set (about 22 tokens) and of SciFact.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from afina.knowledge.embedders import minilm
from retrieval import rows

ROUNDS = 7
BUSY, SPREAD = 0.3, 0.10
TARGET, LEAST_COSINE = 2.5, 0.999
Encode = Callable[[Sequence[str]], NDArray[np.float32]]
Speeds = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("AFINA_DATA"))
    parser.add_argument("--texts", type=int, default=600)
    given = parser.parse_args()
    if given.data is None:
        sys.exit("set AFINA_DATA, or give --data: the folder that holds squad_es_retrieval and beir_scifact")
    texts = texts_of(Path(given.data), given.texts)
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    folder = str(minilm.package_folder())
    quick = SentenceTransformer(folder, device="cpu")
    tuned = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.bfloat16})
    ours = minilm.build(minilm.Options(), Path())
    ways: dict[str, Encode] = {
        "afina": ours.embed,
        "sentence-transformers, quick start": lambda some: quick.encode(list(some), show_progress_bar=False),
        "sentence-transformers, bfloat16, 64": lambda some: tuned.encode(
            list(some), batch_size=64, convert_to_numpy=False, convert_to_tensor=True, show_progress_bar=False
        ).float().numpy(),
    }  # fmt: skip
    walls, works = measured(ways, texts)
    report(walls, works, busy=busy)
    wanted = quick.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    cosines = (ours.embed(texts) * wanted).sum(1)
    print(f"cosine to the quick start: least {cosines.min():.5f}, mean {cosines.mean():.5f} (wanted {LEAST_COSINE})")


def texts_of(data: Path, count: int) -> list[str]:
    spanish = [row["text"] for row in rows(data / "squad_es_retrieval" / "queries.jsonl")]
    english = [row["text"] for row in rows(data / "beir_scifact" / "queries.jsonl")]
    return [*spanish[: count // 2], *english[: count - count // 2]]


def measured(ways: dict[str, Encode], texts: Sequence[str]) -> tuple[Speeds, Speeds]:
    """Texts a second, and a second of processor time (all threads), a way and round, but the first."""
    walls: Speeds = {name: [] for name in ways}
    works: Speeds = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, encode in ways.items():
            started, before = time.perf_counter(), time.process_time()
            encode(texts)
            walls[name].append(len(texts) / (time.perf_counter() - started))
            works[name].append(len(texts) / (time.process_time() - before))
    return {name: each[1:] for name, each in walls.items()}, {name: each[1:] for name, each in works.items()}


def report(walls: Speeds, works: Speeds, *, busy: float) -> None:
    medians = {name: statistics.median(each) for name, each in walls.items()}
    ours = medians["afina"]
    work = statistics.median(works["afina"])
    spreads = {name: spread(each) for name, each in walls.items()}
    for name, median in medians.items():
        print(
            f"{name:38} {median:7.0f} texts/s  spread {spreads[name]:4.0%}  afina: {ours / median:.2f} times as fast, "
            f"by processor time {work / statistics.median(works[name]):.2f}"
        )
    ratio = ours / medians["sentence-transformers, quick start"]
    if busy > BUSY or max(spreads.values()) > SPREAD:
        widest = max(spreads.values())
        print(f"no verdict: load {busy:.2f} per core (at most {BUSY}), spread {widest:.0%} (at most {SPREAD:.0%})")
        return
    print(f"{'reached' if ratio >= TARGET else 'missed'}: {ratio:.2f} times the quick start (wanted {TARGET})")


def spread(speeds: Sequence[float]) -> float:
    """Half the distance between the quartiles, as a share of the median."""
    low, middle, high = statistics.quantiles(speeds, n=4)
    return (high - low) / 2 / middle


if __name__ == "__main__":
    main()
