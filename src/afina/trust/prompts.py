"""The 50 prompts of the certificate: English and Spanish, one turn and several, system messages, code, odd characters.

They are chosen to walk through the tokenizer, the template and every layer, not to be answered well. Changing any of
them changes `PROMPTS_DIGEST`, and with it every certificate.
"""

from afina.domain.document import digest
from afina.domain.message import Message

Turns = tuple[Message, ...]


def _user(text: str) -> Turns:
    return (Message("user", text),)


def _told(system: str, text: str) -> Turns:
    return (Message("system", system), Message("user", text))


def _talk(*turns: str, system: str | None = None) -> Turns:
    """User and assistant in turn, the user first and last."""
    roles = ("user", "assistant")
    said = tuple(Message(roles[at % 2], text) for at, text in enumerate(turns))  # type: ignore[arg-type]
    return said if system is None else (Message("system", system), *said)


_LEASE = (
    "The tenant pays the rent before the fifth day of each month. If the rent is late by more than ten days, the owner "
    "may ask for a charge of two per cent. Repairs under sixty euros are the tenant's; all others are the owner's, who "
    "must begin them within two weeks of being told. Either side may end the lease with ninety days' notice in writing."
)
_HUERTO = (
    "El huerto comunitario abre de martes a domingo, de ocho de la mañana a ocho de la tarde. Cada parcela mide veinte "
    "metros cuadrados y cuesta treinta y cinco euros al año. El agua se reparte por turnos: las parcelas pares riegan "
    "los lunes y los jueves; las impares, los martes y los viernes. Está prohibido usar herbicidas."
)

PROMPTS: tuple[Turns, ...] = (
    # one short turn
    _user("Hello!"),
    _user("What is the capital of Portugal?"),
    _user("Name three primary colours."),
    _user("Is a whale a fish? Explain in one sentence."),
    _user("Write a haiku about rain on a tin roof."),
    _user("How many minutes are there in a day? Show the multiplication."),
    _user("Give me a synonym of 'stubborn' that sounds kinder."),
    _user("Why is the sky blue?"),
    _user("List the months that have exactly thirty days."),
    _user("Tell me a joke about a librarian."),
    _user("What does the proverb 'a stitch in time saves nine' mean?"),
    _user("Convert 72 degrees Fahrenheit to Celsius and round to one decimal."),
    # Spanish
    _user("¿Cuál es la capital de Perú?"),
    _user("Explica en dos frases qué es la fotosíntesis."),
    _user("Escribe un saludo formal para un correo a la señora Núñez."),
    _user("¿Cómo se dice «breakfast» en español? ¿Y «piña» en inglés?"),
    _user("Conjuga el verbo «ir» en pretérito indefinido."),
    _user("Dame una receta corta de tortilla de patatas."),
    _told("Responde siempre en español y en una sola frase.", "What is the tallest mountain in the world?"),
    _told("Eres una bibliotecaria paciente.", "No encuentro el libro que devolví ayer. ¿Qué hago?"),
    _user("Resume este texto en una frase:\n\n" + _HUERTO),
    _user(_HUERTO + "\n\n¿Qué días riegan las parcelas impares?"),
    # system messages
    _told("You are a terse assistant. Answer with one word.", "What is the opposite of 'cold'?"),
    _told("You are a pirate. Stay in character.", "How do I boil an egg?"),
    _told("Answer with valid JSON and nothing else.", 'Give me the keys "name" and "age" for a cat called Tom.'),
    _told("Answer with the shortest exact phrase, nothing else.", _LEASE + "\n\nWho pays for a repair of 40 euros?"),
    _told("If the answer is not in the text, say so.", _LEASE + "\n\nHow many rooms does the flat have?"),
    _told("", "What follows an empty system message?"),
    # passages as a served question has them
    _user(f"[1] Lease\n{_LEASE}\n\n[2] Huerto\n{_HUERTO}\n\nQuestion: How much notice ends the lease?"),
    _user(f"[1] Huerto\n{_HUERTO}\n\n[2] Lease\n{_LEASE}\n\nPregunta: ¿Cuánto cuesta una parcela al año?"),
    # several turns
    _talk("Pick a number.", "Seven.", "Double it and add one."),
    _talk("Who wrote Don Quixote?", "Miguel de Cervantes.", "In which century?"),
    _talk("Hola, me llamo Lucía.", "¡Hola, Lucía! ¿En qué puedo ayudarte?", "¿Cómo me llamo?"),
    _talk("Translate 'dog'.", "perro", "And 'dogs'?", "perros", "And 'little dogs'?", system="Translate to Spanish."),
    _talk("Let us count. One.", "Two.", "Three.", "Four.", "Five."),
    _talk("Summarise:\n" + _LEASE, "Rent is due by the 5th; big repairs are the owner's.", "And to end it?"),
    # code
    _user("Write a Python function that reverses a string without slicing."),
    _user("What does this print?\n\n```python\nfor i in range(3):\n    print(i, end=' ')\n```"),
    _user("Fix the bug:\n\n```js\nfunction add(a, b) {\n\treturn a - b;\n}\n```"),
    _user("Explain this regular expression: ^\\d{3}-[A-Z]{2}(?:\\s+\\w+)*$"),
    _user("SELECT name, COUNT(*) FROM orders GROUP BY name HAVING COUNT(*) > 5;\nWhat does the query return?"),
    _user('{"id": 17, "tags": ["a", "b"], "ok": true, "note": null}\nWhich field is null?'),
    # odd characters, spaces and numbers
    _user("Translate to English: 你好，世界。"),
    _user("Какой сегодня день, если вчера была среда?"),
    _user("What do these mean: 👩‍👩‍👧 🏳️‍🌈 ☕ → ½ ≠ ∞?"),
    _user("naïve café — “quotes” … ‘single’ • №5 €20 10³"),
    _user("   leading spaces,\ttabs,\n\n\nblank lines and trailing spaces   "),
    _user("Add 123456789 and 987654321, then 0.1 + 0.2, then -40 + 1e3."),
    _user("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb cccc dd e\nHow many words was that?"),
    _user("¿¿??!!..,,;;::--__//\\\\||((([[[{{{<<<>>>}}}]]])))"),
)

PROMPTS_DIGEST = digest(*(part for turns in PROMPTS for m in turns for part in (m.role, m.content)))
