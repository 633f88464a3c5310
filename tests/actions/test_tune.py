"""Tuning from a file to a name that answers: stored, certified, live; refused where it must be."""

import json
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from afina.actions.initialise import initialise
from afina.actions.tune import WORK, tune
from afina.border import Portal
from afina.cli.main import app
from afina.domain.answer import collected
from afina.domain.ask import ask_of
from afina.domain.progress import Progress
from afina.errors import BadRequest, ConfigError, EngineError, InvalidRows, NotCertified
from afina.store import artefacts, certificates
from afina.testing.tiny import write_tiny_model
from afina.tuning.methods import lora
from afina.workspace import Workspace, open_workspace

CONFIG = """
[engines.local]
use = "transformers"
model = "base"
device = "cpu"
"""
OPTIONS = {"rank": 4, "learning_rate": 5e-3, "epochs": 6, "batch_rows": 4, "dtype": "float32", "device": "cpu"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = initialise(tmp_path / "ws")
    write_tiny_model(folder / "base", context_tokens=2048)
    (folder / "afina.toml").write_text(CONFIG)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{n // 4} The red boat left the harbour at dawn. How many, {n}?"},
                {"role": "assistant", "content": f"seven {n % 4}"},
            ],
            "document": f"boat{n // 4}.md",
        }
        for n in range(40)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def opened(root: Path) -> Workspace:
    return open_workspace(root, environ={})


def answered(ws: Workspace, name: str) -> str:
    portal = Portal()
    try:
        return portal.run(collected(ws.answerer(name)(ask_of("1 The red boat left. How many?")))).text
    finally:
        portal.close()


