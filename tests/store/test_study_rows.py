"""Rows of studies and the messages they name: kept together, found again, erased with their document."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from afina.domain.answer import Used
from afina.domain.ask import Scope
from afina.domain.row import Row, Source
from afina.errors import NotFound, StoreError
from afina.store import studies
from afina.store.db import Store, open_store

SCOPE = Scope()
TEXTS = {
    "form": ("system", "Answer briefly."),
    "demo": ("user", "What does a chair cost?"),
    "lamp": ("user", "[1] The lamp costs 3 euros. Question: What does the lamp cost?"),
    "sofa": ("user", "[1] The sofa costs 9 euros. Question: What does the sofa cost?"),
    "both": ("user", "[1] The lamp costs 3 euros. [2] The sofa costs 9 euros. Question: What do they cost?"),
}


def row(arm: str, case: str, *texts: str, sources: Sequence[str] = ()) -> Row:
    return Row(
        arm=arm, case=case, turn="quality", block=0, answer=f"{case} of {arm}", scores={"correct": 1.0, "f1": None},
        whys={"correct": "it says 3 euros"}, used=Used(prompt_tokens=7, cpu_s=0.5), prompts=(texts,) if texts else (),
        sources=tuple(Source(name, passage=f"psg-{name}") for name in sources), own_cpu_s=0.25, confidence=0.5,
    )  # fmt: skip


ROWS = [
    row("base", "lamp", "form"),
    row("knowledge", "lamp", "form", "demo", "lamp", sources=["lamp.md"]),
    row("knowledge", "sofa", "form", "demo", "sofa", sources=["sofa.md"]),
    row("knowledge", "two", "form", "both", sources=["lamp.md", "sofa.md"]),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "afina.db")
    for study in ("study-1", "study-2"):
        studies.begin(store, SCOPE, study, name=study, body={})
        studies.keep(store, SCOPE, study, ROWS, TEXTS)
    return store


def rows(store: Store, study: str = "study-1") -> dict[tuple[str, str], Row]:
    return {(r.arm, r.case): r for r in studies.rows_of(store, SCOPE, study)}


def test_rows_and_messages_come_back_as_they_were(store: Store) -> None:
    assert rows(store) == {(r.arm, r.case): r for r in ROWS}
    assert studies.texts_of(store, SCOPE, "study-1") == TEXTS
    assert studies.texts_of(store, Scope("other"), "study-1") == {}


def test_a_document_takes_its_prompts_and_answers_along_and_no_others(store: Store) -> None:
    assert studies.erase_document(store, SCOPE, "lamp.md") == 4, "two rows of each study"
    for study in ("study-1", "study-2"):
        assert set(studies.texts_of(store, SCOPE, study)) == {"form", "demo", "sofa"}
        now = rows(store, study)
        assert now["base", "lamp"] == ROWS[0]
        assert now["knowledge", "sofa"] == ROWS[2]
        for case in ("lamp", "two"):
            erased = now["knowledge", case]
            assert (erased.answer, erased.prompts, erased.whys) == (studies.ERASED, (), {})
            assert erased.scores == {"correct": 1.0, "f1": None}
            assert erased.used.prompt_tokens == 7


def test_erased_words_are_gone_from_the_file(store: Store) -> None:
    studies.erase_document(store, SCOPE, "lamp.md")
    store.checkpoint()
    whole = store.path.read_bytes()
    assert b"The lamp costs" not in whole
    assert b"it says 3 euros" in whole, "other rows keep theirs"
    assert b"The sofa costs" in whole


def test_an_answer_that_quotes_the_document_without_having_read_it_goes_too(store: Store) -> None:
    line = "The lamp of the old harbour costs 3 euros."
    studies.keep(store, SCOPE, "study-1", [replace(ROWS[0], arm="tuned", answer=f"I learnt: {line}", whys={})])
    studies.erase_document(store, SCOPE, "lamp.md", [f"# Lamps\n\n{line}"])
    assert rows(store)["tuned", "lamp"].answer == studies.ERASED
    assert rows(store)["base", "lamp"] == ROWS[0]


def test_a_message_that_only_erased_rows_read_goes_with_the_last_of_them(store: Store) -> None:
    """The demonstration stays while one row that is not erased names it."""
    studies.erase_document(store, SCOPE, "lamp.md")
    studies.erase_document(store, SCOPE, "sofa.md")
    assert set(studies.texts_of(store, SCOPE, "study-1")) == {"form"}


def test_nothing_of_another_project_is_erased(store: Store) -> None:
    other = Scope("other")
    studies.begin(store, other, "study-1", name="theirs", body={})
    studies.keep(store, other, "study-1", ROWS, TEXTS)
    assert studies.erase_document(store, other, "lamp.md") == 2
    assert rows(store) == {(r.arm, r.case): r for r in ROWS}
    assert studies.erase_document(store, other, "nothing.md") == 0


def test_rows_are_kept_with_their_messages_or_not_at_all(store: Store) -> None:
    nameless = replace(row("tuned", "sofa"), case=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        studies.keep(store, SCOPE, "study-1", [row("tuned", "lamp"), nameless], {"new": ("user", "new")})
    assert rows(store) == {(r.arm, r.case): r for r in ROWS}
    assert "new" not in studies.texts_of(store, SCOPE, "study-1")


def test_a_study_that_is_forgotten_takes_all_along(store: Store) -> None:
    studies.forget(store, SCOPE, "study-1")
    assert studies.rows_of(store, SCOPE, "study-1") == []
    assert studies.texts_of(store, SCOPE, "study-1") == {}
    with pytest.raises(NotFound):
        studies.find(store, SCOPE, "study-1")
    assert len(rows(store, "study-2")) == len(ROWS)


def test_studies_are_called_by_id_its_beginning_or_their_name(store: Store) -> None:
    studies.begin(store, SCOPE, "study-ab12", name="lamps", body={})
    studies.begin(store, SCOPE, "study-ab34", name="lamps", body={})
    assert studies.called(store, SCOPE, "study-ab12").id == "study-ab12"
    assert studies.called(store, SCOPE, "ab3").id == "study-ab34"
    assert studies.called(store, SCOPE, "lamps").id == "study-ab34", "the newest of a name"
    for unknown in ("ab", "", "lumps"):
        with pytest.raises(NotFound):
            studies.called(store, SCOPE, unknown)
