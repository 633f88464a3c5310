"""What was measured when a served model was held against the reference, and whether it may be served."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """Natural log-probabilities and logits; errors are served less reference.

    prompts: how many. positions: forced tokens compared. mean_error, max_error: of |difference|.
    flips: positions where the two would say another token; widest_flip: the largest gap between the reference's two
    best logits among them. unlike: tokens the served engine said itself though the reference found another clearly
    better; said: how many it said in all.
    effect, reference_effect: mean |difference| that the adapter makes in each; None for a base.
    """

    prompts: int = 0
    positions: int = 0
    mean_error: float = 0.0
    max_error: float = 0.0
    flips: int = 0
    widest_flip: float = 0.0
    unlike: int = 0
    said: int = 0
    effect: float | None = None
    reference_effect: float | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whether an artefact, as an engine serves it, says what the reference reads in its saved files.

    artefact: digest of the adapter, or of the base where there is none. base: digest of the base.
    engine, reference: plugin names. setup: digest of everything else the result depends on (the engine's options, its
    files, versions, prompts, bounds); a certificate holds only for the same setup.
    versions: packages, for a reader. bounds: what was allowed. reasons: why it did not pass, empty if it did.
    seconds: what it took. made: Unix time.
    """

    artefact: str
    base: str
    engine: str
    reference: str
    setup: str
    versions: Mapping[str, str]
    bounds: Mapping[str, float]
    figures: Figures
    reasons: tuple[str, ...]
    seconds: float
    made: float

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def summary(self) -> str:
        """One line for a reader: the verdict and its figures."""
        f = self.figures
        effect = "" if f.effect is None else f", the adapter changes them by {f.effect:.3g}"
        return (
            f"{'passed' if self.passed else 'FAILED'} on {self.engine}: {f.prompts} prompts, {f.positions} tokens, "
            f"log-probabilities off by {f.mean_error:.3g} on average ({f.max_error:.3g} at most), "
            f"{f.flips} greedy differences (widest gap {f.widest_flip:.3g}){effect}"
            + "".join(f"; {reason}" for reason in self.reasons)
        )
