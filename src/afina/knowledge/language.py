"""Which language a text is in, by its most common words: English, Spanish, or 'xx' for anything else.

Small on purpose: it decides which stems and stop words a search uses, where 'xx' means none.
"""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS = {
    "en": _words(
        "a about above after again against all also although am among an and any are as at be because been "
        "before being below between both but by can could did do does doing down during each either few for "
        "from further had has have having he her here hers him himself his how i if in into is it its itself "
        "just me more most my myself no nor not of off on once only or other our ours out over own per s same "
        "she should so some such t than that the their theirs them themselves then there these they this "
        "those through thus to too under until up upon us very was we were what when where whether which "
        "while who whom whose why will with within without would you your yours"
    ),
    "es": _words(
        "a al algo alguna algunas alguno algunos ante antes aquel aquella aquellas aquello aquellos asi aun "
        "aunque bajo bien cada como con contra cual cuales cualquier cuando cuanto cuantos cuanta cuantas de "
        "del desde donde dos durante e el ella ellas ellos en entre era eran eres es esa esas ese eso esos "
        "esta estaba estaban estado estan estar estas este esto estos fue fueron fui ha haber habia habian "
        "han has hasta hay he hemos hizo incluso la las le les lo los mas me mi mis mientras mucho muchos muy "
        "nada ni no nos nosotros nuestra nuestras nuestro nuestros o os otra otras otro otros para pero poco "
        "por porque pues que quien quienes se sea sean segun ser si sido siempre sin sino sobre son su sus "
        "suya suyo tal tambien tan tanto te tener tenia ti tiene tienen toda todas todo todos tras tu tus u "
        "un una unas uno unos usted ustedes y ya yo"
    ),
}
"""Accents folded, as `folded` in knowledge/terms.py leaves words."""

_WORD = re.compile(r"[^\W\d_]+")
_OTHER = {
    "fr": _words("le les des est une dans pour qui que sur pas avec sont au aux ce cette ou et il elle"),
    "pt": _words("não uma os em para com dos das ao mais como foi seu sua são um ele isso pelo pela"),
    "it": _words("il di che non per una sono della del con gli alla anche è più nel dei delle questo"),
    "de": _words("der die und das den von ist mit des auf für im dem nicht ein eine als auch sich werden"),
    "ca": _words("els amb una per als dels les què és no més aquest aquesta són també seva seu hi va"),
}
"""Neighbours that share short words with Spanish or English; recognised only to be told apart."""

_TELLING = {
    "en": _words("the of and to in is that was for it with as his be by are this from which have not"),
    "es": _words("el la de que y en los del las por con una para es se su al lo como más fue son está"),
    **_OTHER,
}
SAMPLE_CHARS = 20_000


def language_of(text: str, *, unsure: str = "xx") -> str:
    """'en', 'es' or 'xx'. At most 20,000 characters are looked at; `unsure` is for texts with too few words to tell."""
    words = [w.lower() for w in _WORD.findall(text[:SAMPLE_CHARS])]
    counts = {lang: sum(w in telling for w in words) for lang, telling in _TELLING.items()}
    best = max(counts, key=lambda lang: counts[lang])
    second = max(n for lang, n in counts.items() if lang != best)
    if counts[best] == 0 or counts[best] == second:
        return unsure
    if len(words) >= 20 and counts[best] < 0.06 * len(words):
        return unsure
    return best if best in STOP_WORDS else "xx"
