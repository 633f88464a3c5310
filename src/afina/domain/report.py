"""What a study found: rows of finished cases, what each arm reached and cost, how arms differ, and what follows.

Shares and differences are fractions (0.021 is 2.1 points); edges show points. None is 'not known', never a zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from afina.domain.row import Row

Verdict = Literal["cheapest", "best", "undecided"]


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

    p: two-sided; p_holm: corrected over the comparisons of its family. test: which test gave p; for an arm that was
    stopped early it is the confidence sequence, which allows for looking after every block.
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
    """Means for one answer. first_s, seconds: one user alone (medians).

    cpu_s: the engine's, fully batched, and this process's, alone. money: None where the engine has no price.
    energy_wh: see `measured`; carbon_g: at the grid's intensity; both with the preparation left out.
    measured: energy was read from the machine's counters; else it is modelled: CPU-seconds times assumed watts.
    per_answer: what arms are ordered by, in `unit`, preparation spread over `amortised_over` answers.
    prepared_wh: energy of the preparation of one answer, so spread.
    """

    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    first_s: float | None = None
    seconds: float | None = None
    cpu_s: float | None = None
    peak_bytes: int | None = None
    money: float | None = None
    energy_wh: float | None = None
    carbon_g: float | None = None
    measured: bool = False
    prepared_wh: float | None = None
    per_answer: float | None = None
    unit: str = ""

    def per_correct(self, value: float | None, correct: float | None) -> float | None:
        """A cost of an answer as the cost of a correct one; None if none was correct."""
        return value / correct if value is not None and correct else None


@dataclass(frozen=True, slots=True)
class Spread:
    """What seeds make of one arm: its quality with each, lowest and highest, and their standard deviation."""

    seeds: int
    lowest: float
    highest: float
    sd: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """An arm that was not measured to the end. why: 'dominated', or 'budget'.

    dominated: `against` is better than it by more than delta: low, high are the ends of the confidence sequence of the
    difference (arm less against), which holds at every look. budget: `limit` names which, `would` what the study would
    have come to and `of` what it may, in the limit's unit. blocks: how many it answered; its rows of later ones, from a
    run that stopped later, do not count.
    """

    arm: str
    why: Literal["dominated", "budget"]
    after_cases: int = 0
    against: str = ""
    low: float = 0.0
    high: float = 0.0
    limit: str = ""
    would: float = 0.0
    of: float = 0.0
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An arm that could not be built. why: a key of the words of a report; detail: what an error said."""

    arm: str
    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a mechanism adds (one factor), or what two add together beyond their sum (two), over the other levels."""

    factors: tuple[str, ...]
    difference: float
    low: float
    high: float
    cases: int


@dataclass(frozen=True, slots=True)
class Saving:
    """What one call saves when `arm` takes the place of `instead_of`; negative figures are losses.

    diet: both reach the same quality within delta and `instead_of` has the longer prompt.
    calls: after so many the preparation has paid for itself, in `unit`; None is never.
    """

    arm: str
    instead_of: str
    tokens: float
    seconds: float | None
    cost: float | None
    unit: str
    calls: int | None
    diet: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a judge can be trusted. Shares of `cases`; None where there was nothing to hold it against.

    consistent: it said the same with the answers in the other order. agrees: with the labelled verdicts, where they
    told the answers apart and it gave a verdict; 'equal' counts half, so that chance is 0.5. kappa: agreement beyond
    chance on those cases (Cohen 1960). no_verdict: pairs that it was asked about and did not answer.
    """

    judge: str
    cases: int
    consistent: float | None
    agrees: float | None
    kappa: float | None
    no_verdict: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One way of answering: what it is, what it reached, what it cost.

    quality: mean of the primary scorer. metrics: scorer -> mean over its verdicts, or a figure of the whole set.
    recipe: the recipe as data, so that it can be served. failures: reason -> cases. members: names of the rows that
    it is made of, one a seed; spread: over them. alone: cases that this arm gets right and no other.
    """

    name: str
    what: str
    quality: Estimate
    metrics: Mapping[str, Estimate]
    cost: Cost
    preparation: Preparation = Preparation()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    spread: Spread | None = None
    alone: tuple[str, ...] = ()


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
    """Training rows that a test case was found in: word for word, or sharing eight words in a row. index: cases whose
    question shares eight words in a row with a document."""

    rows: int = 0
    exact: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    removed: int = 0
    index: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case across arms, for reading. rows: by row name (see ArmResult.members). right: arm -> verdict (None: no
    verdict)."""

    case: str
    question: str
    expected: tuple[str, ...]
    lang: str
    rows: Mapping[str, Row]
    right: Mapping[str, float | None]
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole study. settings: what it was run with, for a reader. findings: sentences that the data allow.

    task: what is asked of a model; primary: the scorer that arms are ranked by; figures: the others, in the order of
    the task. told_from: the smallest difference that a study of this size would find four times in five.
    effects: of the factorial over mechanisms. front: arms that no other beats in quality, latency, cost and energy
    at once. texts: digest -> (role, content) of the messages that rows name.
    """

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
    task: str = "answer"
    primary: str = "correct"
    figures: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    skipped: tuple[LeftOut, ...] = ()
    stopped: tuple[Stopped, ...] = ()
    effects: tuple[Effect, ...] = ()
    front: tuple[str, ...] = ()
    savings: tuple[Saving, ...] = ()
    judges: tuple[Agreement, ...] = ()
    told_from: float | None = None
    overlap: Overlap = Overlap()
    settings: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[CaseResult, ...] = ()
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def arm(self, name: str) -> ArmResult:
        return next(a for a in self.arms if a.name == name)
