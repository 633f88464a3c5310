"""Does tuning teach a small model to read? SQuAD questions about 16 articles it never saw, before and after.

    python benchmarks/reading.py                       the measurement: tune on this machine, then 200 questions
    python benchmarks/reading.py --sweep "lr=1e-3,2e-3;rank=16,32;epochs=1,2" [--device cuda]
                                                       settings tried on other articles, never on the 16

Every arm gets the same instruction on the form of the answer. AFINA_DATA names the folder with squad_v1_dev.
What is done is kept under --out; the same command goes on where it stopped.
"""

import argparse
import importlib
import itertools
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import torch

from afina.contracts import Checkpoint, Step
from afina.domain.document import digest
from afina.domain.example import Example
from afina.tuning.methods import lora
from afina.tuning.methods._model import device_of, dtype_of
from afina.tuning.methods._state import FINISHED, latest
from reading_parts import squad
from reading_parts.measure import Reader, Scores, scores_of
from reading_parts.plain_bm25 import PlainBm25
from reading_parts.searched import Found, by_afina, by_bm25
from reading_parts.squad import Asked, Squad, Text

CHOSEN = "epochs=4"
"""As many passes as 15 minutes on two cores allow; not from a sweep."""

ALIASES = {"lr": "learning_rate", "batch": "batch_rows", "share": "share_rows", "wd": "weight_decay"}


@dataclass(frozen=True, slots=True)
class Material:
    """How tuning rows are made.

    per_passage: the most questions about one passage; they share its reading. distractors: share of rows that show a
    wrong passage too. around: cut the right passage to so many words around the answer; 0 shows all of it.
    """

    rows: int = 1200
    per_passage: int = 4
    distractors: float = 0.0
    around: int = 0


def main() -> None:
    args = parsed()
    data = squad.load(Path(os.environ["AFINA_DATA"]) / "squad_v1_dev", questions=args.questions)
    base = args.base or bundled()
    print(
        f"base {base}; {len(data.texts)} passages; test {len(data.test)}, validation {len(data.validation)} questions"
    )
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, device {args.device}")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.sweep:
        sweep(args, data, base)
    else:
        measure(args, data, base)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, help="a hub-format folder; the bundled model if not given")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sweep", default="", help='"name=value,value;name=value": every combination')
    parser.add_argument("--set", default="", help='settings other than the defaults, "name=value;name=value"')
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--top-k", type=int, default=1, help="passages shown when they are searched for")
    parser.add_argument("--retriever", choices=["afina", "bm25"], default="afina", help="finds them, but in a sweep")
    parser.add_argument("--minutes", type=float, default=15.0, help="limit of tuning; 0 is none")
    parser.add_argument("--found", action="store_true", help="in a sweep: measure with the found passage too")
    parser.add_argument("--out", type=Path, default=Path(".make/reading"))
    return parser.parse_args()


def bundled() -> Path:
    """The bundled base, materialised once in the user's cache."""
    module = importlib.import_module("afina.engines.bases.bundled")
    cache = Path(os.environ.get("AFINA_CACHE", Path.home() / ".cache" / "afina"))
    base: Path = module.materialise_bundled(cache).base
    return base


# --- settings -------------------------------------------------------------------------------------


def settings_of(text: str) -> dict[str, list[Any]]:
    """'lr=1e-3,2e-3;rank=16' -> values by option name, typed as the options are."""
    kinds = get_type_hints(lora.Options) | get_type_hints(Material)
    known: dict[str, list[Any]] = {}
    for part in filter(None, text.replace(" ", "").split(";")):
        name, _, values = part.partition("=")
        name = ALIASES.get(name, name)
        if name not in kinds:
            raise SystemExit(f'no setting is called "{name}"; there is: {", ".join(kinds)}')
        kind = kinds[name] if kinds[name] in (int, float) else str
        known[name] = [kind(value) for value in values.split(",")]
    return known


def combined(settings: dict[str, Any], args: argparse.Namespace, *, minutes: float) -> tuple[lora.Options, Material]:
    mine = {field.name for field in fields(Material)}
    options: dict[str, Any] = {"held_out_times": 0, "max_minutes": minutes or None, "device": args.device}
    options |= {name: value for name, value in settings.items() if name not in mine}
    return lora.Options(**options), Material(**{n: v for n, v in settings.items() if n in mine})


