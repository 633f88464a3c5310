"""A writer killed at any moment: what it was told is stored is there, and doctor sees no damage where there is none."""

import random
import subprocess
import sys
import time
from pathlib import Path

from afina.store.checks import database_problems
from afina.store.db import open_store

WRITES = """
import sys
from pathlib import Path
from afina.store.db import open_store
store, n = open_store(Path(sys.argv[1])), int(sys.argv[2])
while True:
    with store.writing() as db:
        db.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (str(n), "x" * (n * 37 % 9000)))
    print(n, flush=True)
    n += 1
"""
KILLS = 5


def test_acknowledged_rows_survive_kills(tmp_path: Path) -> None:
    path = tmp_path / "afina.db"
    open_store(path).close()
    rng, rows = random.Random(1), 0
    for _ in range(KILLS):
        writer = subprocess.Popen([sys.executable, "-c", WRITES, path, str(rows)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline())]
        time.sleep(rng.random() * 0.2)
        writer.kill()
        told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.wait()
        assert database_problems(path) == []
        store = open_store(path)
        with store.reading() as db:
            rows = db.execute("SELECT count(*) FROM meta").fetchone()[0]
        store.close()
        assert rows >= told[-1] + 1, f"{told[-1] + 1} rows were acknowledged, {rows} are there"
