"""The demo's flow on the echo engine: every step once, again only for a reason, and the recommended recipe served."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from afina.actions import demo as demos
from afina.actions.demo import READER, Doing, Shown, demo
from afina.actions.initialise import initialise
from afina.domain.artefact import Artefact
from afina.domain.example import Case
from afina.domain.progress import Progress
from afina.domain.report import ArmResult, Cost, Estimate, Recommendation, Report
from afina.errors import BadRequest
from afina.evaluation.design import Design
from afina.store import artefacts
from afina.testing.echo import EchoEngine
from afina.testing.fakes import WordEmbedder
from afina.workspace import Workspace, open_workspace

LIBRARY = {
    "json.md": "# json\n\n## json.JSONDecodeError\n\nSubclass of ValueError with the following additional properties:",
    "heapq.md": "# heapq\n\n## heapq.heapify(x)\n\nTransform list into a heap, in-place, in O(len(heap)) time.\n",
}
ARMS = ("base", "knowledge")


class Faked:
    """Fakes of the costly actions; `calls` is what was done, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.asked: dict[str, list[Case]] = {}
        self.options: dict[str, dict[str, Any]] = {}
        self.texts = LIBRARY

    def library(self, folder: Path) -> dict[str, str]:
        self.calls.append("library")
        (folder / "stdlib").mkdir(parents=True, exist_ok=True)
        for name, text in self.texts.items():
            (folder / "stdlib" / name).write_text(text)
        return self.texts

    def synthesise(self, ws: Workspace, *, out: Path, **options: Any) -> None:
        self.calls.append("synthesise")
        self.options["synthesise"] = options
        asked = "[1] heapq.md\nA heap.\n\nQuestion: What is it?"
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": "a heap"}]
        out.write_text(json.dumps({"messages": turns}) + "\n")

    def tune(self, ws: Workspace, path: Path, *, name: str, **options: Any) -> Artefact:
        self.calls.append("tune")
        self.options["tune"] = options
        made = ws.root / "made"
        made.mkdir(exist_ok=True)
        (made / "adapter.txt").write_text(path.read_text())
        return artefacts.put(ws.store, ws.root, ws.scope, kind="adapter", name=name, folder=made, meta={})

    def compare(
        self, ws: Workspace, cases: tuple[Case, ...], design: Design, *, out: list[Path], **options: Any
    ) -> Report:
        knowledge = str(design.knowledge)
        self.calls.append(f"compare {knowledge}")
        self.asked[knowledge] = list(cases)
        out[0].write_text("<html></html>")
        return report_of(knowledge, len(cases))

    @property
    def doing(self) -> Doing:
        return Doing(library=self.library, synthesise=self.synthesise, tune=self.tune, compare=self.compare)


def report_of(collection: str, cases: int) -> Report:
    gather = {"base": [], "knowledge": [{"use": "knowledge", "options": {"collection": collection}}]}
    arms = tuple(
        ArmResult(
            name=name,
            what=name,
            quality=Estimate(0.5, 0.4, 0.6, cases),
            metrics={},
            cost=Cost(unit="CPU-seconds"),
            recipe={"engine": "local", "adapter": None, "gather": gather[name], "control": [], "sampling": {}},
        )
        for name in ARMS
    )
    advice = Recommendation(verdict="best", arm="knowledge", sentence="Use knowledge.", delta=0.02, best="knowledge")
    return Report(
        id="s",
        name="study",
        created=0.0,
        engine="echo",
        cases=cases,
        groups=1,
        unanswerable=0,
        arms=arms,
        against_base=(),
        against_best=(),
        recommendation=advice,
        settings={"amortised_over": 1000, "watts_per_core": 10},
    )


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Workspace]]:
    workspaces: list[Workspace] = []

    def again() -> Workspace:
        for ws in workspaces:
            ws.close()
        workspaces.clear()
        engines = {"local": EchoEngine()}
        root = initialise(tmp_path / "ws")
        workspaces.append(open_workspace(root, engines=engines, embedders={"minilm": WordEmbedder()}, environ={}))
        return workspaces[0]

    yield again
    for ws in workspaces:
        ws.close()


def test_from_an_empty_folder_to_a_served_recipe(opened: Callable[[], Workspace]) -> None:
    faked, ws = Faked(), opened()
    told: list[Progress] = []
    shown = demo(ws, tell=told.append, doing=faked.doing)
    assert faked.calls == ["library", "synthesise", "tune", "compare stdlib", "compare manual"]
    assert [s.model for s in shown.studies] == ["demo", "demo-manual"]
    assert ws.recipe("demo").gather[0].options == {"collection": "stdlib"}
    assert ws.recipe("demo-manual").gather[0].options == {"collection": "manual"}
    assert set(ws.passages.names(ws.scope)) == {"stdlib", "manual"}
    assert shown.studies[0].recommendation == "Use knowledge."
    assert shown.studies[0].tables[0]["columns"][0] == "arm"
    assert [n for n in (p.note for p in told) if n.startswith("8/8")]


