"""The words of the page, by language. A language is one more entry with the same keys."""

from collections.abc import Mapping

from afina.errors import BadRequest, nearest

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Study",
        "recommendation": "Recommendation",
        "undecided": "Not enough data to tell",
        "rule": "The rule: the cheapest arm whose lower bound against the best arm is above -{delta} points; else the "
        "best; else how many cases more.",
        "findings": "Against doing nothing",
        "plot": "Quality against cost",
        "plot_y": "right, % of cases (bars: 95 % intervals)",
        "arms": "The arms",
        "left_out": "Left out",
        "overlap": "Overlap of training rows and cases",
        "overlap_none": "None of {rows} training rows asks a case's question or shares eight words in a row with one.",
        "overlap_some": "Of {rows} training rows: {exact} cases are asked word for word, {near} share eight words in a "
        "row with a row; {removed} such rows were kept out of the demonstrations.",
        "failures": "Failed cases",
        "failures_note": "A case on which an arm failed counts as wrong.",
        "cases": "Case by case",
        "show": "Show",
        "all": "all",
        "disagree": "the arms disagree",
        "nobody": "no arm is right",
        "everybody": "every arm is right",
        "expected": "Known answer",
        "no_answer": "none: the documents do not answer it",
        "sources": "Stood in the prompt",
        "right": "right",
        "wrong": "wrong",
        "failed": "failed",
        "no_verdict": "no verdict",
        "empty": "(said nothing)",
        "cited": "cited",
        "how": "How it was measured",
        "page": "page",
    },
}


def words(lang: str) -> Mapping[str, str]:
    """Raises BadRequest for a language that the page does not speak."""
    if lang not in WORDS:
        raise BadRequest(f'the report does not speak "{lang}"{nearest(lang, list(WORDS))}', param="lang")
    return WORDS[lang]
