"""The cases of the demo: read, checked against the documents of this machine, and measured for paraphrase.

An id ends in '-p' where the question shares no content word with the section that answers it, except its name, and in
'-u' where no document answers it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import snowballstemmer

from afina.domain.example import Case

ENGLISH = """
the and for with without that this these those what which who whom whose when where why how does did doing done
has have had having are was were been being can could should would will shall may might must cannot not nor but
into onto from upon over under about after before between through during above below out off than then there
here its his her their our your mine own you they them she him all any both each few more most other another
some such only same too very just also once again while until because though although either neither one ones
want need make makes made get gets got let per via yes much many something anything everything nothing someone
anyone way kind use using used
"""

SPANISH = """
que qué cual cuál cuales cuáles quien quién quienes quiénes cuando cuándo donde dónde como cómo cuanto cuánto
cuanta cuánta cuantos cuántos cuantas cuántas por para con sin sobre entre hasta desde hacia según tras ante los
las una uno unos unas del les nos sus mis tus este esta estos estas ese esa esos esas eso esto ser son era sea
está están hay haber tiene tienen tener hacer hace hago debe deben puede pueden puedo poder más menos muy
también solo sólo cada todo toda todos todas otro otra otros otras mismo misma pero porque aunque mientras
durante antes después ya aún algún alguna alguno algo alguien nada nadie ningún ninguna cualquier dentro fuera
tengo quiero necesito hoy vez veces
"""

STOP = {"en": frozenset(ENGLISH.split()), "es": frozenset(SPANISH.split())}
"""Words that carry no content; a question may share them with the section that answers it."""

ALGORITHMS = {"en": "english", "es": "spanish"}


@dataclass(frozen=True, slots=True)
class Checked:
    """kept: cases that hold on this machine. dropped: (id, reason), for telling."""

    kept: tuple[Case, ...]
    dropped: tuple[tuple[str, str], ...]


def cases(name: str = "cases.jsonl") -> list[Case]:
    """The cases of one file of this package, in order: 'cases.jsonl' or 'casos_es.jsonl'."""
    lines = (files("afina.demo") / name).read_text(encoding="utf-8").splitlines()
    rows = (json.loads(line) for line in lines if line.strip())
    return [Case(**{**row, "answers": tuple(row["answers"])}) for row in rows]


def check(found: Sequence[Case], documents: Mapping[str, str]) -> Checked:
    """Keep a case if its gold span stands in its document here; unanswerable ones need no span."""
    kept: list[Case] = []
    dropped: list[tuple[str, str]] = []
    for case in found:
        if case.answerable and case.span not in documents.get(case.document, ""):
            why = "the span is not in this version" if case.document in documents else "no such document here"
            dropped.append((case.id, f"{case.document}: {why}"))
        else:
            kept.append(case)
    return Checked(tuple(kept), tuple(dropped))


def shared_stems(case: Case, document: str) -> frozenset[str]:
    """Content stems that a question shares with the section around its gold span; those of its name do not count."""
    heading, body = section_of(document, case.span)
    shared = stems(case.question, case.lang) & stems(f"{heading} {body}", case.lang)
    return shared - stems(_name_of(heading), case.lang)


def section_of(document: str, span: str) -> tuple[str, str]:
    """(heading, text) of the part between two headings in which a span stands; ('', '') if it stands nowhere."""
    for part in re.split(r"(?m)^(?=#{1,3} )", document):
        if span in part:
            heading, _, body = part.partition("\n")
            return heading, body
    return "", ""


def stems(text: str, lang: str) -> frozenset[str]:
    """Stems of the words of three letters or more, stop words left out; CamelCase counts whole and in its parts."""
    words = re.findall(r"[^\W\d_]{3,}|\w{3,}", text)
    names = [word for word in words if word.isascii()]
    parts = [part for name in names for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name) if len(part) > 2]
    lower = {word.lower() for word in (*words, *parts)} - STOP[lang]
    return frozenset(snowballstemmer.stemmer(ALGORITHMS[lang]).stemWords(sorted(lower)))


def _name_of(heading: str) -> str:
    """'## json.dumps(obj, *, ...)' -> 'json dumps'; a heading in words names nothing."""
    name = heading.lstrip("# ").partition("(")[0]
    return "" if " " in name.strip() or not name.isascii() else name.replace(".", " ")
