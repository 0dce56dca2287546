"""What a command is asked about: a lake, and which part of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from catalyst.data.lake import Lake
    from catalyst.strategy.params import Params

LakeOption = Annotated[
    Path | None,
    typer.Option("--lake", help="Lake folder; default $CATALYST_LAKE, else the sample."),
]
TimeframeOption = Annotated[
    str | None,
    typer.Option("--timeframe", help="1m, 5m, 15m, 1h or 1d; default the lake's finest."),
]
StartOption = Annotated[
    str | None,
    typer.Option("--start", help="First session, such as 2024-01-02; earlier history is used."),
]
EndOption = Annotated[str | None, typer.Option("--end", help="Last session, included.")]
SymbolsOption = Annotated[
    str | None, typer.Option("--symbols", help="Only these, separated by commas.")
]
SourcesOption = Annotated[
    str | None,
    typer.Option(
        "--sources",
        help="Where bars may come from, best first; default what was known first.",
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="One field, such as screen.price_max=1000; may be repeated."),
]


class Extent(TypedDict):
    """Name the part of a lake as `replay` and its like take it."""

    timeframe: str | None
    start: dt.date | None
    end: dt.date | None
    symbols: list[str] | None
    sources: list[str] | None


@dataclass(frozen=True)
class Asked:
    """Hold a lake and which part of it was asked for."""

    lake: Lake
    extent: Extent

    @property
    def timeframe(self) -> str | None:
        """Return the base timeframe; None in a lake without bars."""
        return self.extent["timeframe"]


def ask(
    lake: Path | None,
    *,
    timeframe: str | None,
    start: str | None,
    end: str | None,
    symbols: str | None,
    sources: str | None,
) -> Asked:
    """Read the options that say which lake and which part of it; make the sample if it is that.

    A span that reaches beyond the lake is told on stderr.

    Raises
    ------
    InputError
        If an option can't be read.
    LakeError
        If there is no such lake.
    """
    from catalyst.data.lake import Lake
    from catalyst.data.settings import resolve_lake
    from catalyst.data.timeframes import timeframe_named

    wanted, preferred = symbols_of(symbols), _names(sources)
    first, last = _day("--start", start), _day("--end", end)
    length = timeframe_named(timeframe) if timeframe else None
    root = resolve_lake(lake)
    if lake is None:
        _fill_sample(root)
    opened = Lake(root)
    length = length or next(iter(_finest(opened)), None)
    _tell_span(opened, length, first, last)
    return Asked(
        opened,
        {
            "timeframe": length,
            "start": first,
            "end": last,
            "symbols": wanted,
            "sources": preferred,
        },
    )


def run_hash(asked: Asked, params: Params) -> str:
    """Return the 12 hexadecimal digits that end the name of a run's folder."""
    text = "|".join(map(str, (params.hash, asked.lake.digest(), *asked.extent.values())))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def symbols_of(text: str | None) -> list[str] | None:
    """Return the symbols of a comma-separated list, in the lake's spelling; None for none given."""
    from catalyst.data.symbols import joined_symbol
    from catalyst.errors import InputError

    if text is None:
        return None
    found = [joined_symbol(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise InputError(
            f"--symbols is {text!r}; expected symbols separated by commas, such as AAPL,BAC"
        )
    return sorted(set(found))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int, dt.date], None]]:
    """Show a bar with the time left on stderr while sessions are done."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what + " {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    people = console()
    with Progress(*columns, console=people, transient=True, disable=not people.is_terminal) as bar:
        task = bar.add_task("...", total=None)

        def report(done: int, total: int, day: dt.date) -> None:
            bar.update(task, completed=done, total=total, description=str(day))

        yield report


def console() -> Console:
    """Return what people read besides a command's result: stderr."""
    from rich.console import Console

    return Console(file=sys.stderr)


def _names(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text else None


def _day(option: str, text: str | None) -> dt.date | None:
    from catalyst.errors import InputError

    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} is {text!r}; expected a date such as 2024-01-02") from None


def _finest(lake: Lake) -> list[str]:
    from catalyst.data.timeframes import NAMES

    return [name for name in NAMES if name in lake.timeframes()]


def _tell_span(lake: Lake, length: str | None, first: dt.date | None, last: dt.date | None) -> None:
    days = lake.days(length) if length else []
    if days and first is not None and first < days[0] <= (last or days[0]):
        typer.echo(f"--start {first} is before the lake's first session, {days[0]}", err=True)
    if days and last is not None and last > days[-1] >= (first or days[-1]):
        typer.echo(f"--end {last} is after the lake's last session, {days[-1]}", err=True)


def _fill_sample(root: Path) -> None:
    from catalyst.data.sample_lake import fill_sample, is_complete
    from catalyst.data.settings import sample_root

    if root == sample_root() and not is_complete(root):
        people = console()
        with people.status("making the synthetic sample (once, under a minute) ...") as status:
            fill_sample(root, tell=lambda text: status.update(f"{text} ..."))
        people.print(f"made the synthetic sample in {root}")
