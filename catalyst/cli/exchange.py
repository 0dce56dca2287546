"""``catalyst exchange``: a paper exchange that any Alpaca client can trade on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from catalyst.cli.asked import LakeOption, StartOption, SymbolsOption, TimeframeOption, ask

EPILOG = """
**Examples**

    catalyst exchange                                   # the sample, a minute a second
    catalyst exchange --lake my-lake --start 2024-01-02 --sessions 3 --port 8765
    catalyst exchange --speed 0 --state books.jsonl     # stepped from outside, remembered
    catalyst exchange --faults faults.json --json       # with what shall go wrong

Point an Alpaca client at the address it prints; any key is an account of its own.
"""
_MOST_SPEED = 100_000.0


def command(
    *,
    lake: LakeOption = None,
    timeframe: TimeframeOption = None,
    start: StartOption = None,
    sessions: Annotated[
        int | None, typer.Option(min=1, help="How many sessions; default all there are.")
    ] = None,
    symbols: SymbolsOption = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")
    ] = 0,
    speed: Annotated[
        float,
        typer.Option(
            min=0, max=_MOST_SPEED, help="Times as fast as the clock; 0 is stepped by requests."
        ),
    ] = 60.0,
    nights: Annotated[
        bool, typer.Option("--nights", help="Let the time between sessions run, too.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Let time stand until somebody subscribes to bars.")
    ] = False,
    cash: Annotated[
        float | None, typer.Option(min=1, help="Initial cash of an account, USD.")
    ] = None,
    variant: Annotated[
        str, typer.Option(help="Variant whose fill model, fees and cash are used.")
    ] = "spec",
    faults: Annotated[
        Path | None, typer.Option(help="Fault plan, a JSON file; see docs/exchange.md.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="File that keeps the books, so that a restart has the same ones."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the address and the sessions as JSON.")
    ] = False,
) -> None:
    """Serve a paper exchange on this machine: REST and websockets as Alpaca's, fed by a lake."""
    from catalyst.data.timeframes import timeframe_named
    from catalyst.data.variants import unfitted
    from catalyst.live.paper.opening import Opening, run
    from catalyst.strategy.money import to_micro

    length = timeframe_named(timeframe) if timeframe else None
    params = unfitted(variant, timeframe=length)
    asked = ask(lake, timeframe=length, start=start, end=None, symbols=symbols, sources=None)
    extent = asked.extent
    opening = Opening(
        lake=asked.lake,
        timeframe=extent["timeframe"],
        symbols=extent["symbols"],
        start=extent["start"],
        n_sessions=sessions,
        execution=params.execution,
        cash_micro=to_micro(params.risk.initial_equity_usd if cash is None else cash),
        speed=speed,
        nights=nights,
        waits=wait,
        faults=faults,
        state=state,
    )

    def tell(port_taken: int, first: str, last: str) -> None:
        url = f"http://127.0.0.1:{port_taken}"
        if as_json:
            told = {"url": url, "port": port_taken, "speed": speed, "start": first, "end": last}
            typer.echo(json.dumps(told))
        else:
            typer.echo(f"the paper exchange plays {first} to {last} at {url}; Ctrl-C stops it")

    run(opening, port, tell)
