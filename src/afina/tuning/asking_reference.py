"""Questions to reference documentation: signatures, what a name does, returns, raises and defaults to."""

import re
from collections.abc import Iterator
from random import Random

from afina.tuning.drafting import Draft, Source, lowered, one_of, short

_SIGNATURE = re.compile(r"^([A-Za-z_][\w.]*)\((.*)\)$")
_ARGUMENT = re.compile(r"(?:^|, )(\w+)=('[^']*'|\"[^\"]*\"|-?\d[\w.]*|True|False|None|[A-Za-z_][\w.]*)(?=,|$)")
_NAME = re.compile(r"^[A-Za-z_]\w*(?:\.\w+)+$")
_RAISES = re.compile(
    r"\b[Rr]ais(?:es?|ing) (?:an? |the )?`*(\w*(?:Error|Exception|Warning|Exit|Interrupt))`*"
    r"(?: exception)?(?: (?:if|when) ([^.;,()]{6,80})(?=[.;,()]|$))?"
)
_RAISED = re.compile(
    r"\b(?:[Ii]f|[Ww]hen) ([^.;,]{6,70}),? (?:then )?(?:an? |the )?`*(\w+(?:Error|Exception))`*"
    r"(?: exception)? (?:is|will be|gets) (?:raised|thrown)"
)
_RETURNS = re.compile(r"^Returns? ((?:an? |the )?[^.;,:()]{2,70}?)(?: (if|when|for) ([^.;,:()]{4,60}))?[.;,:]")
_DEFAULT = re.compile(
    r"\b(?!(?:and|the|for|with|that)\b)(\w{3,}) \((?:the )?default(?:s to|:| is|=)?\s*([^()\s][^()]{0,30})\)"
)
_DEFAULTS = re.compile(r"\*{0,2}`{0,2}(\w{3,})`{0,2}\*{0,2} defaults to `*\*?([\w.'\"-]+[\w'\"])")
_BY_DEFAULT = re.compile(r"^([A-Z][^.;,]{3,50}?) (?:is|are) ([\w.'-]+(?: [\w.'-]+){0,2}) by default\b")

DOING = (
    "How do I {does}?",
    "How can I {does}?",
    "What do I call to {does}?",
    "Which name do I use to {does}?",
    "I want to {does}; what do I use?",
    "What lets me {does}?",
    "Is there something to {does}?",
    "With {module}, how do I {does}?",
    "In {module}, what should I use to {does}?",
)
_VERB_WORDS = """
accept acquire add adjust allow analyze append apply assert attach begin bind block build calculate call cancel
change check clean clear close collect combine compare compile compress compute configure connect construct
convert copy count create decode decompress decrease define delete deliver deserialize detach detect determine
disable discard display divide dump emit enable encode end ensure enter escape evaluate examine execute exit
expand extend extract fetch fill filter find finish flush force format generate get give guess handle increase
indicate initialize insert install invoke iterate join keep launch limit list load locate lock log look make map
match measure merge modify move normalize notify obtain open order pack parse perform pick pop prepare prevent
print process produce provide push put query raise read receive record register release remove rename render
repeat replace report request reset resolve restore resume retrieve return reverse rotate run save scan schedule
search select send serialize set show shut skip sleep sort split start step stop store strip submit subtract
suspend swap sync terminate test time toggle transfer transform translate truncate try unpack unregister update
use validate verify visit wait walk wrap write yield
"""
VERBS = frozenset(_VERB_WORDS.split())
"""Verbs that the first sentence of a docstring starts with."""
WORDS = {
    "return": ("get", "obtain"),
    "create": ("make", "build"),
    "delete": ("remove", "get rid of"),
    "remove": ("delete", "take out"),
    "retrieve": ("get", "fetch"),
    "convert": ("turn", "change"),
    "determine": ("find out", "learn"),
    "compute": ("work out", "calculate"),
    "construct": ("build", "make"),
    "generate": ("produce", "make"),
    "check": ("test", "find out"),
    "terminate": ("end", "stop"),
    "execute": ("run",),
    "display": ("show",),
    "locate": ("find",),
    "modify": ("change",),
    "obtain": ("get",),
    "send": ("pass on", "transmit"),
    "replace": ("swap",),
    "append": ("add",),
    "combine": ("put together",),
    "split": ("cut", "break"),
}
"""Other words for what a docstring says, so that a question need not repeat it."""


