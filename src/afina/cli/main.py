"""The `afina` command. A verb is a file here and is imported when it is called; `_index.py` lists them for --help.

Exit codes: 0 done; 1 a check said no (or Afina itself is at fault); 2 the call was wrong; 3 something outside failed
(an engine, the database, the network); 4 the material is at fault; 130 interrupted.
"""

import importlib
import sys
from collections.abc import Iterator, MutableMapping
from importlib.metadata import version
from types import ModuleType, TracebackType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from afina.cli._index import VERBS
from afina.errors import AfinaError, DataError, OutsideError, UsageError, nearest

EXIT_CODES: dict[type[AfinaError], int] = {UsageError: 2, OutsideError: 3, DataError: 4}
"""Branch of the error tree -> exit code."""

PLAIN = None
"""Typer's markup mode: plain text, so that help loads nothing and reads the same in a pipe."""


class Verbs(MutableMapping[str, Any]):
    """Verb -> command, imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        if name not in VERBS:
            raise KeyError(name)
        module = importlib.import_module(f"afina.cli.{name.replace('-', '_')}")
        return _command(name, module)

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError("verbs are files; add one and run python -m afina.cli._generate")

    def __delitem__(self, name: str) -> None:
        raise TypeError("verbs are files; delete one and run python -m afina.cli._generate")


class Afina(TyperGroup):
    """The group of verbs: lists them without importing, and turns errors into a message and an exit code."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": None, "subcommand_metavar": "VERB [ARGS]..."})
        self.commands = Verbs()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """--debug is heard anywhere, also after the verb."""
        ours = args[: args.index("--")] if "--" in args else args
        if "--debug" in ours:
            args = ["--debug", *(a for a in ours if a != "--debug"), *args[len(ours) :]]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: Any) -> Any:
        debug = bool(ctx.params.get("debug"))
        if not debug:
            sys.excepthook = _say_bug
        name = next(iter(ctx._protected_args), "")
        try:
            if name and name not in VERBS:
                raise UsageError(f'afina has no verb "{name}"{nearest(name, list(VERBS))}')
            return super().invoke(ctx)
        except AfinaError as error:
            if debug:
                raise
            print(f"Error: {error}", file=sys.stderr)
            raise typer.Exit(exit_code(error)) from error


def exit_code(error: AfinaError) -> int:
    """The code of the branch that an error belongs to."""
    return next((code for branch, code in EXIT_CODES.items() if isinstance(error, branch)), 1)


app = typer.Typer(
    cls=Afina,
    name="afina",
    no_args_is_help=True,
    rich_markup_mode=PLAIN,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="Begin with: afina init DIR. Options of a verb: afina VERB --help.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(version("afina"))
        raise typer.Exit


@app.callback()
def afina(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Adapt foundation language models to the people who use them, and prove what each adaptation is worth."""


def main() -> None:
    """Run the command line; leaves with one of the exit codes above."""
    app(prog_name="afina")


def _command(name: str, module: ModuleType) -> Any:
    """What typer makes of a verb's file: a group if it has an `app`, else its `run`."""
    group = getattr(module, "app", None)
    about = (module.__doc__ or "").strip()
    if isinstance(group, typer.Typer):
        command: Any = get_group(group)
        command.name, command.help = name, command.help or about
        command.rich_markup_mode = PLAIN
        return command
    single = typer.Typer(add_completion=False, rich_markup_mode=PLAIN, pretty_exceptions_enable=False)
    single.command(name, help=module.run.__doc__ or about)(module.run)
    return get_command(single)


def _say_bug(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """An error that Afina did not foresee: one line, and where to see more. Python leaves with code 1 after it."""
    print(f"Error: a fault in Afina: {kind.__name__}: {fault} (add --debug for the traceback)", file=sys.stderr)


if __name__ == "__main__":
    main()
