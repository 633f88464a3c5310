"""Does a study recover the orderings that are known? Each is measured with the bundled model on public data.

    python benchmarks/known_orderings.py --workspace DIR           all sections; about an hour and a half on two cores
    python benchmarks/known_orderings.py --only b,c --cases 100    some of them

AFINA_DATA (or --data) names the folder of data sets; without it nothing is measured. Everything is done through the
product's own functions. Adapters and studies are kept in the workspace: the same command goes on where it stopped.
"recovered": the 95 % interval of the paired difference lies above 0; "cannot tell": it holds 0; "not recovered": it
lies below.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from _orderings import facts, labels, reading, shown, style
from _orderings.study import Bench, Outcome, Section
from afina.actions.initialise import initialise
from afina.actions.load import load
from afina.cli._screen import telling
from afina.workspace import open_workspace

NOT_TESTED = """Not tested here:
- A little replay of general text, or scaling the adapter down, keeps what the base knew: no part of the product scales
  an adapter or mixes in general text, and there is no measure of what the base knew.
- Retrieved memory against a personal adapter: the product has no memory of users yet.
- A strong large model: none can be reached, so cascades and judges are not measured for quality."""


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    expects: str
    run: Section


PARTS: Mapping[str, Part] = {
    "b": Part("Reading learnt by tuning", reading.EXPECTS, reading.section),
    "a": Part("Unseen facts, an invented handbook: knowledge against tuning", facts.EXPECTS, facts.invented),
    "c": Part("A head against tuning, by number of labels", labels.EXPECTS, labels.section),
    "d": Part("Retrieved against fixed demonstrations, labels", shown.EXPECTS, shown.labelled),
    "e": Part("Style by tuning and examples", style.EXPECTS, style.section),
    "d2": Part("Retrieved against fixed demonstrations, regular expressions", shown.EXPECTS, shown.expressions),
    "d3": Part("Retrieved against fixed demonstrations, queries", shown.EXPECTS, shown.queries),
    "a2": Part("Unseen facts, an encyclopaedia: knowledge against tuning", facts.EXPECTS, facts.encyclopaedia),
}
"""In the order in which they run: the reader of b is an arm of a."""


def main() -> None:
    args = parsed()
    if args.data is None or not args.data.is_dir():
        where = f"{args.data} is not a folder" if args.data else "AFINA_DATA is not set"
        print(f"nothing is measured: {where}; it names the folder with squad_v1_dev, banking77 and the others")
        return
    initialise(args.workspace)
    found: dict[str, list[Outcome]] = {}
    with open_workspace(args.workspace) as ws, telling() as tell:
        load(ws, ws.config.model_of(ws.config.engine()[0]), tell=tell)
        bench = Bench(ws, args.data, args.cases, args.minutes, tell)
        for key in args.only:
            found[key] = section(bench, key)
    print("\n== All orderings")
    for key, outcomes in found.items():
        for outcome in outcomes:
            print(f"{key:3} {outcome}")
    print(NOT_TESTED)


def section(bench: Bench, key: str) -> list[Outcome]:
    part, started = PARTS[key], time.monotonic()
    print(f"\n== {key}) {part.title}\n{part.expects}", flush=True)
    outcomes = part.run(bench)
    for outcome in outcomes:
        print(outcome)
    print(f"{time.monotonic() - started:.0f} s", flush=True)
    return outcomes


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help=f"sections, of {', '.join(PARTS)}")
    parser.add_argument("--cases", type=int, default=150, help="the most of a study")
    parser.add_argument("--minutes", type=float, default=6.0, help="limit of each tuning")
    parser.add_argument("--workspace", type=Path, default=Path(".make/known-orderings"), help="kept, and gone on with")
    parser.add_argument("--data", type=Path, default=_data(), help="the folder of data sets; AFINA_DATA if not given")
    args = parser.parse_args()
    args.only = [key.strip() for key in args.only.split(",") if key.strip()]
    unknown = [key for key in args.only if key not in PARTS]
    if unknown:
        sys.exit(f"no section is called {', '.join(unknown)}; there is: {', '.join(PARTS)}")
    return args


def _data() -> Path | None:
    return Path(os.environ["AFINA_DATA"]) if os.environ.get("AFINA_DATA") else None


if __name__ == "__main__":
    main()
