"""A study killed at any moment and started again until it ends: a block is asked again at most, the table is the same.

The study runs in a process of its own (this file, run as a program), which kills itself at a given point or is killed
from outside. What the engine was asked, and when, stands in a file that outlives it.
"""

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle
from os import getpid, kill
from pathlib import Path
from typing import Any

import pytest

from afina.actions.compare import compare
from afina.actions.ingest import add
from afina.actions.initialise import initialise
from afina.contracts import Prompt
from afina.domain.abstention import ANSWER_FORM
from afina.domain.example import Case, Example
from afina.domain.message import Message
from afina.domain.report import Report
from afina.domain.row import Row
from afina.evaluation.budget import Budget
from afina.evaluation.design import Design
from afina.evaluation.run import Plan
from afina.store import studies
from afina.store.checks import database_problems
from afina.store.db import Store
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import open_workspace

LAMPS = range(1, 61)
CASES = [Case(f"c{n}", f"What does lamp {n} cost?", (f"{n * 10} euros",), lang="en", group=f"g{n // 2}") for n in LAMPS]
BLOCK = 10
ARMS = ("base", "prompt", "examples", "knowledge", "examples+knowledge")
DESIGN = Design(arms=ARMS, examples="shop", block=BLOCK, budget=Budget(tokens=28_000))
"""One arm is shown to be worse and stopped, another is stopped for the budget."""

ROUND, LATENCY = BLOCK * len(ARMS), Plan().latency_cases * len(ARMS)
WORD_S = 0.001
MOST_S = 60.0
"""Of one start of the study, on a busy machine."""


@dataclass(frozen=True)
class Moment:
    """When a study dies. asked: at the question number `at` of this start. keeping, kept: in, or just after, the
    transaction that brings the rows of this start to `at`. outside: `at` thousandths of a second after its first
    question. never."""

    kind: str
    at: int = 0


# --- the study, in a process of its own ---


