"""``catalyst status``: how an account does, once or as it goes on."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.cli.control import AccountOption, asker

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalyst.live.status import Status

EPILOG = """
**Examples**

    catalyst status                      # once
    catalyst status --watch              # redrawn twice a second, until Ctrl-C
    catalyst status --acknowledge        # the alerts have been seen
    catalyst status --json
    catalyst status --account PA3F81BB09
"""
_REDRAWS_S = 2
_PLAIN_EVERY_S = 30.0


def command(
    *,
    account: AccountOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Redraw twice a second until interrupted.")
    ] = False,
    seen: Annotated[
        bool, typer.Option("--acknowledge", help="Say that the alerts shown have been seen.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show market, funnel, positions and what protects them, orders, health and profit.

    Everything is read from the tables that trading itself writes. The exit status is 1 if
    something needs a person: a dead service, an unprotected position, a critical alert.
    """
    from catalyst.data.settings import settings
    from catalyst.errors import InputError
    from catalyst.live.account_status import acknowledge, status_of
    from catalyst.live.cache import Cache
    from catalyst.live.reach import reach

    if watch and as_json:
        raise InputError("--watch is for people, --json for machines; expected one of them")
    with reach(settings(), account) as reached:
        cache = Cache(reached.redis_url, patience_s=1.0)

        def read() -> Status:
            return status_of(reached, cache)

        if watch:
            _watch(read)
            return
        status = read()
        if seen and reached.database is not None:
            acknowledge(reached.database, status.account, by=asker())
    if as_json:
        typer.echo(json.dumps(status.as_json(), indent=2, allow_nan=False))
    else:
        from catalyst.cli.lake_tables import stdout
        from catalyst.live.status_view import StatusView

        stdout().print(StatusView(status))
    if status.needs:
        raise typer.Exit(1)


def _watch(read: Callable[[], Status]) -> None:
    from rich.console import Console
    from rich.live import Live

    from catalyst.live.status_view import StatusView, plain_lines

    if not sys.stdout.isatty():
        while True:
            typer.echo("\n".join([*plain_lines(read()), ""]))
            time.sleep(_PLAIN_EVERY_S)
    console = Console(highlight=False, emoji=False)
    # Drawn by us: a thread of rich's own would draw old values over and over.
    with Live(StatusView(read()), console=console, screen=True, auto_refresh=False) as shown:
        while True:
            time.sleep(1 / _REDRAWS_S)
            shown.update(StatusView(read()), refresh=True)
