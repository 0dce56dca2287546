"""``catalyst live``: the strategy that was tested, trading a paper account."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.cli.asked import (
    LakeOption,
    SettingsOption,
    StartOption,
    SymbolsOption,
    TimeframeOption,
    ask,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalyst.live.database import Database
    from catalyst.live.services import Services

EPILOG = """
**Examples**

    catalyst live                                        # the sample, a minute a second
    catalyst live --start 2023-10-02 --sessions 1 --speed 600
    catalyst live --speed 0 --sessions 10                # as fast as this machine goes
    ALPACA_API_KEY=... ALPACA_SECRET_KEY=... catalyst live --lake my-history

With both keys it trades that Alpaca paper account. Without, it starts a database, a cache and a
paper exchange of its own and plays the lake. Ctrl-C stops it; what protects positions stays at the
broker, and the next start goes on.
"""
_MOST_SPEED = 100_000.0
_REDRAW_S = 0.5


def command(
    *,
    variant: Annotated[str, typer.Option(help="Name of a bundled variant, or a YAML file.")] = (
        "spec"
    ),
    lake: LakeOption = None,
    timeframe: TimeframeOption = None,
    start: StartOption = None,
    sessions: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many sessions; default none.")
    ] = None,
    symbols: SymbolsOption = None,
    settings: SettingsOption = None,
    speed: Annotated[
        float,
        typer.Option(
            min=0, max=_MOST_SPEED, help="Of the paper exchange; 0: as fast as this machine goes."
        ),
    ] = 60.0,
    account: Annotated[
        str, typer.Option(help="Account at the paper exchange; each has books of its own.")
    ] = "catalyst",
    feed: Annotated[str, typer.Option(help="Alpaca's feed: iex (free) or sip.")] = "iex",
    parity: Annotated[
        bool, typer.Option("--parity/--no-parity", help="Prove each session when it has closed.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was done as JSON at the end.")
    ] = False,
) -> None:
    """Trade live on paper: the same step as in a backtest, fed by streams and a broker."""
    from catalyst.data.feed import Feed
    from catalyst.data.settings import settings as environment
    from catalyst.live.stack import Live, first_day, run_live
    from catalyst.research.contenders import contender

    asked = ask(lake, timeframe=timeframe, start=start, end=None, symbols=symbols, sources=None)
    extent = {**asked.extent, "start": None}
    params = contender(variant, asked.lake, settings=settings or [], **extent)  # type: ignore[arg-type]
    named = asked.extent["symbols"]
    # A wrong symbol or day is told before anything is started for it.
    history = Feed(asked.lake, asked.timeframe, named)
    history.span(asked.extent["start"], None)
    live = Live(
        params,
        asked.lake,
        str(asked.timeframe),
        tuple(named) if named else None,
        asked.extent["start"] or first_day(history),
        sessions,
        speed,
        account,
        feed,
    )
    seen: list[str] = []
    screen = _Screen() if sys.stdout.isatty() and not as_json else None

    def tell(text: str) -> None:
        if screen is None:
            typer.echo(text, err=True)
        else:
            screen.say(text)

    def closed(number: str, day: str) -> None:
        seen.append(day)
        if parity:
            _prove(number, day, tell)

    try:
        number = run_live(
            live,
            environment(),
            tell=tell,
            after_session=closed,
            watch=screen.open if screen else None,
        )
    finally:
        if screen is not None:
            screen.close()
    if as_json:
        typer.echo(json.dumps({"account": number, "sessions": seen}))
    else:
        count = {0: "no session was", 1: "one session was"}.get(len(seen), f"{len(seen)} were")
        days = f"{count} closed"
        typer.echo(f"stopped: account {number}, {days}; catalyst status shows how it stands")


def _prove(account: str, day: str, tell: Callable[[str], None]) -> None:
    """Run the proof in a process of its own: it replays the session from files."""
    import subprocess

    told = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "catalyst", "parity", "--session", day, "--account", account],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = told.stdout.strip().splitlines() or told.stderr.strip().splitlines()[-1:]
    tell(f"parity of {day}: {lines[0] if lines else f'ended with status {told.returncode}'}")


class _Screen:
    """Draw the account's status while it trades, and what is told above it."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, emoji=False)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, style="dim")

    def open(self, services: Services, database: Database, account: str) -> None:
        del database
        self._thread = threading.Thread(
            target=self._draw, args=(services, account), name="screen", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _draw(self, services: Services, account: str) -> None:
        from rich.live import Live

        from catalyst.data.settings import settings
        from catalyst.errors import CatalystError
        from catalyst.live.account_status import status_of
        from catalyst.live.cache import Cache
        from catalyst.live.reach import reach
        from catalyst.live.status_view import StatusView

        with reach(settings(), account) as reached:
            cache = Cache(services.redis_url, patience_s=1.0)
            with Live(console=self._console, auto_refresh=False) as shown:
                while not self._stop.wait(_REDRAW_S):
                    # A database that is away is told above; what was seen last stays.
                    with suppress(CatalystError):
                        shown.update(StatusView(status_of(reached, cache)), refresh=True)
