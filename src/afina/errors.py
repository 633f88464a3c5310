"""The error tree: three branches, by who can act.

    AfinaError
    ├── UsageError            the caller can mend it
    │   ├── ConfigError       afina.toml, a recipe, an option
    │   ├── NotFound          a name or id that does not exist (in this scope)
    │   ├── BadRequest        a field with an impossible value
    │   │   ├── TooLong       the prompt does not fit; carries the counts
    │   │   └── Unsupported   a field that the chosen engine cannot obey
    │   ├── Conflict          the thing is in a state that forbids this
    │   └── MissingExtra      an optional dependency is not installed
    ├── OutsideError          someone outside can mend it
    │   ├── EngineError       an engine failed, died, or answered nonsense
    │   │   └── EngineTimeout a deadline passed
    │   └── StoreError        the database or the disk failed
    └── DataError             the material is at fault
        ├── UnreadableDocument
        ├── EmptyExamples
        ├── InvalidRow        carries line and field
        ├── InvalidRows       every fault of a data file at once
        ├── BrokenArtefact    a stored file is not what its hash says
        └── NotCertified      a model has no certificate that holds for this engine

A message names the value, the rule and the nearest right thing.
"""

from difflib import get_close_matches


class AfinaError(Exception):
    """Whatever Afina raises on purpose."""

    code = "error"


class UsageError(AfinaError):
    code = "usage_error"


class ConfigError(UsageError):
    code = "config_error"


class NotFound(UsageError):
    code = "not_found"


class BadRequest(UsageError):
    """A field with an impossible value; `param` is its name on the wire, if it came from there."""

    code = "invalid_value"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class TooLong(BadRequest):
    """The prompt does not fit into the context window. Counts are tokens."""

    code = "context_length_exceeded"

    def __init__(self, *, prompt_tokens: int, max_tokens: int, context_tokens: int) -> None:
        super().__init__(
            f"the prompt has {prompt_tokens} tokens and {max_tokens} more were asked for, "
            f"but the model reads at most {context_tokens}; shorten the messages or lower max_tokens",
            param="messages",
        )
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.context_tokens = context_tokens


class Unsupported(BadRequest):
    code = "unsupported_parameter"


class Conflict(UsageError):
    code = "conflict"


class MissingExtra(UsageError):
    """An optional dependency is missing; the message says how to install it."""

    code = "missing_extra"

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(f'{what} needs the extra "{extra}": pip install "afina[{extra}]"')
        self.extra = extra


class OutsideError(AfinaError):
    code = "outside_error"


class EngineError(OutsideError):
    """`retriable` says whether the same request may succeed when sent again."""

    code = "engine_error"

    def __init__(self, message: str, *, retriable: bool = False) -> None:
        super().__init__(message)
        self.retriable = retriable


class EngineTimeout(EngineError):
    code = "engine_timeout"


class StoreError(OutsideError):
    code = "store_error"


class DataError(AfinaError):
    code = "data_error"


class UnreadableDocument(DataError):
    """A file that no reader could turn into text; `page` counts from 1 where the format has pages."""

    code = "unreadable_document"

    def __init__(self, reason: str, *, page: int | None = None) -> None:
        super().__init__(reason if page is None else f"page {page}: {reason}")
        self.page = page


class EmptyExamples(DataError):
    code = "empty_examples"


class InvalidRow(DataError):
    """A row of a data file; `line` counts from 1."""

    code = "invalid_row"

    def __init__(self, reason: str, *, line: int, field: str | None = None) -> None:
        where = f"line {line}" + (f", field {field}" if field else "")
        super().__init__(f"{where}: {reason}")
        self.line = line
        self.field = field


class InvalidRows(DataError):
    """A data file with faults; `rows` holds them all, the message shows the first twenty."""

    code = "invalid_rows"
    SHOWN = 20

    def __init__(self, name: str, rows: list[InvalidRow]) -> None:
        more = [f"and {len(rows) - self.SHOWN} more"] if len(rows) > self.SHOWN else []
        count = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
        super().__init__("\n  ".join([f"{name}: {count} cannot be read", *map(str, rows[: self.SHOWN]), *more]))
        self.rows = rows


class BrokenArtefact(DataError):
    code = "broken_artefact"


class NotCertified(DataError):
    code = "not_certified"


def nearest(name: str, known: list[str]) -> str:
    """', did you mean "x"?' or the list of what there is, to end a message with."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; there is: {', '.join(sorted(known))}" if known else ""
