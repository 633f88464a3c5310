"""Stored sets of examples: order kept, replaced whole, one project's are not another's."""

from pathlib import Path

import pytest

from afina.domain.ask import Scope
from afina.domain.example import Example
from afina.domain.message import Message
from afina.errors import NotFound
from afina.store.db import open_store
from afina.store.examples import Examples


def test_sets_of_examples(tmp_path: Path) -> None:
    store = open_store(tmp_path / "afina.db")
    sets, scope = Examples(store), Scope()
    rows = [Example(f"e{n}", (Message("user", f"¿{n}?"), Message("assistant", str(n))), f"g{n}") for n in (2, 1, 3)]
    sets.put(scope, "shots", rows)
    assert sets.examples(scope, "shots") == rows
    sets.put(scope, "shots", rows[:1])
    assert sets.examples(scope, "shots") == rows[:1]
    assert sets.names(scope) == ["shots"]
    assert sets.names(Scope("other")) == []
    with pytest.raises(NotFound, match='did you mean "shots"'):
        sets.examples(scope, "shot")
    sets.remove(scope, "shots")
    with pytest.raises(NotFound):
        sets.remove(scope, "shots")
    store.close()
