"""Making a workspace."""

from pathlib import Path

import pytest

from afina.actions.initialise import initialise
from afina.config import FILE, load
from afina.errors import ConfigError, Conflict
from afina.parts import check_recipe
from afina.workspace import open_workspace


def test_a_new_workspace_works_as_written(tmp_path: Path) -> None:
    made = initialise(tmp_path / "new")
    assert sorted(p.name for p in made.iterdir()) == ["afina.db", "afina.db.seal", "afina.toml", "artefacts"]
    config = load(made / FILE)
    assert config.workspace.name == "new"
    recipe = config.recipe("documents")
    assert recipe is not None
    check_recipe(recipe, {"collection": ["docs"], "engine": ["local"]})


def test_the_comments_are_settings_that_work(tmp_path: Path) -> None:
    """Everything that is commented out can be used by removing the sign."""
    text = (initialise(tmp_path / "w") / FILE).read_text()
    whole = [line[2:] if line.startswith("# ") and ("=" in line or "[" in line) else line for line in text.splitlines()]
    kept = [
        line
        for line in whole
        if not line.startswith("#") and "afina doctor" not in line and "Every section" not in line
    ]
    (tmp_path / FILE).write_text("\n".join(kept))
    config = load(tmp_path / FILE)
    assert config.engine_names == ["large", "local", "reference"]
    recipe = config.recipe("documents")
    assert recipe is not None
    check_recipe(recipe, {"recipe": ["a-large-model"], "collection": ["docs"], "engine": config.engine_names})


def test_again_changes_nothing(tmp_path: Path) -> None:
    initialise(tmp_path, name="one")
    (tmp_path / FILE).write_text("[serve]\nport = 1\n")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    initialise(tmp_path, name="two")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


def test_an_odd_name_is_written_as_it_is(tmp_path: Path) -> None:
    assert load(initialise(tmp_path, name='a "b" {c} ñ') / FILE).workspace.name == 'a "b" {c} ñ'


def test_a_file_and_a_broken_config_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Conflict, match="a workspace is a folder"):
        initialise(tmp_path / "file")
    (tmp_path / FILE).write_text("serv = 1\n")
    with pytest.raises(ConfigError, match="serve"):
        initialise(tmp_path)


def test_moved_it_works_as_before(tmp_path: Path) -> None:
    made = initialise(tmp_path / "here")
    ws = open_workspace(made, environ={})
    with ws.store.writing() as db:
        db.execute("INSERT INTO collections (project, name, created) VALUES ('default', 'c', 0)")
    ws.close()
    for path in made.rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes(), f"{path} holds an absolute path"
    made.rename(tmp_path / "there")
    ws = open_workspace(tmp_path / "there", environ={})
    with ws.store.reading() as db:
        assert db.execute("SELECT name FROM collections").fetchone()["name"] == "c"
    assert "documents" in ws.model_names()
    ws.close()
