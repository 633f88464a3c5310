"""The words and numbers of a report in a language. A language is one file in `languages/`; all have the same keys."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from afina.errors import BadRequest, nearest

FOLDER = "afina.evaluation.show"


@dataclass(frozen=True, slots=True)
class Words:
    """texts: 'section.cases' -> what it reads in this language, with {places} to fill in."""

    lang: str
    texts: Mapping[str, str]

    def __getitem__(self, key: str) -> str:
        return self.texts[key]

    def get(self, key: str, otherwise: str) -> str:
        return self.texts.get(key, otherwise)

    def say(self, key: str, **values: object) -> str:
        return self.texts[key].format(**values)

    def fixed(self, value: float, places: int = 1, *, sign: bool = False) -> str:
        """1234.56 -> '1,234.6'; never '-0.0'."""
        text = f"{round(value, places) + 0.0:{'+' if sign else ''},.{places}f}"
        return self._spelt(text)

    def points(self, share: float, *, sign: bool = False) -> str:
        """0.0214 -> '2.1'."""
        return self.fixed(share * 100, 1, sign=sign)

    def figure(self, value: float) -> str:
        """Three digits that count: 0.0123, 1.23, 123, 12,346."""
        if value == 0 or not math.isfinite(value):
            return self._spelt(f"{value:g}")
        return self.fixed(value, min(9, max(0, 2 - math.floor(math.log10(abs(value))))))

    def whole(self, value: float) -> str:
        return self.fixed(value, 0)

    def plain(self, value: float) -> str:
        """A round number as short as it goes: 2, 2.5, 0.1."""
        return self._spelt(f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}")

    def names(self, names: Sequence[str]) -> str:
        return self["join"].join(names)

    def listed(self, names: Sequence[str]) -> str:
        """'a, b and c'."""
        *first, last = names
        return f"{self.names(first)} {self['and']} {last}" if first else last

    def metric(self, name: str) -> str:
        """The short name of a figure; a scorer from outside goes by its own."""
        return self.get(f"metric.{name}.short", name)

    def meaning(self, name: str) -> str:
        return self.get(f"metric.{name}.meaning", name)

    def unit(self, name: str) -> str:
        return self.get(f"unit.{name}", name)

    def setting(self, name: str) -> str:
        return self.get(f"setting.{name}", name.replace("_", " "))

    def value(self, value: object) -> str:
        """What a setting is set to."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.plain(value)
        return self.get(f"value.{value}", str(value))

    def arm(self, name: str, task: str, otherwise: str) -> str:
        """What an arm of ours is; a set of mechanisms is told by its parts."""
        for key in (f"arm_of.{task}.{name}", f"arm.{name}"):
            if key in self.texts:
                return self[key]
        parts = [f"part.{part}" for part in name.split("+")]
        if all(part in self.texts for part in parts):
            return self.say("arm.with", parts=self.listed([self[part] for part in parts]))
        return self.get(f"arm.{otherwise}", otherwise)

    def _spelt(self, text: str) -> str:
        """Separators of this language; four digits in a row are left together where it groups by a space."""
        whole, point, rest = text.partition(".")
        digits = whole.lstrip("+-")
        if not self["thousands"].strip() and len(digits) == 5:
            whole = whole.replace(",", "")
        return whole.replace(",", self["thousands"]) + (self["decimal"] + rest if point else "")


@cache
def words(lang: str) -> Words:
    """Raises BadRequest for a language that reports do not speak."""
    if lang not in languages():
        raise BadRequest(f'reports do not speak "{lang}"{nearest(lang, list(languages()))}', param="lang")
    text = (resources.files(FOLDER) / "languages" / f"{lang}.toml").read_text(encoding="utf-8")
    return Words(lang, _flat(tomllib.loads(text)))


@cache
def languages() -> tuple[str, ...]:
    files = (resources.files(FOLDER) / "languages").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return flat
