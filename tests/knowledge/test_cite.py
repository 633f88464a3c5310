"""Each sentence with the passage that backs it, by what it says and not by the marks it carries."""

from afina.domain.document import Found, Passage
from afina.knowledge.cite import cite
from afina.trust.checkers.overlap import Options, Overlap

TEXTS = (
    "The boat left the harbour at dawn. It carried a crew of four people and 12 crates of oranges.",
    "El contrato dura cinco años. La fianza es de $1,200 y se devuelve al final del contrato.",
)
FOUND = [Found(Passage(f"p{n}", "d", "d", text, 0, len(text)), 1.0) for n, text in enumerate(TEXTS)]
CHECK = Overlap(Options())


def test_each_sentence_gets_the_passage_that_says_it() -> None:
    answer = "The boat left the harbour at dawn [2]. La fianza, de $1,200, se devuelve al final. Nobody saw a whale."
    first, second, third = cite(answer, FOUND, checker=CHECK)
    assert answer[first.start : first.end].startswith("The boat")
    assert first.source == 1
    assert TEXTS[0][first.quote_start : first.quote_end] == "The boat left the harbour at dawn"
    assert second.source == 2
    assert "fianza" in TEXTS[1][second.quote_start : second.quote_end]
    assert third.source is None


def test_short_answers_are_found_word_for_word() -> None:
    for answer, source, quote in (
        ("$1200.", 2, "$1,200"),
        ("a crew of FOUR", 1, "a crew of four"),
        ("cinco anos", 2, "cinco años"),
    ):
        (cited,) = cite(answer, FOUND, checker=CHECK)
        assert cited.source == source
        assert TEXTS[source - 1][cited.quote_start : cited.quote_end] == quote
        assert cited.score == 1.0


def test_a_wrong_number_is_not_backed() -> None:
    (cited,) = cite("It carried a crew of five people and 12 crates of oranges and 7 dogs.", FOUND, checker=CHECK)
    assert cited.source is None


def test_words_that_say_nothing_are_not_backed() -> None:
    for answer in ("the", "It is.", "a of the"):
        assert [c.source for c in cite(answer, FOUND, checker=CHECK)] == [None]


def test_abstaining_claims_nothing() -> None:
    assert cite("Not in the documents.", FOUND, checker=CHECK) == []
    assert cite("No está en los documentos", FOUND, checker=CHECK) == []
    assert cite("", FOUND, checker=CHECK) == []


def test_nothing_in_the_prompt_backs_nothing() -> None:
    assert [c.source for c in cite("The boat left.", [], checker=CHECK)] == [None]
