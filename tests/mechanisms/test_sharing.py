"""Stages that arms have in common: each runs once for a request, whoever asks first, and never keeps a failure."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from afina.domain.ask import Ask, Gathered, Scope, ask_of
from afina.domain.document import Found, Passage
from afina.errors import EngineError
from afina.mechanisms.sharing import Shared

THREADS = 8
FOUND = Found(Passage("psg-1", "doc", "lamps.md", "The lamp costs 3 euros.", 0, 23), score=1.0)


class Counting:
    """A knowledge stage that counts its runs, and waits in each until it is let go."""

    def __init__(self, *, open: bool = True) -> None:
        self.runs: list[str] = []
        self.go = threading.Event()
        if open:
            self.go.set()

    def __call__(self, ask: Ask) -> Ask:
        self.runs.append(ask.question)
        assert self.go.wait(10), "nobody let the stage go"
        return ask.adding(found=(FOUND,))


def test_several_arms_at_once_run_a_stage_once_for_a_request() -> None:
    gather, shared = Counting(open=False), Shared()
    arms = [shared.stage(gather, "knowledge-1") for _ in range(THREADS)]
    begun = threading.Barrier(THREADS + 1)

    def asked(stage: Callable[[Ask], Ask]) -> Gathered:
        begun.wait(10)
        return stage(ask_of("What does the lamp cost?")).gathered

    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(asked, stage) for stage in arms]
        begun.wait(10)
        gather.go.set()
        found = {id(task.result().found[0]) for task in running}
    assert gather.runs == ["What does the lamp cost?"]
    assert found == {id(FOUND)}
    assert shared.spared == THREADS - 1


@pytest.mark.parametrize(
    "other",
    [
        ask_of("What does the chair cost?"),
        ask_of("What does the lamp cost?", scope=Scope("another project")),
        ask_of("What does the lamp cost?", scope=Scope(user="ana")),
        Ask(Scope(), (*ask_of("I have a lamp.").messages, *ask_of("What does the lamp cost?").messages)),
    ],
    ids=["question", "project", "user", "turns before"],
)
def test_another_request_is_another_run(other: Ask) -> None:
    gather, shared = Counting(), Shared()
    stage = shared.stage(gather, "knowledge-1")
    stage(ask_of("What does the lamp cost?"))
    stage(other)
    assert len(gather.runs) == 2
    assert shared.spared == 0


def test_another_stage_is_another_run() -> None:
    gather, shared = Counting(), Shared()
    for key in ("knowledge-1", "knowledge-2"):
        shared.stage(gather, key)(ask_of("What does the lamp cost?"))
    assert len(gather.runs) == 2


def test_different_requests_do_not_wait_for_each_other() -> None:
    slow, shared = Counting(open=False), Shared()
    stage = shared.stage(slow, "knowledge-1")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(stage, ask_of("one"))
        while not slow.runs:
            pass
        quick = Counting()
        shared.stage(quick, "knowledge-2")(ask_of("one"))
        assert not held.done()
        slow.go.set()
        held.result(10)
    assert quick.runs == ["one"]


def test_a_failure_is_not_kept() -> None:
    """The next arm tries again: what failed for one may work for the next."""
    gather, shared, broken = Counting(), Shared(), [True]

    def shaky(ask: Ask) -> Ask:
        if broken.pop() if broken else False:
            raise EngineError("the index was away")
        return gather(ask)

    stage = shared.stage(shaky, "knowledge-1")
    with pytest.raises(EngineError):
        stage(ask_of("one"))
    assert stage(ask_of("one")).gathered.found == (FOUND,)
    assert stage(ask_of("one")).gathered.found == (FOUND,)
    assert gather.runs == ["one"]
    assert shared.spared == 1


def test_what_stages_before_it_gathered_stays_and_is_not_shown_to_it() -> None:
    seen: list[Gathered] = []

    def looking(ask: Ask) -> Ask:
        seen.append(ask.gathered)
        return ask.adding(found=(FOUND,))

    stage = Shared().stage(looking, "knowledge-1")
    for told in ("Be brief.", "Be kind."):
        gathered = stage(ask_of("one").adding(instructions=(told,))).gathered
        assert gathered == Gathered(instructions=(told,), found=(FOUND,))
    assert seen == [Gathered()]


def test_what_is_no_part_of_a_request_for_passages_does_not_divide_it() -> None:
    """Arms differ in adapter and sampling; what their common stages find does not."""
    gather, shared = Counting(), Shared()
    stage = shared.stage(gather, "knowledge-1")
    plain = ask_of("one")
    for ask in (plain, replace(plain, adapter="a" * 64), replace(plain, budget_tokens=100)):
        assert stage(ask).gathered.found == (FOUND,)
    assert gather.runs == ["one"]
