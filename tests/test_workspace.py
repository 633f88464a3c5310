"""A workspace: names to recipes, what is opened once, refusals with the nearest name."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from afina import parts
from afina.actions.initialise import initialise
from afina.border import Portal
from afina.contracts import Gather
from afina.domain.answer import collected
from afina.domain.artefact import Recipe, Stage
from afina.domain.ask import Sampling, ask_of
from afina.domain.certificate import Certificate, Figures
from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import BrokenArtefact, ConfigError, Conflict, NotCertified, NotFound
from afina.store import artefacts, certificates, recipes
from afina.testing.echo import EchoEngine
from afina.trust.setup import setup_of
from afina.workspace import Workspace, open_workspace

BASE = "b" * 64
FACTS = Stage("background", {"facts": []})
TOML = """
[engines.large]
use = "openai"
url = "http://127.0.0.1:9/v1"
model = "grande"
[recipes.polite]
gather = [{ use = "prompt", instructions = "Be kind." }]
sampling = { max_tokens = 3, stop = ["."] }
[recipes.routed]
control = [{ use = "routed", large = "polite" }]
"""


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine("one two three four")


@pytest.fixture
def ws(tmp_path: Path, engine: EchoEngine) -> Iterator[Workspace]:
    initialise(tmp_path / "ws")
    (tmp_path / "ws" / "afina.toml").write_text(TOML)
    opened = open_workspace(tmp_path / "ws", environ={}, engines={"local": engine, "large": EchoEngine("sí")})
    yield opened
    opened.close()


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.close()


def adapter(ws: Workspace, tmp_path: Path, name: str) -> str:
    (tmp_path / name).mkdir()
    (tmp_path / name / "adapter_config.json").write_text(name)
    return artefacts.put(ws.store, ws.root, ws.scope, kind="adapter", name=name, folder=tmp_path / name, meta={}).digest


def test_an_empty_workspace_names_the_bundled_model(tmp_path: Path) -> None:
    (tmp_path / "afina.toml").write_text("")
    ws = open_workspace(tmp_path, environ={})
    assert ws.model_names() == ["bundled-135m"]
    assert ws.recipe("bundled-135m") == Recipe("bundled-135m", "local")
    assert ws.recipe("local").engine == "local"
    ws.close()


def test_a_folder_that_is_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="afina init"):
        open_workspace(tmp_path, environ={})


def test_names_resolve_in_order(ws: Workspace, tmp_path: Path) -> None:
    law = adapter(ws, tmp_path, "law")
    recipes.put(ws.store, ws.scope, Recipe("stored", "large"))
    recipes.point(ws.store, ws.scope, "live", "law")
    assert ws.recipe("stored").engine == "large"
    assert ws.recipe("polite").gather[0].use == "prompt"
    assert (ws.recipe("law").adapter, ws.recipe("law").engine) == (law, "local")
    assert ws.recipe("live") == ws.recipe("law")
    assert ws.recipe("grande").engine == "large"
    assert [r.name for r in ws.recipes()] == ["live", "stored", "polite", "routed", "law", "grande", "bundled-135m"]
    recipes.point(ws.store, ws.scope, "dangling", "gone")
    assert "dangling" not in [r.name for r in ws.recipes()]
    recipes.put(ws.store, ws.scope, Recipe("polite", "large"))
    assert ws.recipe("polite").engine == "large", "what was promoted at run time goes before the file"
    with pytest.raises(NotFound, match='did you mean "polite"'):
        ws.recipe("polit")


def test_a_recipe_answers_with_its_prompt_adapter_and_sampling(
    ws: Workspace, engine: EchoEngine, portal: Portal, tmp_path: Path
) -> None:
    law = adapter(ws, tmp_path, "law")
    engine.adapters = {law: "tuned"}
    answer = portal.run(collected(ws.answerer("polite")(ask_of("hi"))))
    assert answer.text == "one two three"
    asked = engine.asked[-1]
    assert asked.messages[0].content == "Be kind."
    assert (asked.sampling.max_tokens, asked.sampling.stop) == (3, (".",))
    portal.run(collected(ws.answerer("polite")(ask_of("hi", sampling=Sampling(max_tokens=1)))))
    assert engine.asked[-1].sampling.max_tokens == 1, "what the request says goes before the recipe"
    assert portal.run(collected(ws.answerer("law")(ask_of("hi")))).text == "tuned"
    assert portal.run(collected(ws.answerer(Recipe("x", "local", adapter="law"))(ask_of("hi")))).text == "tuned"


def test_a_recipe_may_name_another(ws: Workspace, engine: EchoEngine, portal: Portal) -> None:
    answer = portal.run(collected(ws.answerer("routed")(ask_of("hi"))))
    assert answer.text.startswith("one two three")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe("r", "locla"), 'recipe "r", engine: no engine is called "locla"; did you mean "local"'),
        (Recipe("r", "local", adapter="lwa"), 'recipe "r", adapter: no adapter is called "lwa"; did you mean "law"'),
        (Recipe("r", "local", sampling={"max_token": 1}), 'sampling: "max_token" is not a key here; .* "max_tokens"'),
        (Recipe("r", "local", gather=(Stage("knowlege"),)), r'stage 1 \(knowlege\): .* did you mean "knowledge"'),
        (
            Recipe("r", "local", gather=(Stage("knowledge", {"topk": 1}),)),
            r'gather stage 1 \(knowledge\): "topk" is not a key here; did you mean "top_k"',
        ),
        (Recipe("r", "local", gather=(Stage("prompt"),)), '"instructions" must be given'),
        (Recipe("r", "local", gather=(Stage("knowledge", {"top_k": 0}),)), '"top_k" is 0: input should be greater'),
        (
            Recipe("r", "local", gather=(FACTS, Stage("knowledge", {"collection": "dox"}))),
            r'gather stage 2 \(knowledge\), collection: no collection is called "dox"; did you mean "docs"',
        ),
        (
            Recipe("r", "local", gather=(Stage("examples", {"set": "faq"}),)),
            r'gather stage 1 \(examples\), set: no set of examples is called "faq"',
        ),
        (
            Recipe("r", "local", control=(Stage("routed", {"large": "polit"}),)),
            r'control stage 1 \(routed\), large: no recipe is called "polit"; did you mean "polite"',
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_a_recipe_gets_wrong_is_named(ws: Workspace, tmp_path: Path, recipe: Recipe, message: str) -> None:
    adapter(ws, tmp_path, "law")
    with pytest.raises(ConfigError, match=message):
        ws.answerer(recipe)


def test_circles_are_refused_with_the_way_round(ws: Workspace) -> None:
    with pytest.raises(ConfigError, match="r -> r"):
        ws.answerer(
            Recipe("r", "local", control=(Stage("routed", {"large": "polite"}), Stage("routed", {"large": "r"})))
        )
    recipes.put(ws.store, ws.scope, Recipe("a", "local", control=(Stage("routed", {"large": "b"}),)))
    recipes.put(ws.store, ws.scope, Recipe("b", "local", control=(Stage("routed", {"large": "c"}),)))
    recipes.point(ws.store, ws.scope, "c", "a")
    with pytest.raises(ConfigError, match=r"a -> b -> c -> b|b -> c -> b"):
        ws.answerer("a")


def test_an_engine_is_opened_once_for_all_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    initialise(tmp_path)
    ws = open_workspace(tmp_path, environ={})
    opened: list[str] = []

    def slowly(self: Workspace, name: str, *rest: object) -> EchoEngine:
        threading.Event().wait(0.05)
        opened.append(name)
        return EchoEngine()

    monkeypatch.setattr(Workspace, "_opened", slowly)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(ws.engine())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == ["local"]
    assert len({id(engine) for engine in got}) == 1
    ws.close()


def test_closing_ends_the_engines(tmp_path: Path) -> None:
    initialise(tmp_path)
    engine = EchoEngine()
    ws = open_workspace(tmp_path, environ={}, engines={"local": engine})
    ws.close()
    assert engine.closed


def test_an_adapter_that_changed_is_not_handed_out(ws: Workspace, tmp_path: Path) -> None:
    law = adapter(ws, tmp_path, "law")
    file = ws.root / "artefacts" / "adapter" / law / "adapter_config.json"
    file.write_text("lax")
    with pytest.raises(BrokenArtefact, match=r"adapter_config\.json"):
        ws.adapter_folder(law)
    file.write_text("law")
    assert ws.adapter_folder(law) == file.parent
    with pytest.raises(NotFound):
        ws.adapter_folder("0" * 64)


def certified(ws: Workspace, artefact: str, *, reasons: tuple[str, ...] = (), setup: str | None = None) -> None:
    here = setup_of(use="echo", options={}, serving="") if setup is None else setup
    made = Certificate(artefact, BASE, "echo", "transformers", here, {}, {}, Figures(), reasons, 1.0, 1.0)
    certificates.save(ws.store, ws.root, made)


def test_an_adapter_answers_only_with_a_certificate_that_holds(
    ws: Workspace, engine: EchoEngine, tmp_path: Path
) -> None:
    engine.base = BASE
    law = adapter(ws, tmp_path, "law")
    with pytest.raises(NotCertified, match="afina verify law"):
        ws.answerer("law")
    certified(ws, law, setup="another")
    with pytest.raises(NotCertified, match="another setup"):
        ws.answerer("law")
    certified(ws, law, reasons=("mean error 2",))
    with pytest.raises(NotCertified, match="may not be served"):
        ws.answerer("law")
    certified(ws, law)
    ws.answerer("law")
    ws.answerer("bundled-135m")
    certified(ws, BASE, reasons=("mean error 2",))
    with pytest.raises(NotCertified, match="may not be served"):
        ws.answerer("bundled-135m")
    ws.require_certificate = False
    ws.answerer("bundled-135m")


def test_an_adapter_of_another_base_is_refused(ws: Workspace, engine: EchoEngine, tmp_path: Path) -> None:
    engine.base = BASE
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "adapter_config.json").write_text("{}")
    artefacts.put(
        ws.store, ws.root, ws.scope, kind="adapter", name="old", folder=tmp_path / "a", meta={"base": "c" * 64}
    )
    with pytest.raises(Conflict, match=r"cccccccccccc.*tune again"):
        ws.answerer("old")


def test_stages_are_built_once_until_their_examples_change(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def example(text: str) -> Example:
        return Example(text, (Message("user", text), Message("assistant", "yes")))

    stage = Stage("examples", {"set": "faq", "count": 1})
    recipe = Recipe("r", "local", gather=(stage,))
    built: list[Stage] = []
    gather_of = parts.gather_of

    def noted(stage: Stage, stock: parts.Stock, *, where: str) -> Gather:
        built.append(stage)
        return gather_of(stage, stock, where=where)

    monkeypatch.setattr(parts, "gather_of", noted)
    ws.demonstrations.put(ws.scope, "faq", [example("one")])
    ws.answerer(recipe)
    ws.answerer(recipe)
    assert built == [stage]
    ws.demonstrations.put(ws.scope, "faq", [example("two")])
    ws.answerer(recipe)
    assert built == [stage, stage]
