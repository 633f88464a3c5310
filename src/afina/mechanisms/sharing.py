"""Gather stages that several arms of a study have in common, each run once for a request."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from afina.contracts import Gather
from afina.domain.ask import Ask, Gathered
from afina.domain.document import digest


class Shared:
    """What stages added to requests, by stage and request. Safe to share between threads.

    It may stand in for a stage because a stage only adds, and does not look at what others gathered (see contracts).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], threading.Lock] = {}
        self._added: dict[tuple[str, str], Gathered] = {}
        self.spared = 0
        """Runs of stages that another arm's run made needless."""

    def stage(self, gather: Gather, key: str) -> Gather:
        """`gather`, run once for each request; key: its digest, over all that its result depends on."""

        def shared(ask: Ask) -> Ask:
            place = (key, _request(ask))
            with self._lock:
                running = self._running.setdefault(place, threading.Lock())
            with running:
                if place not in self._added:
                    self._added[place] = gather(replace(ask, gathered=Gathered())).gathered
                else:
                    self.spared += 1
                return ask.adding(**_parts(self._added[place]))

        return shared


def _request(ask: Ask) -> str:
    """All of a request that a stage may look at."""
    said = [json.dumps(asdict(m), sort_keys=True, ensure_ascii=False, default=str) for m in ask.messages]
    return digest(json.dumps(asdict(ask.scope), sort_keys=True), *said)


def _parts(gathered: Gathered) -> Mapping[str, tuple[Any, ...]]:
    return {f.name: getattr(gathered, f.name) for f in fields(gathered)}
