"""Whether a model may answer at all: its adapter was made for the engine's base, and its certificate holds."""

from afina.contracts import EngineCard
from afina.domain.artefact import Artefact, Recipe
from afina.domain.certificate import Certificate
from afina.errors import Conflict, NotCertified
from afina.trust.setup import refusal


def check_base(recipe: Recipe, adapter: Artefact | None, card: EngineCard) -> None:
    """Raise Conflict if an adapter was made for another base than the engine's."""
    made_for = str(adapter.meta.get("base", "")) if adapter is not None else ""
    if made_for and card.base and made_for != card.base:
        raise Conflict(
            f'the adapter of "{recipe.name}" was made for the base {made_for[:12]}, but engine '
            f'"{recipe.engine}" serves {card.base[:12]}; tune again, or name the engine of that base'
        )


def check_certificate(recipe: Recipe, found: Certificate | None, *, setup: str, adapter: bool) -> None:
    """Raise NotCertified for an adapter without a certificate that holds, and for a base that failed one.

    A base without a certificate for this setup may answer: measuring it is what `afina verify` and serving do.
    """
    if not adapter and (found is None or found.setup != setup):
        return
    if refused := refusal(found, setup=setup, name=recipe.name, engine=recipe.engine):
        raise NotCertified(refused)
