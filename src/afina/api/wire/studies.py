"""Studies on the wire. Afina's own routes refuse fields that they do not know, in a body and in an address."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from afina.actions.promote import Promoted
from afina.actions.studies import Listed
from afina.domain.report import Report
from afina.evaluation.show.json import as_json

CASE_BY_CASE = ("results", "texts")
"""Parts of a report that grow with its cases and hold what was said."""


class Nothing(BaseModel):
    """No field at all."""

    model_config = ConfigDict(extra="forbid")


class ReportQuery(BaseModel):
    """cases: with the rows of every case, and the prompts they name."""

    model_config = ConfigDict(extra="forbid")

    cases: bool = False


class PageQuery(BaseModel):
    """lang: of the page's words."""

    model_config = ConfigDict(extra="forbid")

    lang: str = "en"


class PromoteRequest(BaseModel):
    """name: the model name to move, by default the study's own. arm: by default the one that the study recommends.
    anyway: without proof that it is not worse."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = Field(default=None, min_length=1)
    arm: str | None = Field(default=None, min_length=1)
    anyway: bool = False


def study_of(listed: Listed) -> dict[str, Any]:
    """A study in a list. recommended: null while it is unfinished, and where the cases do not tell."""
    return {
        "id": listed.id,
        "object": "afina.study",
        "created": int(listed.created),
        "name": listed.name,
        "task": listed.task,
        "cases": listed.cases,
        "arms": list(listed.arms),
        "recommended": listed.recommended or None,
        "finished": listed.finished,
    }


def report_json(report: Report, *, cases: bool) -> dict[str, Any]:
    """A whole report, or without what it knows of single cases."""
    whole = {"object": "afina.report", **as_json(report)}
    return whole if cases else {name: value for name, value in whole.items() if name not in CASE_BY_CASE}


def promotion_of(made: Promoted) -> dict[str, Any]:
    """recipe: what the name stands for now; before: what it stood for until now, null for nothing."""
    return {
        "object": "afina.promotion",
        "name": made.name,
        "study": made.study,
        "arm": made.arm or None,
        "recipe": made.recipe,
        "before": made.before or None,
    }
