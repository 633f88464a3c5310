"""Passages cover the text in order, exactly, within the budget, under the right headings and pages."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from afina.domain.document import Document, digest
from afina.knowledge.sentences import sentences
from afina.knowledge.split import Options, split

WORDS = st.text(alphabet="ab .\n!?É#", max_size=600)


def count(text: str) -> int:
    """A token for every three characters of a word, and two for the ends: as a tokenizer counts."""
    return 2 + sum(-(-len(word) // 3) for word in text.split())


def document(text: str, **more: object) -> Document:
    plain = Document("doc-1", "a.md", "", text, digest(text), "en")
    return replace(plain, **more)  # type: ignore[arg-type]


@given(WORDS, st.integers(16, 60), st.lists(st.integers(0, 600), max_size=6))
@settings(max_examples=200, deadline=None)
def test_every_character_once_in_order_and_within_the_budget(text: str, tokens: int, at: list[int]) -> None:
    headings = tuple((place, 1 + n % 3, f"h{n}") for n, place in enumerate(sorted(a for a in at if a < len(text))))
    passages = split(document(text, headings=headings), count=count, options=Options(tokens=tokens))
    end = 0
    for passage in passages:
        assert passage.start >= end
        assert not text[end : passage.start].strip()
        assert passage.text == text[passage.start : passage.end] != ""
        above = count(passage.heading) if passage.heading else 0
        assert count(passage.text) <= max(tokens - above, tokens // 2)
        end = passage.end
    assert not text[end:].strip()
    assert len({p.id for p in passages}) == len(passages)


@given(WORDS)
@settings(max_examples=100, deadline=None)
def test_sentences_leave_out_nothing_but_space(text: str) -> None:
    spans = list(sentences(text))
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert spans == sorted(spans)


def test_sentences_of_both_languages() -> None:
    text = "Dr. Smith paid 3.5 euros. He left. ¿Quién vino? Vino la Sra. García. Y ya."
    assert [text[a:b] for a, b in sentences(text)] == [
        "Dr. Smith paid 3.5 euros.", "He left.", "¿Quién vino?", "Vino la Sra. García.", "Y ya.",
    ]  # fmt: skip


def test_headings_make_the_path_and_are_not_crossed() -> None:
    text = "# Guide\n\nIntro.\n\n## Install\n\nRun it.\n\n## Use\n\n### Alone\n\nType it.\n"
    levels = {"# Guide": 1, "## Install": 2, "## Use": 2, "### Alone": 3}
    headings = tuple((text.index(mark), level, mark.strip("# ")) for mark, level in levels.items())
    made = split(document(text, headings=headings, title="Guide"), count=count)
    assert [(p.heading, p.text.split()[-1]) for p in made] == [
        ("Guide", "Intro."), ("Guide > Install", "it."), ("Guide > Use > Alone", "it."),
    ]  # fmt: skip
    assert made[2].text.startswith("## Use")


def test_pages_are_those_of_the_start() -> None:
    text = "One.\n\n" + "Two " * 40 + "\n\nThree."
    pages = (0, 6, text.index("Three"))
    made = split(document(text, pages=pages), count=count, options=Options(tokens=30))
    assert made[0].page == 1
    assert made[-1].page in (2, 3)
    assert [p.page for p in made] == sorted(p.page or 0 for p in made)


def test_ids_follow_from_content() -> None:
    text = "Some text here. And more."
    assert split(document(text), count=count) == split(document(text), count=count)
    assert split(document(text), count=count)[0].id != split(document(text, id="doc-2"), count=count)[0].id
