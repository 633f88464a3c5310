"""Cases as the page shows them: who was right, what can be filtered, what stands behind each answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from afina.domain.report import ArmResult, CaseResult, Report
from afina.domain.row import Row
from afina.evaluation.show.tables import FALSE_ANSWERS
from afina.evaluation.show.words import Words

SIGNS = {"+": "✓", "-": "✗", "?": "–", "!": "⚠"}
STANDING = {"+": "right", "-": "wrong", "?": "no_verdict", "!": "failed"}
"""A mark -> the word for it (`page.WORD`)."""
HEADING = 280
"""Characters of a question that stand in its heading; the rest opens with a click."""


@dataclass(frozen=True, slots=True)
class Verdict:
    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class RowView:
    """prompts: places in the page's list of messages, '0,3;0,7' for two calls."""

    row: Row
    label: str
    verdicts: tuple[Verdict, ...]
    used: str
    prompts: str


@dataclass(frozen=True, slots=True)
class ArmView:
    """mark: '+' right, '-' wrong, '?' no verdict, '!' failed."""

    name: str
    mark: str
    text: str
    rows: tuple[RowView, ...]

    @property
    def sign(self) -> str:
        return SIGNS[self.mark]

    @property
    def standing(self) -> str:
        return STANDING[self.mark]


@dataclass(frozen=True, slots=True)
class CaseView:
    """tags: what the filter of outcomes knows it by. marks: one letter an arm, '.' where it was not asked."""

    result: CaseResult
    heading: str
    rest: bool
    tags: str
    marks: str
    arms: tuple[ArmView, ...]


def views(report: Report, w: Words, places: Mapping[str, int]) -> list[CaseView]:
    """places: digest of a message -> its number in the page's list."""
    return [_view(result, report, w, places) for result in report.results]


def outcome(result: CaseResult) -> str:
    """'everybody', 'nobody' or 'disagree', over the arms that have a verdict; '' if none has."""
    verdicts = {v >= 0.5 for v in result.right.values() if v is not None}
    if not verdicts:
        return ""
    return "disagree" if len(verdicts) == 2 else "everybody" if verdicts == {True} else "nobody"


def _view(result: CaseResult, report: Report, w: Words, places: Mapping[str, int]) -> CaseView:
    arms = [view for arm in report.arms if (view := _arm(arm, result, w, places))]
    marks = {view.name: view.mark for view in arms}
    tags = [outcome(result), *(f"only-{n}" for n, a in enumerate(report.arms) if result.case in a.alone)]
    tags += ["failed"] if "!" in marks.values() else []
    tags += ["unanswerable"] if report.unanswerable and not result.expected else []
    question = " ".join(result.question.split())
    cut = len(question) > HEADING
    return CaseView(
        result, question[:HEADING] + "…" if cut else question, cut, " ".join(filter(None, tags)),
        "".join(marks.get(a.name, ".") for a in report.arms), tuple(arms),
    )  # fmt: skip


def _arm(arm: ArmResult, result: CaseResult, w: Words, places: Mapping[str, int]) -> ArmView | None:
    """None if it was not asked (it had been stopped before)."""
    names = arm.members or (arm.name,)
    rows = {name: result.rows[name] for name in names if name in result.rows}
    if not rows:
        return None
    right = result.right.get(arm.name)
    failed = all(row.failed for row in rows.values())
    mark = "!" if failed else "?" if right is None else "+" if right >= 0.5 else "-"
    partly = right is not None and 0 < right < 1
    return ArmView(
        arm.name, mark, w.fixed((right or 0.0) * 100, 0) if partly else "",
        tuple(_row(name if len(names) > 1 else "", row, w, places) for name, row in rows.items()),
    )  # fmt: skip


def _row(label: str, row: Row, w: Words, places: Mapping[str, int]) -> RowView:
    names = dict.fromkeys([*row.scores, *row.whys])
    used = w.say(
        "page.used", prompt=w.whole(row.used.prompt_tokens), completion=w.whole(row.used.completion_tokens),
        seconds=w.figure(row.used.seconds),
    )  # fmt: skip
    calls = (",".join(str(places.get(digest, -1)) for digest in call) for call in row.prompts)
    return RowView(row, label, tuple(_verdict(n, row, w) for n in names), used, ";".join(calls))


def _verdict(name: str, row: Row, w: Words) -> Verdict:
    value = row.scores.get(name)
    value = 1 - value if name == FALSE_ANSWERS and value is not None else value
    shown = w["none"] if value is None else w.plain(round(value, 3))
    return Verdict(w.metric(name), shown, row.whys.get(name, ""))
