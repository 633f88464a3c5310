"""What stands under an answer."""

from afina.cli.ask import answer_json, footnotes
from afina.domain.answer import Answer, Cited
from afina.domain.document import Found, Passage

LEAVE = Passage("p1", "d1", "leave.pdf", "Parents get\nsixteen weeks.", 0, 26, page=3, heading="Leave > Parents")
TRAVEL = Passage("p2", "d2", "travel.md", "Trains are booked.", 0, 18)
ANSWER = Answer(
    text="Sixteen weeks. The moon is cheese.",
    finish="stop",
    sources=(Found(LEAVE, 0.9), Found(TRAVEL, 0.1)),
    citations=(
        Cited(start=0, end=14, source=1, quote_start=0, quote_end=25, score=0.9),
        Cited(start=15, end=34, source=None),
    ),
)


def test_sources_are_numbered_with_their_words_and_unsupported_sentences_are_marked() -> None:
    assert footnotes(ANSWER) == [
        "",
        "Sources",
        "  [1] leave.pdf, page 3: Leave > Parents",
        '      "Parents get sixteen weeks"',
        "  [2] travel.md",
        "",
        "Not supported by the sources",
        "  - The moon is cheese.",
    ]


def test_an_answer_without_sources_has_no_footnotes() -> None:
    assert footnotes(Answer(text="Hello.")) == []


def test_the_answer_as_json_quotes_the_support() -> None:
    made = answer_json(ANSWER, model="m", run_id="r")
    assert [c["quote"] for c in made["citations"]] == ["Parents get\nsixteen weeks", None]
    assert [c["supported"] for c in made["citations"]] == [True, False]
    assert [s["document"] for s in made["sources"]] == ["leave.pdf", "travel.md"]
