"""The command ``catalyst``: subcommands import what they need when they run; help is instant."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from catalyst.cli import backtest, data, news
from catalyst.errors import CatalystError, InputError

_LONGEST_MESSAGE = 2_000
#: What the libraries raise for a Parquet file that is none, or no longer whole.
_DAMAGE = {("polars", "ComputeError"), ("pyarrow", "ArrowInvalid")}

app = typer.Typer(
    name="catalyst",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Research and trade the news: what you tested is what trades, and the test did not lie.",
    epilog="Start with **catalyst backtest**: it makes a synthetic sample on first use and replays "
    "the strategy over it.",
)
app.command("backtest", epilog=backtest.EPILOG)(backtest.command)
app.add_typer(data.app, name="data")
app.add_typer(news.app, name="news")


def _print_version(asked: bool) -> None:
    if asked:
        from catalyst.data.version import code_version

        typer.echo(code_version())
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print version and source hash and stop.",
        ),
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line; a foreseen error is one sentence on stderr and exit status 2."""
    # A stream that the shell closed is None here, and print would take stdout in its place.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    try:
        app()
    except CatalystError as error:
        _say(str(error))
        sys.exit(2 if isinstance(error, InputError) else 1)
    except Exception as error:
        if not _is_damage(error):
            raise
        reason = str(error).partition("\n")[0]
        hint = "make room or give the rights it needs, then repeat the command"
        if not isinstance(error, OSError) or error.errno is None:
            hint = (
                "a file of the lake is damaged: restore it, or import its sources into a new lake"
            )
        _say(f"a file can't be read or written: {reason}; {hint}")
        sys.exit(2)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _say(message: str) -> None:
    from catalyst.data.messages import shown

    # A message may quote what a file, a vendor or a name says.
    typer.echo(f"catalyst: {shown(message, longest=_LONGEST_MESSAGE)}", err=True)


def _is_damage(error: Exception) -> bool:
    # By name: neither library is imported for a command that does without.
    kind = type(error)
    library = kind.__module__.partition(".")[0]
    return isinstance(error, OSError) or (library, kind.__name__) in _DAMAGE


if __name__ == "__main__":
    main()
