"""What a shell may complete: variants, timeframes, symbols and days of the lake, runs, trades."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

# typer keeps the classes of its commands and contexts to itself.
Typers = Any
#: Of a context and what was typed so far: completions, each with a word of help or none.
Choices = Callable[[Typers, str], list[tuple[str, str]]]

VARIABLE = "_CATALYST_COMPLETE"
_MOST = 300
_DAY = re.compile(r"date=(\d{4}-\d\d-\d\d)")


def answer(command: Typers) -> None:
    """Answer the shell's question and end the process.

    Nothing is ever said on stderr and no status tells of a failure: an error in the midst of a
    line that is being typed would only be in its way. Where there is nothing to offer, the shell
    completes files.
    """
    for one in _commands(command):
        for parameter in one.params:
            choices = _of(one.name, parameter)
            if choices is not None:
                # Options say it by `autocompletion=`; here all that are called alike have it.
                parameter._custom_shell_complete = _quiet(choices)  # noqa: SLF001
    stderr, sys.stderr = sys.stderr, _nowhere()
    try:
        command.main(prog_name="catalyst", complete_var=VARIABLE)
    except Exception:  # noqa: BLE001 - see above
        sys.exit(0)
    finally:
        sys.stderr = stderr


def variants(context: Typers, typed: str) -> list[tuple[str, str]]:
    """Offer the bundled variants and the YAML files of a folder."""
    del context
    folder = Path(__file__).parents[1] / "data" / "variant_files"
    bundled = [(path.stem, "bundled") for path in sorted(folder.glob("*.yaml"))]
    return bundled + [(path, "") for path in _paths(typed, (".yaml", ".yml"))]


def timeframes(context: Typers, typed: str) -> list[tuple[str, str]]:
    """Offer the timeframes of the lake that is named, all of them if there is none."""
    del typed
    from catalyst.data.timeframes import NAMES

    present = [path.name.partition("=")[2] for path in _bars(context)]
    return [(name, "") for name in NAMES if name in present or not present]


def symbols(context: Typers, typed: str) -> list[tuple[str, str]]:
    """Offer the symbols of the lake's newest session, after those of a list already typed."""
    import polars as pl

    held, comma, _ = typed.rpartition(",")
    newest: set[str] = set()
    for folder in _bars(context):
        day = max(folder.glob("date=*"), default=None)
        files = [] if day is None else sorted(day.glob("*.parquet"))
        for file in files:
            newest |= set(pl.read_parquet(file, columns=["symbol"])["symbol"].cast(pl.String))
    taken = set(held.split(","))
    return [(f"{held}{comma}{symbol}", "") for symbol in sorted(newest - taken)]


def days(context: Typers, typed: str) -> list[tuple[str, str]]:
    """Offer the years, then the months, then the sessions of the lake."""
    found = {day for folder in _bars(context) for day in _DAY.findall("\n".join(_names(folder)))}
    for length in (4, 7):
        parts = sorted({day[:length] for day in found if day.startswith(typed)})
        if len(parts) > 1 and len(typed) <= length:
            return [(part, "") for part in parts]
    return [(day, "") for day in sorted(found)]


def lakes(context: Typers, typed: str) -> list[tuple[str, str]]:
    """Offer the lakes under CATALYST_HOME; elsewhere the shell's own folders do."""
    del context
    folder = _home() / "lake"
    return [] if typed and not str(folder).startswith(typed) else _folders(folder, "bars")


def runs(context: Typers, typed: str) -> list[tuple[str, str]]:
    """Offer the runs, and the newest by its other name."""
    del context, typed
    return _folders(Path("runs"), "summary.json")


def trades(context: Typers, typed: str) -> list[tuple[str, str]]:
    """Offer the trades of the run that is named, by default the newest, with symbol and day."""
    del typed
    import polars as pl

    columns = ["trade_id", "symbol", "entry_ts"]
    found = pl.read_parquet(_run(context) / "trades.parquet", columns=columns)
    rows = found.with_columns(pl.col("entry_ts").dt.convert_time_zone("America/New_York")).rows()
    return [(name, f"{symbol} {entry:%Y-%m-%d %H:%M}") for name, symbol, entry in rows]


def sessions(context: Typers, typed: str) -> list[tuple[str, str]]:
    """Offer the sessions of the run that is named, by default the newest."""
    del typed
    import polars as pl

    found = pl.read_parquet(_run(context) / "equity.parquet", columns=["ts"])["ts"]
    return [
        (str(day), "")
        for day in found.dt.convert_time_zone("America/New_York").dt.date().unique().sort()
    ]


