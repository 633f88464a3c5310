"""What a study found: rows of finished cases, what each arm reached and cost, how arms differ, and what follows.

Shares and differences are fractions (0.021 is 2.1 points); edges show points. None is 'not known', never a zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from afina.domain.answer import Used

Pass = Literal["quality", "latency"]
Verdict = Literal["cheapest", "best", "undecided"]


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that stood in a prompt, by name only: reports and the store keep no text of documents."""

    document: str
    heading: str = ""
    passage: str = ""
    page: int | None = None
    cited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finished case of one arm in one pass.

    scores: scorer -> value (higher is better, None is no verdict). failed: what went wrong, empty if it answered.
    retriable: someone outside failed; asking again may help. used.cpu_s: this case's share of its block.
    peak_bytes: the most memory that all processes took during its block (an upper bound: they share libraries).
    """

    arm: str
    case: str
    turn: Pass
    block: int
    answer: str = ""
    scores: Mapping[str, float | None] = field(default_factory=dict)
    used: Used = field(default_factory=Used)
    sources: tuple[Source, ...] = ()
    failed: str = ""
    retriable: bool = False
    peak_bytes: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.arm, self.turn, self.case)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `cases` verdicts with its 95 % interval; value None: no verdict at all."""

    value: float | None
    low: float | None = None
    high: float | None = None
    cases: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`arm` less `against`, paired over the same cases, resampled by group.

    p: two-sided; p_holm: corrected over the comparisons of its family. test: which test gave p.
    disagree: mean squared difference (for right/wrong: the share of cases on which they disagree).
    cases_needed: how many cases in all would tell a difference of this size, or show that it is less than delta.
    """

    arm: str
    against: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    test: str
    disagree: float
    cases: int
    groups: int
    cases_needed: int

    @property
    def told_apart(self) -> bool:
        """Whether a claim may be made: the interval leaves out 0 and the corrected test agrees."""
        return (self.low > 0 or self.high < 0) and self.p_holm <= 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Cost of getting there, before the first answer is served."""

    cpu_s: float | None = None
    seconds: float | None = None
    tries: int = 0
    labels: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Means for one answer. first_s, seconds: one user alone (medians). cpu_s: the engine's, fully batched.

    money: None where the engine has no price. energy_wh: modelled, CPU-seconds times assumed watts.
    per_answer: what arms are ordered by, in `unit`, preparation spread over `amortised_over` answers.
    """

    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    first_s: float | None = None
    seconds: float | None = None
    cpu_s: float | None = None
    peak_bytes: int | None = None
    money: float | None = None
    energy_wh: float | None = None
    per_answer: float | None = None
    unit: str = ""

    def per_correct(self, value: float | None, correct: float | None) -> float | None:
        """A cost of an answer as the cost of a correct one; None if none was correct."""
        return value / correct if value is not None and correct else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One way of answering: what it is, what it reached, what it cost.

    quality: share of cases that are right. metrics: scorer -> mean over its verdicts.
    recipe: the recipe as data, so that it can be served. failures: reason -> cases.
    """

    name: str
    what: str
    quality: Estimate
    metrics: Mapping[str, Estimate]
    cost: Cost
    preparation: Preparation = Preparation()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """arm None: not enough data to tell. cases_needed: how many cases in all would do."""

    verdict: Verdict
    arm: str | None
    sentence: str
    delta: float
    best: str
    cases_needed: int | None = None


@dataclass(frozen=True, slots=True)
class Overlap:
    """Training rows that a test case was found in: word for word, or sharing eight words in a row."""

    rows: int = 0
    exact: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    removed: int = 0


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case across arms, for reading. right: arm -> verdict (None: no verdict)."""

    case: str
    question: str
    expected: tuple[str, ...]
    lang: str
    rows: Mapping[str, Row]
    right: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole study. settings: what it was run with, for a reader. findings: sentences that the data allow."""

    id: str
    name: str
    created: float
    engine: str
    cases: int
    groups: int
    unanswerable: int
    arms: tuple[ArmResult, ...]
    against_base: tuple[Comparison, ...]
    against_best: tuple[Comparison, ...]
    recommendation: Recommendation
    findings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    overlap: Overlap = Overlap()
    settings: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[CaseResult, ...] = ()

    def arm(self, name: str) -> ArmResult:
        return next(a for a in self.arms if a.name == name)