# --- material -------------------------------------------------------------------------------------


def tuning_rows(data: Squad, material: Material, pool: Sequence[Asked], seed: int) -> list[Example]:
    chosen = squad.chosen(pool, rows=material.rows, per_passage=material.per_passage)
    dice = random.Random(seed)
    articles = {asked.article for asked in pool}
    texts = [text for text in data.texts.values() if text.id.rpartition("#")[0] in articles]
    search = PlainBm25([text.text for text in texts]) if material.distractors else None
    rows = []
    for asked in chosen:
        right = data.texts[asked.passage]
        shown = [cut(right, asked, material.around) if material.around else right]
        if search is not None and dice.random() < material.distractors:
            near = [texts[place] for place in search.best(asked.question, 4)]
            shown.append(dice.choice([text for text in near if text.id != right.id]))
            dice.shuffle(shown)
        rows.append(squad.example(asked, shown))
    return rows


def cut(text: Text, asked: Asked, words: int) -> Text:
    """The sentences around the first answer, up to about `words` words on either side."""
    place = max(0, text.text.find(asked.taught))
    before, after = text.text[:place].split(" "), text.text[place:].split(" ")
    return Text(text.id, text.title, " ".join([*before[-words:], *after[:words]]).strip())


# --- tuning ---------------------------------------------------------------------------------------


def tuned(base: Path, rows: list[Example], options: lora.Options, out: Path) -> Path:
    """The adapter's folder; finished tunings are not repeated, interrupted ones go on."""
    if (out / "done.json").exists():
        return out / FINISHED
    for told in lora.build(options).fit(base, rows, [], out=out, resume=latest(out)):
        if isinstance(told, Step) and (told.step % 10 == 0 or told.step == told.of):
            left = told.seconds / told.step * (told.of - told.step)
            print(
                f"  step {told.step}/{told.of}  loss {told.loss:.3f}  {told.tokens / told.seconds:.0f} tokens/s  "
                f"{left:.0f} s left",
                flush=True,
            )
        if isinstance(told, Checkpoint) and told.final:
            (out / "done.json").write_text(json.dumps(dict(told.metrics)))
            print("  " + ", ".join(f"{name} {value:.5g}" for name, value in told.metrics.items()))
    return out / FINISHED


def sweep(args: argparse.Namespace, data: Squad, base: Path) -> None:
    """Every combination on the validation articles; best last, with the time each took."""
    asked_for = settings_of(args.set) | settings_of(args.sweep)
    results: list[tuple[float, str]] = []
    for values in itertools.product(*asked_for.values()):
        settings = dict(zip(asked_for, values, strict=True))
        options, material = combined(settings, args, minutes=0)
        place = args.out / f"sweep-{digest(str(options), str(material), str(args.questions))[:12]}"
        start = time.perf_counter()
        line = one_setting(args, data, base, (options, material, place))
        varied = " ".join(f"{name}={value}" for name, value in settings.items())
        print(f"{line['f1']:6.2f} F1  {line}  {varied}  {time.perf_counter() - start:.0f} s", flush=True)
        results.append((line["f1"], varied))
    print("\nF1 on validation, best last")
    for score, varied in sorted(results):
        print(f"{score:6.2f}  {varied}")


def one_setting(
    args: argparse.Namespace, data: Squad, base: Path, setting: tuple[lora.Options, Material, Path]
) -> dict[str, float]:
    options, material, place = setting
    kept = place / "scores.json"
    if kept.exists():
        stored: dict[str, float] = json.loads(kept.read_text())
        return stored
    rows = tuning_rows(data, material, data.train, options.seed)
    adapter = tuned(base, rows, options, place)
    reader = reader_of(base, adapter, options)
    line: dict[str, float] = answered(reader, data, data.validation, None).as_dict()
    if args.found:
        found = by_bm25(list(data.texts.values()), data.validation, args.top_k)
        line["f1_found"] = answered(reader, data, data.validation, found).as_dict()["f1"]
    line["tokens_computed"] = json.loads((place / "done.json").read_text())["tokens_computed"]
    kept.write_text(json.dumps(line))
    return line


