"""Certify a model: hold what an engine serves against float32 transformers reading the saved files."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from afina import parts, plugins
from afina.border import in_thread
from afina.contracts import Capabilities, Engine, EngineCard, Place, Scored
from afina.domain.artefact import Recipe
from afina.domain.certificate import Certificate
from afina.domain.document import digest
from afina.domain.progress import Tell, silent
from afina.engines._codec import decode_scored, encode_scored
from afina.errors import BrokenArtefact, NotCertified, Unsupported, UsageError
from afina.mechanisms.admission import check_base
from afina.store import artefacts, certificates
from afina.store import measured as machine
from afina.trust.certificate import Pairs, certify
from afina.trust.setup import refusal, setup_of, versions
from afina.workspace import Workspace

REFERENCE = "transformers"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is certified: the artefact on an engine of the workspace, and the setup that its certificate is for."""

    model: str
    engine: str
    artefact: str
    adapter: str | None
    setup: str


async def verify(
    ws: Workspace, model: str, *, engine: str | None = None, again: bool = False, tell: Tell = silent
) -> Certificate:
    """The certificate of a model (or an adapter's digest) on an engine: the stored one if it is for the same setup,
    else, or with `again`, a new one, which is stored whatever it says. Takes about half a minute on two cores.

    Raises:
        NotFound: no such model. Unsupported: the engine is remote or cannot score. What opening engines raises.
    """
    recipe = await in_thread(ws.recipe, model)
    opened = await in_thread(ws.engine, engine or recipe.engine, tell=tell)
    subject = await in_thread(subject_of, ws, recipe, model, opened, engine or recipe.engine)
    name = opened.card.engine
    kept = None if again else stored(ws, subject, name)
    if kept is not None and kept.setup == subject.setup:
        return kept
    measured = None if again else measured_before(ws, subject)
    if measured is not None:
        await in_thread(certificates.save, ws.store, ws.root, measured)
        return measured
    reference = Reference(ws, ws.place(subject.engine), base=opened.card.base)
    try:
        made = await certify(
            opened,
            reference,
            artefact=subject.artefact,
            adapter=subject.adapter,
            setup=subject.setup,
            versions=versions(),
            tell=tell,
        )
    finally:
        await reference.close()
    await in_thread(certificates.save, ws.store, ws.root, made)
    if subject.adapter is None:
        await in_thread(machine.keep, ws.cache, made)
    return made


def stored(ws: Workspace, subject: Subject, plugin: str) -> Certificate | None:
    """The certificate of a subject that lies in the workspace, else the newest for another setup of the plugin."""
    return certificates.load(ws.store, ws.root, artefact=subject.artefact, engine=plugin, setup=subject.setup)


def measured_before(ws: Workspace, subject: Subject) -> Certificate | None:
    """The certificate of a base that another workspace of this machine measured for the same setup."""
    if subject.adapter is not None:
        return None
    return machine.known(ws.cache, artefact=subject.artefact, setup=subject.setup)


async def require(
    ws: Workspace, model: str, *, engine: str | None = None, make: bool = True, tell: Tell = silent
) -> Certificate | None:
    """A certificate that holds, for loading or exporting a model; None for a model that has no files here.

    make: measure it now if there is none for this setup; else that is a refusal too.

    Raises:
        NotCertified: it does not hold; the message gives the figures.
    """
    recipe = await in_thread(ws.recipe, model)
    opened = await in_thread(ws.engine, engine or recipe.engine, tell=tell)
    if not opened.card.base:
        return None
    subject = await in_thread(subject_of, ws, recipe, model, opened, engine or recipe.engine)
    found = stored(ws, subject, opened.card.engine)
    if make and (found is None or found.setup != subject.setup):
        found = await verify(ws, model, engine=engine, tell=tell)
    if refused := refusal(found, setup=subject.setup, name=model, engine=subject.engine):
        raise NotCertified(refused)
    return found


def answering(ws: Workspace, name: str) -> str | None:
    """Digest of the adapter that answers under a model name now; None if none does. No engine is opened for it."""
    with suppress(UsageError, BrokenArtefact):
        recipe = ws.recipe(name)
        if recipe.adapter is None:
            return None
        adapter = artefacts.find(ws.store, ws.scope, "adapter", recipe.adapter)
        engine, used = ws.config.engine(recipe.engine)
        if (opened := ws.open_engines.get(engine)) is not None:
            check_base(recipe, adapter, opened.card)
        setup = setup_of(use=used.use, options=used.options, serving=ws.places.digest_of("serving", engine))
        found = certificates.load(ws.store, ws.root, artefact=adapter.digest, engine=used.use, setup=setup)
        if not refusal(found, setup=setup, name=name, engine=engine):
            return adapter.digest
    return None


def subject_of(ws: Workspace, recipe: Recipe, model: str, engine: Engine, name: str) -> Subject:
    """What a model's certificate is about.

    Raises:
        Unsupported: the model's files are elsewhere, so nothing can be held against them.
    """
    card = engine.card
    if not card.base:
        raise Unsupported(f'"{model}" is answered by "{card.model}" elsewhere; it has no files here to check against')
    place = ws.place(name)
    use = ws.config.engine(name)[1]
    serving = place.serving.name if place.serving is not None else ""
    setup = setup_of(use=card.engine, options=use.options, serving=serving)
    if recipe.adapter is None:
        return Subject(model, name, card.base, None, setup)
    adapter = artefacts.find(ws.store, ws.scope, "adapter", recipe.adapter).digest
    return Subject(model, name, adapter, adapter, setup)


class Reference:
    """float32 transformers over the files of a base (its digest).

    Opened when something must be read that was not read before: what it read is kept, signed, under a digest of the
    files and the words.
    """

    def __init__(self, ws: Workspace, place: Place, *, base: str) -> None:
        self._ws, self._place = ws, place
        self._engine: Engine | None = None
        self.card = EngineCard(REFERENCE, place.model, base, 0, Capabilities())

    async def score(self, pairs: Pairs, *, adapter: str | None = None) -> list[Scored]:
        name = digest(self.card.base, adapter or "", json.dumps(versions()), json.dumps(_plain(pairs)))
        kept = await in_thread(certificates.reading, self._ws.store, self._ws.root, name)
        if kept is not None:
            return [decode_scored(row) for row in kept["scored"]]
        scored = await (await self._opened()).score(pairs, adapter=adapter)
        body = {"scored": [encode_scored(one) for one in scored]}
        await in_thread(certificates.keep_reading, self._ws.store, self._ws.root, name, body)
        return scored

    async def _opened(self) -> Engine:
        if self._engine is None:
            self._engine = await in_thread(_open_reference, self._place)
        if self._engine.card.base != self.card.base:
            raise BrokenArtefact(
                f"the files of {self.card.model} are no longer those that the engine opened; open it anew"
            )
        return self._engine

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.close()


def _open_reference(place: Place) -> Engine:
    given = {"dtype": "float32", "device": "cpu", **({} if place.base else {"model": place.model})}
    options = parts.options_of("engines", REFERENCE, given, where="the certificate")
    engine: Engine = plugins.load("engines", REFERENCE).build(options, place)
    return engine


def _plain(pairs: Pairs) -> list[Any]:
    return [[[(m.role, m.content) for m in messages], text] for messages, text in pairs]