def test_a_tuned_name_is_certified_and_answers(root: Path, data: Path) -> None:
    ws, told = opened(root), list[Progress]()
    artefact = tune(ws, data, name="boats", options=OPTIONS, held_out=0.2, tell=told.append, apart=True)
    meta = artefact.meta
    assert meta["base"] == ws.engine().card.base
    assert meta["method"]["name"] == "lora"
    assert meta["data"]["rows"] + meta["data"]["held_out_rows"] + meta["data"]["removed_rows"] == 40
    assert meta["metrics"]["held_out_loss"] < meta["metrics"]["held_out_loss_before"]
    settings = json.loads((ws.adapter_folder(artefact.digest) / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == meta["base"]
    (file,) = (root / certificates.FOLDER).glob(f"{artefact.digest}.transformers.*")
    found = certificates.certificate_of(json.loads(file.read_text())["body"])
    assert found.passed, found.summary
    assert any('"boats" answers now' in p.note for p in told)
    assert answered(ws, "boats") != answered(ws, "base")
    assert len(ws.demonstrations.examples(ws.scope, "boats")) == meta["data"]["rows"]
    assert not list((root / WORK).iterdir())
    assert all(p.left_s is not None for p in told if p.stage == "tuning")
    ws.close()


def test_without_a_certificate_the_name_does_not_answer(root: Path, data: Path) -> None:
    ws = opened(root)
    tune(ws, data, name="boats", options={**OPTIONS, "epochs": 1}, certify=False, apart=False)
    with pytest.raises(NotCertified):
        answered(ws, "boats")
    ws.close()


IDLE = {**OPTIONS, "learning_rate": 1e-9, "epochs": 1}
"""Too slow to learn anything, so that the certificate fails: the adapter is not active."""


def test_a_name_that_answers_changes_hands_when_the_new_adapter_is_certified(root: Path, data: Path) -> None:
    with opened(root) as ws:
        first = tune(ws, data, name="boats", options=OPTIONS, held_out=0, apart=False)
        before, seen = answered(ws, "boats"), list[tuple[str, str | None]]()
        rows = ws.demonstrations.examples(ws.scope, "boats")

        def look(progress: Progress) -> None:
            seen.append((progress.note, ws.recipe("boats").adapter))
            if progress.note.startswith('"boats" answers as before'):
                assert answered(ws, "boats") == before
                assert ws.demonstrations.examples(ws.scope, "boats") == rows

        second = tune(ws, data, name="boats", options=OPTIONS, held_out=0.2, apart=False, tell=look)
        assert second.digest != first.digest
        *during, (verdict, now) = seen
        assert {adapter for _, adapter in during} == {first.digest}
        assert any(f"boats@{second.digest[:8]}" in note for note, _ in during)
        assert '"boats" answers now with the new adapter' in verdict
        assert now == second.digest
        assert artefacts.names(ws.store, ws.scope, "adapter") == ws.demonstrations.names(ws.scope) == ["boats"]
        assert len(ws.demonstrations.examples(ws.scope, "boats")) == second.meta["data"]["rows"] != len(rows)
        answered(ws, "boats")


@pytest.mark.parametrize("certify", [True, False])
def test_a_name_that_answers_keeps_its_adapter_if_the_new_one_is_not_certified(
    root: Path, data: Path, certify: bool
) -> None:
    with opened(root) as ws:
        first = tune(ws, data, name="boats", options=OPTIONS, apart=False)
        before, told = answered(ws, "boats"), list[str]()
        second = tune(
            ws, data, name="boats", options=IDLE, certify=certify, apart=False, tell=lambda p: told.append(p.note)
        )
        kept_as = f"boats@{second.digest[:8]}"
        assert ws.recipe("boats").adapter == first.digest
        assert answered(ws, "boats") == before
        assert artefacts.find(ws.store, ws.scope, "adapter", second.digest) == second
        assert ws.recipe(kept_as).adapter == second.digest
        assert f'"boats" answers as before; the new adapter is kept as "{kept_as}"' in told
        assert any("does not answer" in note and "as before" in note for note in told) == certify
        with pytest.raises(NotCertified, match=kept_as):
            answered(ws, kept_as)


def test_the_same_adapter_again_is_live_at_once(root: Path, data: Path) -> None:
    with opened(root) as ws:
        first = tune(ws, data, name="boats", options=OPTIONS, apart=False)
        assert tune(ws, data, name="boats", options=OPTIONS, apart=False, certify=False).digest == first.digest
        assert artefacts.names(ws.store, ws.scope, "adapter") == ["boats"]
        answered(ws, "boats")


def test_a_run_goes_on_under_another_time_limit(root: Path, data: Path) -> None:
    with opened(root) as ws:
        options = {**OPTIONS, "epochs": 2, "checkpoint_steps": 3}

        def stop(progress: Progress) -> None:
            if progress.done == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tune(ws, data, name="rest", options=options, max_minutes=20, certify=False, apart=False, tell=stop)
        (run,) = (root / WORK).iterdir()
        told: list[Progress] = []
        options["checkpoint_steps"] = 5
        tune(
            ws, data, name="rest", options=options, max_minutes=30, certify=False, apart=False, resume=True,
            tell=told.append,
        )  # fmt: skip
        assert min(p.done for p in told if p.stage == "tuning") == 4
        assert not run.exists()


def test_a_run_whose_certificate_could_not_be_made_goes_on(root: Path, data: Path) -> None:
    with opened(root) as ws:
        options = {**OPTIONS, "epochs": 2, "checkpoint_steps": 3}

        def stop(progress: Progress) -> None:
            if progress.stage == "certificate":
                raise EngineError("the engine died")

        with pytest.raises(EngineError, match="died"):
            tune(ws, data, name="rest", options=options, apart=False, tell=stop)
        told: list[Progress] = []
        tune(ws, data, name="rest", options=options, certify=False, apart=False, resume=True, tell=told.append)
        assert min(p.done for p in told if p.stage == "tuning") > 3
        assert not list((root / WORK).iterdir())


def test_an_interrupted_run_goes_on(root: Path, data: Path) -> None:
    ws, options = opened(root), {**OPTIONS, "epochs": 2, "checkpoint_steps": 5}
    whole = tune(ws, data, name="whole", options=options, certify=False, apart=False)

    def stop(progress: Progress) -> None:
        if progress.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(ws, data, name="rest", options=options, certify=False, apart=False, tell=stop)
    (run,) = (root / WORK).iterdir()
    assert [p.name for p in run.iterdir()] == ["step-0000005"]
    told: list[Progress] = []
    rest = tune(ws, data, name="rest", options=options, certify=False, apart=False, resume=True, tell=told.append)
    assert min(p.done for p in told if p.stage == "tuning") == 6
    assert rest.digest == whole.digest
    ws.close()


def test_what_cannot_be_tuned_is_refused_before_anything_is_learnt(
    root: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = opened(root)
    monkeypatch.setattr(lora, "build", lambda options: pytest.fail("it started to learn"))
    with pytest.raises(ConfigError, match='did you mean "learning_rate"'):
        tune(ws, data, name="boats", options={"learning_rat": 1e-3})
    with pytest.raises(BadRequest, match="rank"):
        tune(ws, data, name="boats", options={"rank": "high"})
    with pytest.raises(BadRequest, match="another model"):
        tune(ws, data, name="base", options=OPTIONS)
    with pytest.raises(BadRequest, match="held_out"):
        tune(ws, data, name="boats", held_out=1.5)
    data.write_text('{"messages": []}\n{"prompt": 1}')
    with pytest.raises(InvalidRows, match="line 2"):
        tune(ws, data, name="boats")
    assert artefacts.names(ws.store, ws.scope, "adapter") == []
    ws.close()


def test_the_verbs(root: Path, data: Path) -> None:
    checked = CliRunner().invoke(app, ["data", "check", str(data), "--json"])
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["examples"] == 40
    assert json.loads(checked.stdout)["groups"] == 10
    options = [part for key, value in OPTIONS.items() for part in ("-o", f"{key}={value}")]
    done = CliRunner().invoke(app, ["tune", str(data), "--name", "boats", *options, "--json", "-w", str(root)])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["name"], said["kept_as"], said["live"]) == ("boats", "boats", True)
    assert said["method"]["options"]["rank"] == 4
    idle = [part for key, value in IDLE.items() for part in ("-o", f"{key}={value}")]
    failed = CliRunner().invoke(app, ["tune", str(data), "--name", "boats", *idle, "-w", str(root)])
    assert failed.exit_code == 1, failed.output
    assert "afina verify boats@" in failed.stdout


def test_a_child_that_dies_is_an_error_and_its_checkpoint_stays(root: Path, data: Path) -> None:
    """What a kill leaves behind is gone on with."""
    with opened(root) as ws:
        options = {**OPTIONS, "epochs": 40, "checkpoint_steps": 5}

        def kill(progress: Progress) -> None:
            if progress.stage == "tuning" and progress.done >= 12:
                (child,) = [p for p in psutil.Process().children() if "afina.actions._fitting" in p.cmdline()]
                child.kill()

        with pytest.raises(EngineError, match="--resume"):
            tune(ws, data, name="rest", options=options, certify=False, tell=kill)
        (run,) = (root / WORK).iterdir()
        assert [p.name for p in run.glob("step-*")][-1] >= "step-0000005"
        told: list[Progress] = []
        options = {**options, "epochs": 40}
        tune(ws, data, name="rest", options=options, certify=False, resume=True, apart=False, tell=told.append)
        assert min(p.done for p in told if p.stage == "tuning") > 5
