"""Questions to prose, tables and lists in English and Spanish: what, who, when, how many, which value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from afina.tuning.drafting import Draft, Source, lowered, one_of, short

NUMBER = r"\d[\d.,:]*\d|\d"


@dataclass(frozen=True, slots=True)
class Clause:
    """A pattern over a sentence: its group 'answer' is the answer, the other groups fill in the ways of asking."""

    kind: str
    pattern: re.Pattern[str]
    ways: tuple[str, ...]


def _clause(kind: str, pattern: str, *ways: str) -> Clause:
    return Clause(kind, re.compile(pattern), ways)


_EN_SUBJECT = (
    r"(?P<s>(?:The|An?|Our|Each|Every|All|(?!(?:This|That|It|There|If|When|You|They|We|He|She|I)\b)[A-Z][\w'-]+)"
    r"(?: (?!(?:and|is|are|was|were|that|which|has|have)\b)[\w'-]+){0,6}?)"
)
_EN_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_EN_DATE = rf"(?:\d{{1,2}} )?(?:{_EN_MONTH})(?: \d{{1,2}})?(?:,? \d{{4}})?|1[5-9]\d\d|20\d\d"
_EN_COUNT = rf"{NUMBER}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty"
_EN_NAME = r"(?!(?:The|An?|This|Each|Every)\b)[A-Z][\w'-]+(?: (?:(?:de|von|van|of) )?[A-Z][\w'-]+){1,3}"

ENGLISH = (
    _clause(
        "when",
        rf"^{_EN_SUBJECT} (?P<be>was|were|is|are) (?P<v>\w+(?:ed|en|lt|ld|ght|nt|set|put)\b(?: [\w'-]+){{0,5}}?)"
        rf" (?:in|on) (?P<answer>{_EN_DATE})\b",
        "When {be} {s} {v}?",
        "On what date or in what year {be} {s} {v}?",
    ),
    _clause(
        "how many",
        rf"^{_EN_SUBJECT} (?P<v>has|have|takes|contains|includes|holds|needs|lasts|employs|requires)"
        rf" (?:about |only |up to |at least |at most |some )?(?P<answer>{_EN_COUNT}) (?P<n>[a-z]+s)\b",
        "How many {n} does {s} {base}?",
        "What number of {n} does {s} {base}?",
    ),
    _clause(
        "how many",
        rf"^[Tt]here (?P<be>are|were) (?P<answer>{_EN_COUNT}) (?P<n>[a-z]+s)\b(?P<rest>(?: [\w'-]+){{1,7}})",
        "How many {n} {be} there{rest}?",
    ),
    _clause(
        "who",
        rf"^(?P<s>The (?:[a-z'-]+ ?){{1,6}}?) (?P<be>is|was) (?P<answer>{_EN_NAME})\b",
        "Who {be} {s}?",
        "What is the name of {s}?",
    ),
    _clause(
        "who",
        rf"^(?P<answer>{_EN_NAME}) (?P<be>is|was) (?P<s>the (?:[\w'-]+ ?){{2,8}})",
        "Who {be} {s}?",
    ),
    _clause(
        "time",
        rf"^{_EN_SUBJECT} (?P<v>opens|closes|starts|begins|ends|leaves) at (?P<answer>{NUMBER}(?: ?[ap]\.?m\.?)?)",
        "At what time does {s} {base}?",
        "When does {s} {base}?",
    ),
    _clause(
        "what",
        rf"^{_EN_SUBJECT} (?P<be>is|are|was|were) (?:an? |the )(?P<answer>[a-z][^.;:,()]{{4,60}}?)"
        r"(?= (?:that|which|who|for|used|where|when|to)\b|[.;:,(])",
        "What {be} {s}?",
        "What kind of thing {be} {s}?",
    ),
)

_ES_SUBJECT = (
    r"(?P<s>(?:El|La|Los|Las|Un|Una|Cada|Nuestr[oa]s?|[A-ZÁÉÍÓÚÑ][\wáéíóúñ]+)"
    r"(?: (?!(?:y|es|son|que|se|no|tiene|dura)\b)[\wáéíóúüñ]+){0,6}?)"
)
_ES_DATE = r"\d{1,2} de [a-z]+(?: de \d{4})?|1[5-9]\d\d|20\d\d"
_ES_COUNT = rf"{NUMBER}|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|veinte|treinta"
_ES_NAME = (
    r"(?!(?:El|La|Los|Las|Un|Una|Cada)\b)[A-ZÁÉÍÓÚÑ][\wáéíóúñ]+"
    r"(?: (?:de(?: la| los| las)? |del )?[A-ZÁÉÍÓÚÑ][\wáéíóúñ]+){1,3}"
)

SPANISH = (
    _clause(
        "cuándo",
        rf"^{_ES_SUBJECT} (?P<v>(?:se )?(?:nació|fundó|creó|abrió|empezó|terminó|firmó|aprobó|inauguró|publicó|celebra|"
        rf"celebró|reúne|constituyó|construyó)) (?:el|en) (?P<answer>{_ES_DATE})",
        "¿Cuándo {v} {s}?",
        "¿En qué fecha {v} {s}?",
    ),
    _clause(
        "fecha",
        rf"^(?P<c>[^.;:,]{{8,80}}?) antes del? (?P<answer>{_ES_DATE})",
        "¿Antes de qué fecha {c}?",
        "¿Cuál es la fecha límite: {c}?",
    ),
    _clause("fecha", rf"^(?P<c>[^.;:,]{{8,80}}?) hasta el (?P<answer>{_ES_DATE})", "¿Hasta cuándo {c}?"),
    _clause(
        "fecha",
        rf"^(?P<c>[^.;:,]{{8,80}}?) (?:caduca|caducan|vence|vencen) el (?P<answer>{_ES_DATE})",
        "¿Cuándo caduca: {c}?",
    ),
    _clause(
        "cuántos",
        rf"^{_ES_SUBJECT} (?P<v>tiene|tienen|dura|duran|reúne|incluye|incluyen|necesita|necesitan|cuesta|cuestan|"
        rf"pesa|mide|es de|son de|recibe|reciben) (?:unos |unas |solo |hasta )?(?P<answer>{_ES_COUNT})"
        r" (?P<n>[a-záéíóúñ]+s)\b",
        "¿{cuantos} {n} {v} {s}?",
        "¿Qué número de {n} {v} {s}?",
    ),
    _clause(
        "quién",
        rf"^(?P<s>(?:El|La) (?:[a-záéíóúñ]+ ?){{1,6}}?) (?P<be>es|era|fue) (?P<answer>{_ES_NAME})",
        "¿Quién {be} {s}?",
        "¿Cómo se llama {s}?",
    ),
    _clause(
        "hora",
        rf"^{_ES_SUBJECT} (?:se )?(?P<v>abre|abren|cierra|cierran|empieza|empiezan|termina|terminan|sale|salen)"
        rf" a las? (?P<answer>{NUMBER})",
        "¿A qué hora {v} {s}?",
    ),
    _clause(
        "qué",
        rf"^{_ES_SUBJECT} (?P<be>es|son|era|eran) (?:un|una|unos|unas|el|la|los|las)"
        r" (?P<answer>[a-záéíóúñ][^.;:,()]{4,60}?)"
        r"(?= (?:que|para|donde|cuando)\b|[.;:,(])",
        "¿Qué {be} {s}?",
    ),
)

BY_LANGUAGE: Mapping[str, tuple[Clause, ...]] = {"en": ENGLISH, "es": SPANISH}
_BASE = {"has": "have"}
_CELLS = re.compile(r"^\s*\|(.+)\|\s*$")
_RULE = re.compile(r"^[\s|:-]+$")
_ENTRY = re.compile(
    r"^\s*[-*•] \**([^:*|()]{3,50}?)\**: (.{2,70}?)(?:\.\s*$|\s*$(?=\n\s*[-*•]|\n\s*\n|\n?\Z))", re.MULTILINE
)
ROW_WAYS = {
    "en": ("What is the {column} of {row}?", "Which {column} does {row} have?", "{column} for {row}?"),
    "es": ("¿Qué {column} tiene {row}?", "¿Cuál es, para {row}, este dato: {column}?", "¿{column} de {row}?"),
}
ENTRY_WAYS = {
    "en": ("What is said of {term}?", "What about {term}?", "{term}: what does it say?"),
    "es": ("¿Qué se dice de {term}?", "¿Y {term}?", "{term}: ¿qué pone?"),
}


def by_clause(source: Source, dice: Random) -> Iterator[Draft]:
    """Sentences whose grammar says what is asked for."""
    for sentence in source.sentences:
        for clause in BY_LANGUAGE.get(source.passage.lang, ENGLISH):
            found = clause.pattern.search(sentence)
            if found and short(found["answer"]):
                parts = _parts(found.groupdict())
                yield Draft(one_of(clause.ways, dice, **parts), found["answer"].strip(" *`\"'"), found[0], clause.kind)


def by_table(source: Source, dice: Random) -> Iterator[Draft]:
    """Cells of a Markdown table, asked for by row and column."""
    ways = ROW_WAYS.get(source.passage.lang, ROW_WAYS["en"])
    header: list[str] = []
    for line in source.passage.text.splitlines():
        found = _CELLS.match(line)
        cells = [cell.strip(" *`") for cell in found[1].split("|")] if found else []
        if found and not header:
            header = cells
        elif found and not _RULE.match(line) and len(cells) == len(header):
            for column, value in list(zip(header, cells, strict=True))[1:]:
                if value and column and cells[0]:
                    asked = one_of(ways, dice, column=lowered(column), row=cells[0])
                    yield Draft(asked, value, " ".join(line.strip().split()), "table")
        elif not found:
            header = []


def by_entry(source: Source, dice: Random) -> Iterator[Draft]:
    """List items of the form 'term: what holds for it'."""
    ways = ENTRY_WAYS.get(source.passage.lang, ENTRY_WAYS["en"])
    for found in _ENTRY.finditer(source.passage.text):
        if short(found[2]):
            yield Draft(one_of(ways, dice, term=found[1].strip()), found[2].strip(), found[2].strip(), "entry")


def _parts(groups: dict[str, str | None]) -> dict[str, str]:
    parts = {name: (value or "") for name, value in groups.items()}
    for name in ("s", "c"):
        if name in parts:
            parts[name] = lowered(parts[name])
    verb = parts.get("v", "")
    parts["base"] = _BASE.get(verb, verb.removesuffix("s"))
    parts["cuantos"] = "Cuántas" if re.search(r"(?:as|ones|dades)$", parts.get("n", "")) else "Cuántos"
    return parts
