"""What does a study spare? Six arms measured in one process, against six processes that measure one arm each.

    python benchmarks/sharing.py [--cases 200] [--rows 100] [--top-k 2] [--arms base examples ...] [--out FOLDER]

The arms are the base and an adapter, each with nothing, with the examples nearest to the question, and with passages.
Both sides run the same code over the same SQuAD cases (200 about 16 articles, every passage of the development part as
a document, other articles' questions to show and to learn), with 25 cases in flight, both passes, greedy, bundled
models. A process of its own starts from an empty workspace: it embeds and indexes the documents if its arm looks into
them, chooses demonstrations if its arm shows any, tunes and certifies an adapter if its arm has one, and measures its
arm only: no base beside it, no statistics. The processes run one after the other, three before the study and three
after it. No arm is stopped early on either side, so nothing is spared but what arms have in common.

What the machine keeps for every workspace (the unpacked base and its certificate) is there for both sides; a first
process measures what making it takes, and "on a fresh machine" adds that once to the study and once to each process.
AFINA_DATA names the folder with squad_v1_dev.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from afina.actions._building import Builder, stock_of
from afina.actions.compare import scorers
from afina.actions.ingest import add
from afina.actions.initialise import initialise
from afina.actions.load import load
from afina.domain.ask import Ask
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.domain.progress import Progress, Tell
from afina.domain.row import Row
from afina.evaluation.asking import Questioning
from afina.evaluation.design import Design
from afina.evaluation.run import Arm, Plan, Setting, study
from afina.mechanisms.sharing import Shared
from afina.store import studies
from afina.workspace import Workspace, open_workspace
from reading_parts import squad

BUSY = 0.3
"""Load per core at the start above which no verdict is given."""
GOAL = 0.5
ARMS = ("base", "nearest", "knowledge", "tuned", "tuned+nearest", "tuned+knowledge")
EXAMPLES = "shown"
PREPARING = ("opening", "documents", "index", "choosing", "tuning")
STAGES = (*PREPARING, "measuring")


@dataclass
class Took:
    """Seconds of each stage of one process, and of all of it, the interpreter's start included; cpu: those of the CPU.

    opening: of the engine. documents: read, split, embedded. tuning: with its certificate.
    right: arm -> share of the cases. spared: runs of gather stages that another arm's made needless.
    """

    stages: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    total: float = 0.0
    total_cpu: float = 0.0
    right: dict[str, float] = field(default_factory=dict)
    spared: int = 0


def main() -> None:
    given = parsed()
    if given.process:
        process(Path(given.process), given)
        return
    if "AFINA_DATA" not in os.environ:
        sys.exit("set AFINA_DATA: the folder that holds squad_v1_dev")
    load_per_core = os.getloadavg()[0] / (os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = (given.out or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        write_documents(folder / "documents")
        print(f"{given.cases} cases, {given.rows} examples, {len(given.arms)} arms; load a core {load_per_core:.2f}")
        fresh = took(folder, "fresh machine", (), given)
        half = len(given.arms) // 2
        apart = {arm: took(folder, arm, (arm,), given) for arm in given.arms[:half]}
        together = took(folder, "study", given.arms, given)
        apart |= {arm: took(folder, arm, (arm,), given) for arm in given.arms[half:]}
    print_times(together, apart)
    print_ratios(together, apart, fresh, load_per_core)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--rows", type=int, default=100, help="examples to show, to choose on and to learn")
    parser.add_argument("--top-k", type=int, default=2, help="passages in a prompt")
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--out", type=Path, help="keep the workspaces here; a process that ended is not run again")
    parser.add_argument("--process", help=argparse.SUPPRESS)
    return parser.parse_args()


# --- one process ---


def took(folder: Path, name: str, arms: Sequence[str], given: argparse.Namespace) -> Took:
    """Run one process over a workspace of its own, or read what it said before."""
    root = folder / name.replace(" ", "-")
    said = root / "took.json"
    if not said.exists():
        root.mkdir(parents=True, exist_ok=True)
        told = [f"--{key.replace('_', '-')}={getattr(given, key)}" for key in ("cases", "rows", "top_k")]
        command = [sys.executable, __file__, *told, f"--process={root}", *(["--arms", *arms] if arms else [])]
        started, before = time.perf_counter(), reaped()
        subprocess.run(command, check=True)
        whole = {"total": time.perf_counter() - started, "total_cpu": reaped() - before}
        said.write_text(json.dumps({**json.loads((root / "stages.json").read_text()), **whole}))
    found = Took(**json.loads(said.read_text()))
    print(f"{name:18}{found.total:8.0f} s", flush=True)
    return found


def process(root: Path, given: argparse.Namespace) -> None:
    """Everything that the arms need and measuring them; without arms, opening the engine only."""
    only_opened = root.name == "fresh-machine"
    took = Took()
    clock = Clock(took)
    with open_workspace(initialise(root / "ws"), environ={"AFINA_CACHE": str(root.parent / "cache")}) as ws:
        load(ws)
        clock.lap("opening")
        if not only_opened:
            measured(ws, given, took, clock)
    (root / "stages.json").write_text(json.dumps(asdict(took)))


def measured(ws: Workspace, given: argparse.Namespace, took: Took, clock: "Clock") -> None:
    data = squad.load(Path(os.environ["AFINA_DATA"]) / "squad_v1_dev", questions=given.cases)
    cases = [Case(a.id, a.question, a.answers, group=a.article, lang="en") for a in data.test]
    ws.demonstrations.put(ws.scope, EXAMPLES, [shown(a) for a in data.train[: given.rows]])
    if any("knowledge" in arm for arm in given.arms):
        add(ws, ws.root.parent.parent / "documents")
        clock.lap("documents")
        ws.retriever().search(ws.scope, cases[0].question, top_k=1)
        clock.lap("index")
    design = Design(arms=tuple(given.arms), examples=EXAMPLES, seeds=1, top_k=given.top_k, early=False)
    stock = stock_of(ws, cases, design)
    how = Questioning(ask_for=lambda c: Ask(ws.scope, (Message("user", c.question),)), scorers=scorers(ws, stock.task))
    setting = Setting(how=how, plan=Plan(block=design.block), tell=telling(took, clock))
    studies.begin(ws.store, ws.scope, "study", name="study", body={})
    ready = Builder(ws, stock, design, setting, "study").ready(cases, given.arms)
    if ready.skipped:
        sys.exit(f"left out: {ready.skipped}")
    clock.lap("choosing" if "tuning" in took.stages else "tuning")
    shared = Shared()
    arms = [
        Arm(name, ws.answerer(recipe), shared=ws.answerer(recipe, shared=shared))
        for name, recipe in ready.recipes.items()
    ]
    rows = ws.portal.run(study(arms, cases, setting)).rows
    clock.lap("measuring")
    took.right, took.spared = right(rows), shared.spared


def shown(asked: squad.Asked) -> Example:
    said = (Message("user", asked.question), Message("assistant", asked.taught))
    return Example(asked.id, said, group=asked.article)


def right(rows: Sequence[Row]) -> dict[str, float]:
    by_arm: dict[str, list[float]] = {}
    for row in rows:
        if row.turn == "quality":
            by_arm.setdefault(row.arm, []).append(row.scores.get("correct") or 0.0)
    return {arm: sum(values) / len(values) for arm, values in by_arm.items()}


def telling(took: Took, clock: "Clock") -> Tell:
    """Prints notes. Adapters are learnt before anything is chosen; the first choice ends that stage."""

    def tell(progress: Progress) -> None:
        if progress.note:
            print(f"    {progress.note}", file=sys.stderr, flush=True)
        if progress.stage.startswith("choosing") and "tuning" not in took.stages:
            clock.lap("tuning")

    return tell


class Clock:
    """Writes down what each stage took, from the end of the one before."""

    def __init__(self, took: Took) -> None:
        self._took, self._last = took, (time.perf_counter(), cpu_s())

    def lap(self, stage: str) -> None:
        before, self._last = self._last, (time.perf_counter(), cpu_s())
        self._took.stages[stage], self._took.cpu[stage] = (
            now - then for now, then in zip(self._last, before, strict=True)
        )


def cpu_s() -> float:
    """CPU-seconds of this process and all its children, those that have ended included."""
    living = (child.cpu_times() for child in psutil.Process().children(recursive=True))
    return time.process_time() + reaped() + float(sum(times.user + times.system for times in living))


def reaped() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def write_documents(folder: Path) -> None:
    """Every passage of the data as a file; the same for all processes."""
    folder.mkdir(exist_ok=True)
    data: Any = squad.load(Path(os.environ["AFINA_DATA"]) / "squad_v1_dev")
    for text in data.texts.values():
        (folder / f"{text.id.replace('#', '-').replace('/', '-')}.md").write_text(f"# {text.title}\n\n{text.text}\n")


# --- what is printed ---


def print_times(together: Took, apart: Mapping[str, Took]) -> None:
    for kind in ("seconds", "CPU-seconds"):
        print(f"\n{kind:18}" + "".join(f"{stage:>11}" for stage in (*STAGES, "in all")))
        for name, one in {**apart, "six processes": added(apart.values()), "one study": together}.items():
            stages, whole = (one.cpu, one.total_cpu) if kind == "CPU-seconds" else (one.stages, one.total)
            cells = [*(stages.get(stage, 0.0) for stage in STAGES), whole]
            print(f"{name:18}" + "".join(f"{cell:11.0f}" for cell in cells))
    print(
        "\nright, apart and together: "
        + ", ".join(f"{arm} {one.right[arm]:.1%} {together.right[arm]:.1%}" for arm, one in apart.items())
    )
    print(f"runs of gather stages that the study spared: {together.spared}")


def added(parts: Iterable[Took]) -> Took:
    whole = Took()
    for part in parts:
        whole.total, whole.total_cpu = whole.total + part.total, whole.total_cpu + part.total_cpu
        for mine, more in ((whole.stages, part.stages), (whole.cpu, part.cpu)):
            for stage, seconds in more.items():
                mine[stage] = mine.get(stage, 0.0) + seconds
    return whole


def print_ratios(together: Took, apart: Mapping[str, Took], fresh: Took, load_per_core: float) -> None:
    """first: what a fresh machine pays beyond opening the engine, once for the study, once for each process."""
    each, count = added(apart.values()), len(apart)
    first, first_cpu = (
        now["opening"] - then["opening"] for now, then in ((fresh.stages, together.stages), (fresh.cpu, together.cpu))
    )
    ratios = {
        "cold caches of the machine too (reckoned)": (
            (together.total + first) / (each.total + count * first),
            (together.total_cpu + first_cpu) / (each.total_cpu + count * first_cpu),
        ),
        "cold workspaces, warm machine": (together.total / each.total, together.total_cpu / each.total_cpu),
        "measuring alone, everything prepared": (
            together.stages["measuring"] / each.stages["measuring"], together.cpu["measuring"] / each.cpu["measuring"]
        ),
    }  # fmt: skip
    print(f"\none study against {count} processes{'time':>20}{'CPU time':>11}")
    for what, (wall, cpu) in ratios.items():
        print(f"{what:42}{wall:11.2f}{cpu:11.2f}")
    print(f"a fresh machine takes {first:.0f} s ({first_cpu:.0f} of the CPU) more to start")
    whole, _ = ratios["cold caches of the machine too (reckoned)"]
    if load_per_core > BUSY:
        print(f"No verdict: load {load_per_core:.1f} a core at the start, where {BUSY:g} is asked for.")
    else:
        print(f"A study takes {whole:.2f} of the time, {'at most' if whole <= GOAL else 'more than'} {GOAL:g}.")


if __name__ == "__main__":
    main()
