"""Open what answers under a name, and see that its base is served as it was saved."""

from afina.actions.verify import require
from afina.domain.progress import Progress, Tell, silent
from afina.errors import AfinaError, MissingExtra, Unsupported
from afina.workspace import Workspace


def load_all(ws: Workspace, *, tell: Tell = silent) -> None:
    """Load what serves: the default model's engine, then every other that some model name needs.

    A model that cannot be loaded beside the default one is told, and refused when it is asked for.

    Raises: for the default model, what `load` raises.
    """
    load(ws, tell=tell)
    done = {ws.recipe(ws.config.default_model).engine}
    for name in ws.model_names():
        engine = ws.recipe(name).engine
        if engine in done:
            continue
        done.add(engine)
        try:
            load(ws, ws.config.model_of(engine), tell=tell)
        except AfinaError as error:
            tell(Progress("", note=f'the engine "{engine}" does not serve: {error}'))


def load(ws: Workspace, model: str | None = None, *, tell: Tell = silent) -> None:
    """Open the engine behind a model name (the default one's without a name) and require its base's certificate.

    A base that this machine has not measured with this setup is measured now, once; that takes about a minute. Not to
    be called from an event loop.

    Raises:
        NotFound: no such model. NotCertified: the base's certificate does not hold. What opening an engine raises.
    """
    recipe = ws.recipe(model or ws.config.default_model)
    engine = ws.engine(recipe.engine, tell=tell)
    if not engine.card.base:
        return
    try:
        ws.portal.run(require(ws, ws.config.model_of(recipe.engine), engine=recipe.engine, tell=tell))
    except (MissingExtra, Unsupported) as unmeasured:
        tell(Progress("certificate", note=f"served without a certificate: {unmeasured}"))