# --- measuring ------------------------------------------------------------------------------------


def reader_of(base: Path, adapter: Path | None, options: lora.Options) -> Reader:
    device = device_of(options.device)
    dtype = dtype_of(options.dtype, device)
    tokens = 100_000 if device.type == "cuda" else 8_000
    return Reader(base, adapter=adapter, device=str(device), dtype=dtype, batch_tokens=tokens)


def found_by(args: argparse.Namespace, data: Squad, asked: Sequence[Asked]) -> Found:
    """The best passages of all, for each question id."""
    texts = list(data.texts.values())
    if args.retriever == "bm25":
        return by_bm25(texts, asked, args.top_k)
    return by_afina(texts, asked, args.top_k, place=args.out)


def answered(
    reader: Reader,
    data: Squad,
    asked: Sequence[Asked],
    found: Found | None,
    shots: Sequence[Example] = (),
) -> Scores:
    """Scores with the right passage, or with what was found; shots: shown before the question, as turns."""
    turns = [m for one in shots for m in one.messages if m.role != "system"]
    prompts = []
    for one in asked:
        system, user = squad.shown(one, found[one.id] if found else [data.texts[one.passage]])
        prompts.append([system, *turns, user])
    return scores_of(asked, reader.answers(prompts))


def measure(args: argparse.Namespace, data: Squad, base: Path) -> None:
    """The table: stock, stock with demonstrations, tuned; with the right passage and with the one found."""
    settings = {name: values[0] for name, values in (settings_of(CHOSEN) | settings_of(args.set)).items()}
    options, material = combined(settings, args, minutes=args.minutes)
    print(f"{options}\n{material}")
    pool = (*data.validation, *data.train)
    place = args.out / f"tuned-{digest(str(options), str(material))[:12]}"
    adapter = tuned(base, tuning_rows(data, material, pool, options.seed), options, place)
    found = found_by(args, data, data.test)
    hits = sum(any(text.id == one.passage for text in found[one.id]) for one in data.test)
    what = f"{args.top_k} passages" if args.top_k > 1 else "passage"
    print(f"{args.retriever}: the {what} found hold the right one for {hits} of {len(data.test)} questions")
    print(f"{'arm':38}{'exact':>8}{'F1':>8}  {'95 % interval':16}{'contains':>9}", flush=True)
    stock = args.out / f"stock-{digest(str(base), str(args.questions))[:12]}"
    shots = demonstrations(data)
    for name, kept, weights, shown in (
        ("stock", stock, None, []),
        ("stock, demonstrations", stock, None, shots),
        ("tuned", place, adapter, []),
    ):
        for passage, given in (("right", None), ("found", found)):
            how = f"{passage} passage" if given is None else f"{args.retriever}, {args.top_k} {passage}"
            file = kept / f"{digest(name, how, str(args.questions))[:12]}.json"
            arm = partial(arm_scores, base, weights, options, data=data, found=given, shots=shown)
            scores = scored_once(file, arm)
            interval = f"{scores.f1_low:.1f} to {scores.f1_high:.1f}"
            told = f"{name}, {passage} passage"
            print(f"{told:38}{scores.exact:8.1f}{scores.f1:8.1f}  {interval:16}{scores.contains:9.1f}", flush=True)


def arm_scores(
    base: Path,
    weights: Path | None,
    options: lora.Options,
    *,
    data: Squad,
    found: Found | None,
    shots: Sequence[Example],
) -> Scores:
    return answered(reader_of(base, weights, options), data, data.test, found, shots)


def scored_once(kept: Path, measured: Callable[[], Scores]) -> Scores:
    """Scores from a file if they are there, else measured and written."""
    if kept.exists():
        return Scores(**json.loads(kept.read_text()))
    scores = measured()
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(scores.as_dict()))
    return scores


def demonstrations(data: Squad) -> list[Example]:
    """Two questions about the shortest passages of the tuning articles."""
    short = sorted(data.train, key=lambda asked: len(data.texts[asked.passage].text))[:2]
    return [squad.example(asked, [data.texts[asked.passage]]) for asked in short]


if __name__ == "__main__":
    main()
