"""Steps: done once while their inputs stay, again when they change; the time left counts what is to come."""

from collections.abc import Callable
from pathlib import Path

import pytest

from afina.actions._steps import Outcome, Step, Steps
from afina.domain.progress import Progress, Tell
from afina.store.db import Store, open_store

PLAN = (Step("first", "one", 10), Step("second", "two", 30))


class Work:
    """What was done, in order; doing one thing gives its outcome."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def of(self, name: str, **outcome: object) -> Callable[[Tell], Outcome]:
        def work(tell: Tell) -> Outcome:
            self.done.append(name)
            return outcome

        return work


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "afina.db")


def test_a_finished_step_is_not_done_again(store: Store) -> None:
    work = Work()
    for _ in range(2):
        steps = Steps(store, plan=PLAN, key="demo")
        outcome = steps.take("first", work.of("first", made=1), inputs=("a",))
        assert outcome == {"made": 1}
    assert work.done == ["first"]


def test_other_inputs_do_a_step_again_and_so_the_steps_that_name_it(store: Store) -> None:
    work = Work()

    def run(inputs: str) -> None:
        steps = Steps(store, plan=PLAN, key="demo")
        steps.take("first", work.of("first", made=inputs), inputs=(inputs,))
        steps.take("second", work.of("second"), inputs=(steps.digest_of("first"),))

    for inputs in ("a", "a", "b"):
        run(inputs)
    assert work.done == ["first", "second", "first", "second"]


def test_a_step_that_fails_is_not_remembered_and_a_forgotten_one_is_done_again(store: Store) -> None:
    steps = Steps(store, plan=PLAN, key="demo")
    with pytest.raises(ZeroDivisionError):
        steps.take("first", lambda tell: {"made": 1 // 0})
    assert steps.take("first", lambda tell: {"made": 2}) == {"made": 2}
    steps.forget("first")
    assert steps.take("first", lambda tell: {"made": 3}) == {"made": 3}


def test_time_left_is_that_of_all_steps(store: Store) -> None:
    told: list[Progress] = []
    now = [100.0]
    steps = Steps(store, plan=PLAN, key="demo", tell=told.append, clock=lambda: now[0])

    def work(tell: Tell) -> Outcome:
        now[0] += 4
        tell(Progress("inner", done=1, total=3))
        tell(Progress("inner", done=2, total=3, left_s=2.5))
        return {}

    steps.take("first", work)
    assert [p.left_s for p in told if p.total] == [10 - 4 + 30, 2.5 + 30]
    assert all(p.stage.startswith("1/2 one") for p in told if p.total)
    assert steps.elapsed_s == 4
    assert told[-1].note == "1/2 one: took 4 s"