def test_demonstrations_are_the_rows_without_their_sources(opened: Callable[[], Workspace]) -> None:
    ws = opened()
    demo(ws, doing=Faked().doing)
    shown = ws.demonstrations.examples(ws.scope, demos.EXAMPLES)
    assert [(e.question, e.answer) for e in shown] == [("What is it?", "a heap")]


def test_tuning_sees_one_part_and_the_cases_the_other(opened: Callable[[], Workspace]) -> None:
    faked = Faked()
    shown = demo(opened(), doing=faked.doing)
    assert faked.options["synthesise"]["documents"] == ["heapq.md"]
    assert [c.id for c in faked.asked["stdlib"] if c.answerable] == ["json-02"]
    assert all("span" in why or "document" in why for _, why in shown.studies[0].dropped)
    assert len(faked.asked["manual"]) == 40


def test_a_second_run_does_nothing_and_shows_the_same(opened: Callable[[], Workspace]) -> None:
    faked = Faked()
    first = demo(opened(), doing=faked.doing)
    faked.calls.clear()
    ws = opened()
    second = demo(ws, doing=faked.doing)
    assert faked.calls == []
    assert plain(second) == plain(first)


def test_what_was_removed_by_hand_is_made_again(opened: Callable[[], Workspace]) -> None:
    faked = Faked()
    ws = opened()
    demo(ws, doing=faked.doing)
    (ws.root / "demo" / "spanish.html").unlink()
    faked.calls.clear()
    demo(opened(), doing=faked.doing)
    assert faked.calls == ["compare manual"]


def test_another_python_costs_only_what_its_documents_change(
    opened: Callable[[], Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    faked = Faked()
    demo(opened(), doing=faked.doing)
    faked.calls.clear()
    monkeypatch.setattr(demos, "origin", lambda: "another Python, the same words")
    demo(opened(), doing=faked.doing)
    assert faked.calls == ["library"]
    monkeypatch.setattr(demos, "origin", lambda: "another Python, other words")
    faked.texts = {**LIBRARY, "heapq.md": "# heapq\n\nHeap queue algorithm.\n"}
    demo(opened(), doing=faked.doing)
    assert faked.calls == ["library", "library", "synthesise", "compare stdlib"]


@pytest.mark.parametrize(("minutes", "most"), [(60, 3.0), (1, 0.5)])
def test_tuning_gets_what_the_rest_leaves(opened: Callable[[], Workspace], minutes: float, most: float) -> None:
    faked = Faked()
    demo(opened(), minutes=minutes, doing=faked.doing)
    assert faked.options["tune"]["max_minutes"] == pytest.approx(most)


def test_no_time_at_all_is_refused(opened: Callable[[], Workspace]) -> None:
    with pytest.raises(BadRequest, match="minutes"):
        demo(opened(), minutes=0, doing=Faked().doing)


def test_an_interrupted_demo_goes_on_where_it_was(opened: Callable[[], Workspace]) -> None:
    class Broken(Faked):
        def compare(self, ws: Workspace, cases: tuple[Case, ...], design: Design, **options: Any) -> Report:
            raise KeyboardInterrupt

    broken = Broken()
    with pytest.raises(KeyboardInterrupt):
        demo(opened(), doing=broken.doing)
    faked = Faked()
    demo(opened(), doing=faked.doing)
    assert faked.calls == ["compare stdlib", "compare manual"]
    assert READER in artefacts.names(opened().store, opened().scope, "adapter")


def plain(shown: Shown) -> list[Any]:
    return [(s.tables, s.findings, s.recommendation, s.arm, s.model, s.dropped) for s in shown.studies]


def test_progress_says_what_is_left_of_the_whole(opened: Callable[[], Workspace]) -> None:
    told: list[Progress] = []

    class Telling(Faked):
        def tune(self, ws: Workspace, path: Path, *, name: str, **options: Any) -> Artefact:
            options["tell"](Progress("tuning", done=1, total=10, left_s=60))
            return super().tune(ws, path, name=name, **options)

    demo(opened(), tell=told.append, doing=Telling().doing)
    tuning = next(p for p in told if p.stage.endswith("tuning"))
    assert tuning.stage.startswith("6/8")
    assert tuning.left_s == 60 + demos.PLAN[6].usual_s + demos.PLAN[7].usual_s
