"""Synthesised rows: answers that stand in their passage, distractors that do not hold them, documents kept apart."""

from collections.abc import Sequence
from random import Random

import pytest

from afina.domain.abstention import NOT_FOUND
from afina.domain.document import Passage
from afina.domain.message import Message
from afina.tuning.drafting import Draft, drafts_of, fault_of
from afina.tuning.synthesise import PATTERNS, Rows, Settings, span_of

REFERENCE = """## shop.order(item, count=12, *, colour='blue')

Create an order for one item.
Return the number of the order, which is never reused.
Raises SoldOutError if there is nothing left on the shelf. When the name is unknown, a KeyError is raised.

The parcel (default: cardboard) can be chosen."""
PROSE = """The library was founded in March 1931. The reading room has 64 seats and a piano.
The head librarian is Marta Quiroga. The catalogue is a card index that nobody has counted.
The library opens at 9:30.

| room | floor |
|---|---|
| archive | third |
| nursery | ground |"""
PROSA = """La cooperativa nació el 14 de febrero de 1998. El consejo rector tiene siete miembros.
La gerente es Amalia Berrocal. El almacén abre a las 7:30. Las solicitudes se entregan antes del 15 de marzo."""


def passage(text: str, *, heading: str = "", lang: str = "en", name: str = "doc.md", number: int = 0) -> Passage:
    return Passage(f"p{number}-{name}", f"d-{name}", name, text, 0, len(text), heading=heading, lang=lang)


def drafts(text: str, *, heading: str = "", lang: str = "en") -> dict[str, str]:
    """Answer -> question, over several throws of the dice."""
    found: dict[str, str] = {}
    for seed in range(30):
        found.update(
            {d.answer: d.question for d in drafts_of(passage(text, heading=heading, lang=lang), PATTERNS, Random(seed))}
        )
    return found


def test_questions_to_reference() -> None:
    found = drafts(REFERENCE, heading="shop > shop.order(item, count=12, *, colour='blue')")
    assert set(found) == {
        "shop.order", "12", "blue", "number of the order", "SoldOutError", "KeyError", "cardboard",
    }  # fmt: skip
    assert "nothing left on the shelf" in found["SoldOutError"]
    assert "order for one item" in found["shop.order"]


def test_questions_to_prose_and_tables() -> None:
    found = drafts(PROSE)
    assert {"March 1931", "64", "Marta Quiroga", "9:30", "third", "ground"} <= set(found)
    assert "seats" in found["64"]
    assert "archive" in found["third"]


def test_questions_in_spanish() -> None:
    found = drafts(PROSA, lang="es")
    assert {"14 de febrero de 1998", "siete", "Amalia Berrocal", "7:30", "15 de marzo"} <= set(found)
    assert all(question.startswith("¿") and question.endswith("?") for question in found.values())
    assert "cooperativa" in found["14 de febrero de 1998"]


@pytest.mark.parametrize(
    ("draft", "fault"),
    [
        (Draft("How many seats does it have?", "64", "has 64 seats", "k"), None),
        (Draft("Does it have 64 seats?", "64", "has 64 seats", "k"), "answer in question"),
        (Draft("How many seats does it have?", "64", "64", "k"), "ambiguous span"),
        (Draft("How many seats does it have?", "65", "has 65 seats", "k"), "ambiguous span"),
        (Draft("How many?", "64", "has 64 seats", "k"), "odd question"),
        (Draft("What is it like in there?", "a b c d e f g h i j", "a b c d e f g h i j", "k"), "long answer"),
    ],
)
def test_checks(draft: Draft, fault: str | None) -> None:
    assert fault_of(draft, "The hall has 64 seats; the yard, 64 trees. a b c d e f g h i j") == fault


def test_span_is_found_over_line_breaks() -> None:
    text = "The hall\nhas 64\n  seats; the yard, 64 trees."
    span = span_of(text, Draft("?", "64 seats", "has 64 seats", "k"))
    assert span is not None
    assert text[slice(*span)].split() == ["64", "seats"]
    assert span_of(text, Draft("?", "65", "has 65 seats", "k")) is None


def corpus() -> list[Passage]:
    towns = ["Arlo", "Brema", "Cosk", "Dunby", "Elmet", "Farro", "Gant", "Hask", "Ilve", "Jarn", "Kolm", "Lund"]
    return [
        passage(
            f"The town of {town} was founded in {1801 + n}. The mill of {town} has {20 + n} wheels.\n"
            f"The mayor of {town} is {town}bert Olsen. The bridge of {town} opens at {n + 6}:15.",
            name=f"{town}.md",
            number=n,
        )
        for n, town in enumerate(towns)
    ]


def search(passages: Sequence[Passage], query: str, top_k: int) -> list[Passage]:
    """Passages by words in common."""
    words = set(query.lower().replace("?", "").split())
    return sorted(passages, key=lambda p: -len(words & set(p.text.lower().replace(".", "").split())))[:top_k]


def shown(question: str, passages: Sequence[Passage], lang: str) -> tuple[Message, ...]:
    return (Message("user", "\n\n".join([*(p.text for p in passages), question])),)


def rows(settings: Settings, passages: Sequence[Passage] | None = None) -> Rows:
    everything = corpus()
    return Rows(passages or everything, lambda query, top_k: search(everything, query, top_k), shown, settings)


def test_rows_answer_from_their_sources_or_say_that_they_cannot() -> None:
    made = list(rows(Settings(count=30, unanswerable=0.2)))
    assert len(made) == 30
    assert sum(not row.answerable for row in made) == 6
    by_id = {p.id: p for p in corpus()}
    for row in made:
        text, answer = row.example.messages[0].content, row.example.answer
        right = by_id[row.passage]
        if row.answerable:
            assert right.text in text
            assert answer in right.text
            assert row.span is not None
            assert right.text[slice(*row.span)] == answer
        else:
            assert right.text not in text
            assert answer == NOT_FOUND["en"]
    assert len({row.example.id for row in made}) == 30
    assert len({row.example.question.rpartition("\n\n")[2] for row in made}) == 30


def test_the_same_seed_gives_the_same_rows() -> None:
    one, same, other = (list(rows(Settings(count=12, seed=seed))) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_passages_that_were_not_given_are_never_shown() -> None:
    given = corpus()[:6]
    forbidden = [p.text for p in corpus()[6:]]
    made = rows(Settings(count=15), given)
    for row in made:
        assert not any(text in row.example.messages[0].content for text in forbidden)


def test_what_search_does_not_find_is_dropped_and_counted() -> None:
    everything = corpus()
    blind = Rows(everything, lambda query, top_k: everything[:3], shown, Settings(count=30))
    made = list(blind)
    assert all(row.passage in {p.id for p in everything[:3]} for row in made if row.answerable)
    assert blind.dropped["not found by search"] > 10