def _fixed(*names: str) -> Choices:
    return lambda _context, _typed: [(name, "") for name in names]


def _formats(context: Typers, typed: str) -> list[tuple[str, str]]:
    del context, typed
    from catalyst.data.formats import FORMATS

    return [(name, "") for name in FORMATS]


def _fields(context: Typers, typed: str) -> list[tuple[str, str]]:
    del context, typed
    from dataclasses import fields, is_dataclass

    from catalyst.strategy.params import Params

    params = Params()
    return [
        (f"{section.name}.{one.name}=", "")
        for section in fields(params)
        if is_dataclass(getattr(params, section.name))
        for one in fields(getattr(params, section.name))
    ]


def _kinds(context: Typers, typed: str) -> list[tuple[str, str]]:
    from catalyst.data.checks.kinds import KINDS

    del context
    held, comma, _ = typed.rpartition(",")
    return [(f"{held}{comma}{kind}", "") for kind in KINDS]


#: By the name of a parameter, wherever it stands: a new command has them by calling things alike.
_CHOICES: dict[str, Choices] = {
    "variant": variants,
    "diff": variants,
    "timeframe": timeframes,
    "symbols": symbols,
    "symbol": symbols,
    "start": days,
    "end": days,
    "lake": lakes,
    "run": runs,
    "settings": _fields,
    "format_": _formats,
    "only": _kinds,
    "stamp": _fixed("start", "end"),
    "midnight": _fixed("date", "time"),
    "adjustment": _fixed("raw", "split", "all"),
    "accept": _fixed("mislinked", "conflict"),
    "feed": _fixed("sip", "iex"),
    "tz": _fixed("America/New_York", "UTC"),
}
_CHOICES_OF: dict[tuple[str, str], Choices | None] = {
    ("explain", "subject"): trades,
    ("explain", "session"): sessions,
    ("pull", "source"): _fixed("alpaca", "yfinance"),
    # Files of other symbols come in; those of the lake say nothing about them.
    ("import", "symbol"): _fixed("@name"),
    ("import", "timeframe"): _fixed("1m", "5m", "15m", "1h", "1d"),
    ("pull", "timeframe"): _fixed("1m", "5m", "15m", "1h", "1d"),
    ("pull", "symbols"): None,
    ("pull", "start"): None,
    ("pull", "end"): None,
}


def _of(command: str, parameter: Typers) -> Choices | None:
    key = (command, parameter.name)
    return _CHOICES_OF[key] if key in _CHOICES_OF else _CHOICES.get(parameter.name)


def _quiet(choices: Choices) -> Callable[[Typers, Typers, str], list[Typers]]:
    def complete(context: Typers, parameter: Typers, typed: str) -> list[Typers]:
        del parameter
        from typer._click.shell_completion import CompletionItem

        found: list[tuple[str, str]] = []
        # A lake that is none, a table half written: then there is nothing to offer.
        with suppress(Exception):
            found = choices(context, typed)
        return [
            CompletionItem(value, help=help_ or None)
            for value, help_ in found
            if value.startswith(typed)
        ][:_MOST]

    return complete


def _commands(command: Typers) -> Iterator[Typers]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _commands(below)


def _bars(context: Typers) -> list[Path]:
    told = context.params.get("lake") or os.environ.get("CATALYST_LAKE")
    root = Path(told) if told else _home() / "lake" / "sample"
    return sorted((root / "bars").glob("timeframe=*"))


def _run(context: Typers) -> Path:
    return Path(context.params.get("run") or Path("runs") / "latest")


def _home() -> Path:
    # Not by the settings: reading them takes as long as everything else here.
    return Path(os.environ.get("CATALYST_HOME") or ".catalyst")


def _folders(folder: Path, holding: str) -> list[tuple[str, str]]:
    found = (path for path in sorted(folder.iterdir()) if (path / holding).exists())
    return [(str(path), "") for path in found]


def _paths(typed: str, endings: tuple[str, ...]) -> list[str]:
    folder, slash, _ = typed.rpartition("/")
    place = Path(folder or (slash or "."))
    return [f"{folder}{slash}{name}" for name in sorted(_names(place)) if name.endswith(endings)]


def _names(folder: Path) -> list[str]:
    return os.listdir(folder)  # noqa: PTH208 - names alone, of thousands of days


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
