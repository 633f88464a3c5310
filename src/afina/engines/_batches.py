"""Many answers at once on one model: groups of rows that are computed together, and the thread that steps them.

Requests that arrive together and name the same adapter form a group with one key-value cache. Groups take turns, a
step (or a part of a prompt) each, so a new request never waits for a long answer to end.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from afina.domain.answer import Finish, FinishReason, Logprobs, Piece, Text, TokenLogprob
from afina.domain.ask import Sampling
from afina.engines._choosing import Chooser, alternatives
from afina.engines._spelling import Speller
from afina.engines._stops import StopFilter
from afina.engines._torch_model import TorchModel
from afina.errors import AfinaError, EngineError

PART_TOKENS = 256
"""How much of a prompt is read between two looks at who has left."""


class Row:
    """One choice of one request: what it has said and whom it tells."""

    def __init__(self, ids: list[int], sampling: Sampling, room: int, choice: int, model: TorchModel) -> None:
        self.ids, self.choice, self._sampling, self._room, self._model = ids, choice, sampling, room, model
        self._chooser = Chooser(sampling, choice=choice)
        self._speller = Speller(model.decode)
        self._stops = StopFilter(sampling.stop)
        self.said = 0
        self.last = 0
        self.done = False

    def take(self, logits: Tensor) -> Iterator[Piece]:
        """Choose a token from (vocabulary,) logits and tell what follows from it."""
        self.last = self._chooser.choose(logits)
        self.said += 1
        ended = self.last in self._model.ends
        text = "" if ended else self._speller.feed(self.last)
        full = self.said >= self._room
        if ended or full:
            text += self._speller.flush()
        safe = self._stops.feed(text)
        reason: FinishReason | None = "stop" if ended or self._stops.stopped else "length" if full else None
        if reason:
            safe += self._stops.flush()
        if safe:
            yield Text(choice=self.choice, text=safe)
        if self._sampling.logprobs and not ended:
            yield Logprobs(choice=self.choice, tokens=(self._token(logits, text),))
        if reason:
            self.done = True
            yield Finish(choice=self.choice, reason=reason)

    def _token(self, logits: Tensor, text: str) -> TokenLogprob:
        own, top = alternatives(logits, self.last, top=self._sampling.top_logprobs)
        return TokenLogprob(text, own, tuple((self._model.decode([i]), value) for i, value in top))


@dataclass
class Job:
    """One request in the thread's hands. tell: called there with each piece, an error, or None at the end."""

    rows: list[Row]
    adapter: str | None
    tell: Callable[[Piece | AfinaError], None]
    left: bool = False

    @property
    def tokens(self) -> int:
        return len(self.rows[0].ids)

    def fail(self, error: AfinaError) -> None:
        for row in self.rows:
            row.done = True
        self.tell(error)


class Group:
    """Rows computed together: left-padded prompts, one cache, rows leave as they finish."""

    def __init__(self, jobs: list[Job], model: TorchModel) -> None:
        self.adapter = jobs[0].adapter
        self._model = model
        self._rows = [(job, row) for job in jobs for row in job.rows]
        longest = max(len(row.ids) for _, row in self._rows)
        device = model.model.device
        pads = [longest - len(row.ids) for _, row in self._rows]
        padded = [[0] * pad + row.ids for pad, (_, row) in zip(pads, self._rows, strict=True)]
        self._ids = torch.tensor(padded, device=device)
        self._mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads], device=device)
        self._cache: Any = None
        self._read = 0

    @property
    def empty(self) -> bool:
        return not self._rows

    @property
    def size(self) -> int:
        return len(self._rows)

    def step(self) -> None:
        """Read a part of the prompts, or say one token a row."""
        self._drop()
        if self.empty:
            return
        end = min(self._read + PART_TOKENS, self._ids.shape[1])
        logits = self._forward(self._ids[:, self._read : end], self._mask[:, :end])
        self._read = end
        if end < self._ids.shape[1]:
            return
        for (job, row), line in zip(self._rows, logits, strict=True):
            for piece in row.take(line):
                job.tell(piece)
        said = torch.tensor([[row.last] for _, row in self._rows], device=self._ids.device)
        self._ids = torch.cat([self._ids, said], dim=1)
        self._mask = torch.cat([self._mask, torch.ones_like(said)], dim=1)
        self._drop()

    def _forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits of the last position, (rows, vocabulary); the cache grows by `ids`."""
        places = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        out = self._model.now(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = out.past_key_values
        return out.logits[:, -1]  # type: ignore[no-any-return]

    def _drop(self) -> None:
        """Take out rows that have finished or whose caller has left."""
        stay = [at for at, (job, row) in enumerate(self._rows) if not (row.done or job.left)]
        if len(stay) == len(self._rows):
            return
        self._rows = [self._rows[at] for at in stay]
        keep = torch.tensor(stay, device=self._ids.device, dtype=torch.long)
        self._ids, self._mask = self._ids[keep], self._mask[keep]
        if self._cache is not None and stay:
            self._cache.batch_select_indices(keep)

    def fail(self, error: AfinaError) -> None:
        for job in {id(job): job for job, _ in self._rows}.values():
            job.fail(error)
        self._rows = []


class Task:
    """Other work for the thread, with a future of its result or of whatever it raised: the thread itself lives on."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self.future: Future[Any] = Future()

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self._work())
        except (AfinaError, RuntimeError, ValueError, IndexError, KeyError, TypeError) as error:
            self.future.set_exception(error)