def by_what_it_does(source: Source, dice: Random) -> Iterator[Draft]:
    """'Wrap a single paragraph of text, ...' under textwrap.wrap(...): 'How do I wrap a single paragraph of text?'"""
    name = _name(source)
    if name is None or not source.sentences:
        return
    found = re.match(r"^(\w+) ([^.;:,()]{6,90})", source.sentences[0])
    verb = _base_form(found[1]) if found else None
    if found is None or verb is None:
        return
    others = WORDS.get(verb, ("get",) if verb == "return" else (verb,))
    does = (
        f"{dice.choice(others) if dice.random() < 0.5 else WORDS['return'][0] if verb == 'return' else verb} {found[2]}"
    )
    question = one_of(DOING, dice, does=does.strip(), module=name.split(".")[0])
    yield Draft(question, name, name, "does")


def by_default_argument(source: Source, dice: Random) -> Iterator[Draft]:
    """textwrap.wrap(text, width=70): 'What is the default width of textwrap.wrap?'"""
    found = _SIGNATURE.match(source.leaf)
    if not found:
        return
    ways = (
        "What is the default {arg} of {name}?",
        "Which {arg} does {name} use by default?",
        "What {arg} does {name} have unless told otherwise?",
        "If I leave out {arg}, what does {name} use?",
        "To what does {arg} of {name} default?",
    )
    for arg, value in _ARGUMENT.findall(found[2]):
        bare = value.strip("'\"")
        if value in ("None", "True", "False") and dice.random() < 0.93:
            continue
        if bare.strip():
            yield Draft(one_of(ways, dice, arg=arg, name=_called(found[1], dice)), bare, f"{arg}={value}", "default")


def by_error(source: Source, dice: Random) -> Iterator[Draft]:
    """'Raises ValueError if x is negative': 'Which error does math.factorial raise if x is negative?'"""
    name = _name(source)
    ways = (
        "Which error does {name} raise if {cond}?",
        "Which exception do I get from {name} when {cond}?",
        "What does {name} raise if {cond}?",
        "What goes wrong in {name} when {cond}?",
    )
    for sentence in source.sentences:
        pairs = [(m[1], m[2], m[0]) for m in _RAISES.finditer(sentence)]
        pairs += [(m[2], m[1], m[0]) for m in _RAISED.finditer(sentence)]
        for error, condition, span in pairs:
            if name and condition:
                yield Draft(one_of(ways, dice, name=_called(name, dice), cond=condition.strip()), error, span, "error")


def by_return(source: Source, dice: Random) -> Iterator[Draft]:
    """'Return False for broken links': 'What does exists return for broken links?'"""
    name = _name(source)
    for sentence in source.sentences if name else ():
        found = _RETURNS.match(sentence)
        if not found or not short(found[1]):
            continue
        condition = f" {found[2]} {found[3]}" if found[2] else ""
        ways = (
            "What does {name} return{cond}?",
            "What do I get from {name}{cond}?",
            "What comes back from {name}{cond}?",
        )
        question = one_of(ways, dice, name=_called(name or "", dice), cond=condition)
        answer = re.sub(r"^(?:an?|the) ", "", found[1]).strip()
        yield Draft(question, answer, found[0], "return")


def by_stated_default(source: Source, dice: Random) -> Iterator[Draft]:
    """'width (default: 70)', 'mode defaults to r', 'Verbose is off by default'."""
    name = _name(source) or source.leaf or source.passage.document
    ways = (
        "What is the default {what}{of}?",
        "To what does {what} default{of}?",
        "Which {what} is used by default{of}?",
    )
    for sentence in source.sentences:
        for found in (*_DEFAULT.finditer(sentence), *_DEFAULTS.finditer(sentence)):
            of = f" in {_called(name, dice)}" if dice.random() < 0.7 else ""
            yield Draft(one_of(ways, dice, what=found[1], of=of), found[2].strip(" '\"`"), found[0], "default")
        stated = _BY_DEFAULT.match(sentence)
        if stated:
            yield Draft(f"What is {lowered(stated[1])} by default?", stated[2], stated[0], "default")


def _name(source: Source) -> str | None:
    found = _SIGNATURE.match(source.leaf)
    if found:
        return found[1]
    return source.leaf if _NAME.match(source.leaf) else None


def _called(name: str, dice: Random) -> str:
    """A dotted name as people write it: whole, its last part, or its last two."""
    parts = name.split(".")
    return ".".join(parts[-dice.choice((1, 1, 2, len(parts))) :])


def _base_form(word: str) -> str | None:
    """'Returns' -> 'return', if it is a verb that documentation starts with."""
    word = word.lower()
    for form in (word, word.removesuffix("s"), word.removesuffix("es"), f"{word.removesuffix('ies')}y"):
        if form in VERBS:
            return form
    return None
