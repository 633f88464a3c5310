"""A workspace from a template: what lies in it, that it works, what a second run does, and what is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from afina.actions.initialise import initialise
from afina.actions.new import BOTH, Part, fill, languages, lay_out, templates
from afina.actions.search import search
from afina.domain.answer import collected
from afina.domain.ask import ask_of
from afina.errors import Conflict, NotFound
from afina.evaluation.cases import load_cases
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

DATA = Path(__file__).parents[2] / "src" / "afina" / "templates"


@contextmanager
def opened(root: Path, engine: EchoEngine | None = None) -> Iterator[Workspace]:
    engines = {"local": engine or EchoEngine()}
    with open_workspace(root, engines=engines, embedders={"minilm": WordEmbedder()}, environ={}) as ws:
        yield ws


def made(root: Path, template: str, lang: str = "en") -> list[Part]:
    langs = languages(template, lang)
    lay_out(root, template, langs)
    with opened(root) as ws:
        return fill(ws, template, langs)


def test_every_folder_with_cases_is_a_template() -> None:
    assert templates() == sorted({path.parts[-3] for path in DATA.glob("*/*/cases.jsonl")})
    assert {"support", "triage"} <= set(templates())


def test_support_is_a_workspace_whose_documents_are_found(tmp_path: Path) -> None:
    (part,) = made(tmp_path / "w", "support")
    assert part.added is not None
    assert (part.added.added, part.added.failed, part.collection) == (26, (), "docs")
    assert (tmp_path / "w" / "README.md").read_bytes() == (DATA / "support" / "README.en.md").read_bytes()
    cases = load_cases(tmp_path / "w" / part.cases)
    assert (len(cases), cases[0].question) == (part.case_rows, part.asked)
    with opened(tmp_path / "w") as ws:
        assert len(ws.demonstrations.examples(ws.scope, "support-en")) == part.example_rows
        names = {document.name for document in ws.passages.documents(ws.scope, "docs")}
        assert {case.document for case in cases if case.answerable} == names
        found = search(ws, "Whales and Basking Sharks", top_k=1)[0]
        assert found.passage.document == "24-evening-trips.md"


def test_the_recipe_answers_from_the_documents(tmp_path: Path) -> None:
    made(tmp_path / "w", "support")
    engine = EchoEngine()

    async def asked(ws: Workspace) -> int:
        return len((await collected(ws.answerer("support-en")(ask_of("When does the Puffin Hour start?")))).sources)

    with opened(tmp_path / "w", engine) as ws:
        assert ws.portal.run(asked(ws)) > 0
    prompt = engine.asked[0]
    assert "not in the documents" in prompt.messages[0].content
    assert "| Puffin Hour |" in prompt.messages[-1].content


def test_what_is_commented_in_a_recipe_works_without_the_sign(tmp_path: Path) -> None:
    made(tmp_path / "w", "support")
    file = tmp_path / "w" / "afina.toml"
    file.write_text(file.read_text().replace("  # {", "  {"))
    with opened(tmp_path / "w") as ws:
        recipe = ws.recipe("support-en")
        assert [stage.use for stage in recipe.gather] == ["prompt", "knowledge", "examples"]
        ws.answerer(recipe)


def test_labelled_rows_are_messages_that_their_label_answers(tmp_path: Path) -> None:
    (part,) = made(tmp_path / "w", "triage")
    assert part.added is None
    with opened(tmp_path / "w") as ws:
        examples = ws.demonstrations.examples(ws.scope, "triage-en")
        assert {example.answer for example in examples} == set(part.labels)
        assert all([m.role for m in example.messages] == ["user", "assistant"] for example in examples)
        recipe = ws.recipe("triage-en")
        assert [stage.use for stage in recipe.gather] == ["prompt", "examples"]
        assert all(label in recipe.gather[0].options["instructions"] for label in part.labels)
        ws.answerer(recipe)


def test_both_languages_lie_side_by_side(tmp_path: Path) -> None:
    english, spanish = made(tmp_path / "w", "support", BOTH)
    assert (english.collection, spanish.collection) == ("docs", "docs-es")
    assert (english.examples, spanish.examples) == ("support-en", "support-es")
    assert {"README.md", "README.es.md"} <= {path.name for path in (tmp_path / "w").iterdir()}
    with opened(tmp_path / "w") as ws:
        assert {d.lang for d in ws.passages.documents(ws.scope, "docs-es")} == {"es"}
        assert "no está en los documentos" in ws.recipe("support-es").gather[0].options["instructions"]
        assert ws.recipe("support-es").gather[1].options["collection"] == "docs-es"


def test_a_language_alone_has_the_usual_collection(tmp_path: Path) -> None:
    (part,) = made(tmp_path / "w", "support", "es")
    assert (part.lang, part.collection, part.examples) == ("es", "docs", "support-es")
    assert (tmp_path / "w" / "README.md").read_bytes() == (DATA / "support" / "README.es.md").read_bytes()


def test_a_second_run_keeps_what_was_edited_and_takes_it_in(tmp_path: Path) -> None:
    root = tmp_path / "w"
    made(root, "support")
    page, examples = root / "data/en/documents/01-about-us.md", root / "data/en/examples.jsonl"
    page.write_text("# About us\n\nA walrus is our mascot.\n")
    rows = examples.read_text().splitlines(keepends=True)
    examples.write_text("".join(rows[:50]))
    (root / "afina.toml").write_text((root / "afina.toml").read_text().replace('name = "w"', 'name = "mine"'))
    (root / "data/en/documents/02-routes.md").unlink()
    (part,) = made(root, "support")
    assert part.added is not None
    assert (part.added.replaced, part.added.unchanged, part.example_rows) == (1, 25, 50)
    assert "walrus" in page.read_text()
    with opened(root) as ws:
        assert ws.config.workspace.name == "mine"
        assert search(ws, "walrus mascot", top_k=1)[0].passage.document == "01-about-us.md"


def test_a_run_that_was_cut_off_is_finished_by_the_next(tmp_path: Path) -> None:
    lay_out(tmp_path / "w", "support", ("en",))
    (tmp_path / "w" / "afina.db").unlink()
    (tmp_path / "w" / "data/en/cases.jsonl").unlink()
    assert made(tmp_path / "w", "support")[0].case_rows > 100


def test_a_folder_with_something_else_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Conflict, match="is not empty; name a folder"):
        lay_out(tmp_path, "support", ("en",))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(Conflict, match="is a file"):
        lay_out(tmp_path / "mine.txt", "support", ("en",))
    with pytest.raises(Conflict, match="is not empty"):
        lay_out(initialise(tmp_path / "workspace"), "support", ("en",))


def test_a_workspace_of_another_template_or_language_is_refused(tmp_path: Path) -> None:
    lay_out(tmp_path / "w", "triage", ("en",))
    for template, langs in (("support", ("en",)), ("triage", ("es",)), ("triage", ("en", "es"))):
        with pytest.raises(Conflict, match=r"made by: afina new triage --lang en"):
            lay_out(tmp_path / "w", template, langs)
    assert not (tmp_path / "w" / "data" / "es").exists()


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(NotFound, match='no template is called "suport"; did you mean "support"'):
        languages("suport", "en")
    with pytest.raises(NotFound, match="there is: both, en, es"):
        languages("support", "fr")
    with pytest.raises(NotFound, match='did you mean "both"'):
        languages("support", "boht")
    assert languages("support", BOTH) == ("en", "es")