class Worker:
    """The one thread that touches the model: steps groups in turn and runs other work between steps."""

    def __init__(self, model: TorchModel, *, most_rows: int, most_tokens: int) -> None:
        self._model, self._most_rows, self._most_tokens = model, most_rows, most_tokens
        self._inbox: queue.SimpleQueue[Job | Task | None] = queue.SimpleQueue()
        self._waiting: list[Job] = []
        self._groups: list[Group] = []
        self._open = True
        self._thread = threading.Thread(target=self._run, name="afina-transformers", daemon=True)
        self._thread.start()

    @property
    def rows(self) -> int:
        """Choices being computed or waiting."""
        waiting = [job for job in list(self._waiting) if not job.left]
        return sum(g.size for g in list(self._groups)) + sum(len(j.rows) for j in waiting) + self._inbox.qsize()

    def add(self, job: Job) -> None:
        if not self._open:
            raise EngineError("the engine is closed")
        self._inbox.put(job)

    def call(self, work: Callable[[], Any]) -> "Future[Any]":
        """Run something that needs the model between two steps."""
        if not self._open:
            raise EngineError("the engine is closed")
        task = Task(work)
        self._inbox.put(task)
        return task.future

    def close(self) -> None:
        """Finish the step at hand, fail what is open, and end the thread."""
        self._open = False
        self._inbox.put(None)
        self._thread.join(timeout=30)

    @torch.inference_mode()
    def _run(self) -> None:
        try:
            while self._take_in():
                self._form_groups()
                for group in list(self._groups):
                    self._step(group)
                self._groups = [g for g in self._groups if not g.empty]
        finally:  # closed, or a fault of our own: nobody is left waiting
            self._open = False
            self._fail_all(EngineError("the engine was closed"))

    def _fail_all(self, error: AfinaError) -> None:
        for group in self._groups:
            group.fail(error)
        while not self._inbox.empty():
            item = self._inbox.get()
            if isinstance(item, Job):
                self._waiting.append(item)
            elif item is not None:
                item.future.set_exception(error)
        for job in self._waiting:
            job.fail(error)

    def _take_in(self) -> bool:
        """Everything that waits in the inbox; blocks only when there is nothing to do. False: close."""
        idle = not (self._groups or self._waiting)
        while idle or not self._inbox.empty():
            idle = False
            item = self._inbox.get()
            if item is None:
                return False
            if isinstance(item, Job):
                self._waiting.append(item)
            else:
                item.run()
        return True

    def _form_groups(self) -> None:
        """Put waiting jobs, oldest first, into groups of one adapter while there is room."""
        self._waiting = [job for job in self._waiting if not job.left]
        while self._waiting and (chosen := self._next_group()):
            self._waiting = [job for job in self._waiting if job not in chosen]
            self._groups.append(Group(chosen, self._model))

    def _next_group(self) -> list[Job]:
        """The oldest job and those that suit it: of the same adapter and of a like length, as padding is work too."""
        chosen: list[Job] = []
        rows, longest = sum(g.size for g in self._groups), 0
        first = self._waiting[0]
        for job in self._waiting:
            if job.adapter != first.adapter or not first.tokens / 2 <= job.tokens <= first.tokens * 2:
                continue
            longest = max(longest, job.tokens)
            rows += len(job.rows)
            alone = not (chosen or self._groups)  # one request is served whatever its size
            if not alone and (rows > self._most_rows or rows * longest > self._most_tokens):
                break
            chosen.append(job)
        return chosen

    def _step(self, group: Group) -> None:
        try:
            with self._model.using(group.adapter):
                group.step()
        except AfinaError as error:
            group.fail(error)
        except (RuntimeError, ValueError, IndexError) as error:
            group.fail(EngineError(f"the model failed: {error}"))
