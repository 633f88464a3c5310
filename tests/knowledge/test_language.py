"""Languages told by their common words; terms folded and stemmed by language."""

import pytest

from afina.knowledge.language import STOP_WORDS, language_of
from afina.knowledge.terms import folded, terms


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("The contract is signed by the owner of the house and the tenant.", "en"),
        ("El contrato lo firma la dueña de la casa con el inquilino.", "es"),
        ("Le contrat est signé par la propriétaire de la maison et les locataires avec une copie.", "xx"),
        ("O contrato não foi assinado pelo dono da casa e uma cópia fica com os inquilinos.", "xx"),
        ("Der Vertrag wird von der Besitzerin und dem Mieter mit einer Kopie nicht unterschrieben.", "xx"),
        ("契約書は家の持ち主によって署名されます", ""),
        ("0 1 2 3", ""),
        ("", ""),
    ],
)
def test_languages(text: str, lang: str) -> None:
    assert language_of(text, unsure="") == lang


def test_unsure_is_what_the_caller_says() -> None:
    assert language_of("Zebra", unsure="es") == "es"


def test_stop_words_are_folded() -> None:
    assert all(folded(word) == word for words in STOP_WORDS.values() for word in words)


def test_terms() -> None:
    assert terms("Los contratos de arrendamientos", "es") == terms("el contrato de arrendamiento", "es")
    assert terms("GARCÍA", "es") == terms("garcia", "es")
    assert terms("The runner's running shoes", "en") == ["runner", "run", "shoe"]
    assert terms("The cats", "xx") == ["the", "cats"]