def program(folder: str, kind: str, at: str) -> None:
    """Run the study to its end, or to the moment; then its table is in a file."""
    root, moment = Path(folder), Moment(kind, int(at))
    engine = EchoEngine(Speaker(root / "asked", moment), delay_s=WORD_S)
    with open_workspace(root / "ws", engines={"local": engine}, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        ws.store = Mortal(ws.store.path, moment)
        report = compare(ws, CASES, DESIGN)
        (root / "table.json").write_text(json.dumps(table(report), sort_keys=True))
        ws.store.close()


class Speaker:
    """Knows a price in its sources nearly always, guesses it with demonstrations or instructions at times. Writes down
    that it was asked."""

    def __init__(self, file: Path, moment: Moment) -> None:
        self._file, self._moment, self._asked = file, moment, 0

    def __call__(self, prompt: Prompt, choice: int) -> str:
        self._asked += 1
        with self._file.open("a") as asked:
            asked.write("asked\n")
        if self._moment.kind == "asked" and self._asked >= self._moment.at:
            die()
        text = prompt.messages[-1].content
        question = text.rpartition("Question: ")[2]
        luck = zlib.crc32(question.encode()) % 100
        instructed = len(prompt.messages[0].content) > len(ANSWER_FORM["en"])
        odds = 95 if "[1]" in text else 40 if len(prompt.messages) > 2 else 20 if instructed else 0
        return f"{int(re.findall(r'[0-9]+', question)[-1]) * 10} euros" if luck < odds else "5 dollars"


class Mortal(Store):
    """A store whose process may die in a transaction, or right after it."""

    def __init__(self, path: Path, moment: Moment) -> None:
        super().__init__(path)
        self._moment = moment
        with self.reading() as db:
            self._at = kept(db) + moment.at

    @contextmanager
    def writing(self) -> Iterator[Any]:
        inner = self._connection().in_transaction
        with super().writing() as db:
            yield db
            due = not inner and kept(db) >= self._at
            if due and self._moment.kind == "keeping":
                die()
        if due and self._moment.kind == "kept":
            die()


def die() -> None:
    kill(getpid(), signal.SIGKILL)


def kept(db: Any) -> int:
    return int(db.execute("SELECT count(*) FROM study_rows").fetchone()[0])


def table(report: Report) -> dict[str, Any]:
    """All of a report but times and costs, and what is ordered by them."""
    whole = asdict(report)
    for name in ("created", "front", "savings", "results"):
        del whole[name]
    for arm in whole["arms"]:
        arm["preparation"] = [arm["preparation"]["tries"], arm["preparation"]["labels"], arm["preparation"]["note"]]
        del arm["cost"]
    whole["recommendation"] = [report.recommendation.verdict, report.recommendation.arm, report.recommendation.best]
    whole["results"] = {
        result.case: [result.right, {arm: said(row) for arm, row in result.rows.items()}] for result in report.results
    }
    return whole


def said(row: Row) -> list[Any]:
    tokens = [row.used.prompt_tokens, row.used.completion_tokens]
    return [row.answer, row.scores, row.block, row.prompts, [s.passage for s in row.sources], row.failed, *tokens]


# --- what is tested ---


def moments(seed: int, *, most: int) -> Iterator[Moment]:
    """Without end, `most` questions, rows or thousandths of a second after a start at most."""
    rng = random.Random(seed)
    for kind in cycle(("asked", "kept", "outside", "keeping")):
        yield Moment(kind, rng.randint(1, most))


@pytest.mark.parametrize(
    ("seed", "most", "kills"),
    [(1, 75, 9), *(pytest.param(seed, 25, 25, marks=pytest.mark.slow) for seed in range(2, 4))],
)
def test_a_killed_study_goes_on_where_it_was(tmp_path: Path, seed: int, most: int, kills: int) -> None:
    whole = made(tmp_path / "whole")
    broken = Path(shutil.copytree(whole, tmp_path / "broken"))
    assert run_of(whole, Moment("never")).ended
    runs: list[Run] = []
    for moment in moments(seed, most=most):
        after_a_round = runs and runs[-1].killed_in == "latency" and Moment("kept", runs[-1].to_decide)
        runs.append(run_of(broken, after_a_round or moment))
        if runs[-1].ended:
            break
        assert database_problems(broken / "ws" / "afina.db") == []
    assert {run.killed_in for run in runs[:-1]} == {"choosing", "latency", "deciding", "quality"}
    assert len(runs) > kills
    for run in runs:
        assert run.asked - run.kept <= BLOCK + run.warmed, run
    assert (broken / "table.json").read_text() == (whole / "table.json").read_text()
    assert {s["why"] for s in json.loads((whole / "table.json").read_text())["stopped"]} == {"dominated", "budget"}


@dataclass(frozen=True)
class Progress:
    """How far a study has come. phase: deciding where the first round of blocks is whole. to_decide: rows until
    then."""

    rows: int = 0
    phase: str = "choosing"
    to_decide: int = 0


@dataclass(frozen=True)
class Run:
    """What one start of a study did. warmed: the most answers that no row was to be made of, one an arm."""

    ended: bool
    asked: int
    kept: int
    warmed: int
    killed_in: str
    to_decide: int


def run_of(folder: Path, moment: Moment) -> Run:
    before, asked = how_far(folder), questions(folder)
    command = [sys.executable, __file__, str(folder), moment.kind, str(moment.at)]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    if moment.kind == "outside":
        while child.poll() is None and questions(folder) == asked:
            time.sleep(0.002)
        time.sleep(moment.at / 1000)
        child.kill()
    _, complaints = child.communicate(timeout=MOST_S)
    assert child.returncode in (0, -signal.SIGKILL), complaints
    after = how_far(folder)
    warmed = len(ARMS) if before.phase in ("choosing", "latency") else 0
    return Run(
        child.returncode == 0, questions(folder) - asked, after.rows - before.rows, warmed, after.phase, after.to_decide
    )


def questions(folder: Path) -> int:
    return (folder / "asked").read_text().count("\n")


def how_far(folder: Path) -> Progress:
    with open_workspace(folder / "ws", embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        study = next(iter(studies.latest(ws.store, ws.scope)), None)
        if study is None or "entries" not in study.body:
            return Progress(rows=0 if study is None else len(studies.rows_of(ws.store, ws.scope, study.id)))
        rows = studies.rows_of(ws.store, ws.scope, study.id)
    measured = Counter(r.turn for r in rows if r.arm in ARMS)
    to_decide = LATENCY + ROUND - measured.total()
    if measured["latency"] < LATENCY:
        return Progress(len(rows), "latency", to_decide)
    return Progress(len(rows), "deciding" if to_decide == 0 else "quality", to_decide)


def made(folder: Path) -> Path:
    """A folder with a workspace (documents, a set of examples), and the file of what was asked."""
    root = initialise(folder / "ws")
    (folder / "asked").touch()
    (folder / "docs").mkdir()
    for n in LAMPS:
        text = f"# Lamp {n}\n\nThe lamp {n} costs {n * 10} euros in every shop.\n"
        (folder / "docs" / f"lamp {n}.md").write_text(text)
    with open_workspace(root, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        add(ws, folder / "docs")
        ws.demonstrations.put(ws.scope, "shop", [shown(n) for n in range(100, 140)])
    return folder


def shown(n: int) -> Example:
    said = (
        Message("user", f"What does the old chair {n} of the kitchen cost?"),
        Message("assistant", f"{n * 10} euros"),
    )
    return Example(f"e{n}", said, group=f"e{n}")


if __name__ == "__main__":
    program(*sys.argv[1:])
