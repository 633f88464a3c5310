"""Choosing tokens, against values worked by hand."""

from collections import Counter

import pytest

pytest.importorskip("torch")

import torch

from afina.domain.ask import Sampling
from afina.engines._choosing import NEVER, Chooser, alternatives

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])


def drawn(sampling: Sampling, times: int = 2000) -> Counter[int]:
    chooser = Chooser(sampling, choice=0)
    return Counter(chooser.choose(LOGITS) for _ in range(times))


def test_greedy_takes_the_best_and_changes_nothing() -> None:
    before = LOGITS.clone()
    assert Chooser(Sampling(logit_bias={0: -100.0}), choice=0).choose(LOGITS) == 1
    assert Chooser(Sampling(logit_bias={3: 5.0}), choice=0).choose(LOGITS) == 3
    assert Chooser(Sampling(), choice=0).choose(LOGITS) == 0
    assert torch.equal(LOGITS, before)


def test_draws_follow_the_softmax() -> None:
    found, expected = drawn(Sampling(temperature=1.0, seed=0)), torch.softmax(LOGITS, 0)
    for token in range(4):
        assert found[token] / 2000 == pytest.approx(float(expected[token]), abs=0.03)


def test_temperature_flattens_and_sharpens() -> None:
    assert drawn(Sampling(temperature=0.2, seed=0))[0] > 1950
    assert drawn(Sampling(temperature=5.0, seed=0))[3] > 250


def test_a_nucleus_keeps_the_smallest_set_that_holds_top_p() -> None:
    # softmax is 0.644, 0.237, 0.087, 0.032: two tokens hold 0.88, so 0.85 needs both and no more.
    assert set(drawn(Sampling(temperature=1.0, top_p=0.85, seed=0))) == {0, 1}
    assert set(drawn(Sampling(temperature=1.0, top_p=0.6, seed=0))) == {0}
    assert set(drawn(Sampling(temperature=1.0, top_p=0.9, seed=0))) == {0, 1, 2}


def test_penalties_as_openai_defines_them() -> None:
    often = Chooser(Sampling(frequency_penalty=0.6), choice=0)
    # 2.0 falls by 0.6 each time it is said; token 1 (1.0) is next once 2.0 - 0.6 n < 1.0, after the second.
    assert [often.choose(LOGITS) for _ in range(3)] == [0, 0, 1]
    once = Chooser(Sampling(presence_penalty=1.5), choice=0)
    assert [once.choose(LOGITS) for _ in range(3)] == [0, 1, 0]


def test_choices_of_one_seed_differ_and_repeat() -> None:
    def tokens(choice: int) -> list[int]:
        chooser = Chooser(Sampling(temperature=1.0, seed=5), choice=choice)
        return [chooser.choose(LOGITS) for _ in range(40)]

    assert tokens(0) == tokens(0)
    assert tokens(0) != tokens(1)


def test_alternatives_are_log_probabilities_of_the_model_itself() -> None:
    own, top = alternatives(LOGITS, 2, top=2)
    expected = torch.log_softmax(LOGITS, 0)
    assert own == pytest.approx(float(expected[2]))
    assert [token for token, _ in top] == [0, 1]
    assert [value for _, value in top] == pytest.approx([float(expected[0]), float(expected[1])])
    banned = torch.tensor([0.0, -torch.inf])
    assert alternatives(banned, 1, top=0) == (NEVER, ())
