"""``catalyst backtest``: replay a variant over a lake and leave a folder behind."""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.cli.runs import LATEST, RUNS

if TYPE_CHECKING:
    from rich.console import Console

    from catalyst.data.lake import Lake
    from catalyst.research.result import Result
    from catalyst.strategy.params import Params

EPILOG = """
**Examples**

    catalyst backtest                                   # the bundled synthetic sample
    catalyst backtest --lake my-lake --timeframe 1d     # your own daily bars
    catalyst backtest --variant thin --set screen.price_max=1000 --start 2024-01-02 --end 2024-03-28
    catalyst backtest --variant my.yaml --symbols AAPL,BAC --out runs/mine --verify
    catalyst backtest --sensitivity                     # what is left if the news came later
"""
_SHOWN_RULES = 6


def command(
    *,
    lake: Annotated[
        Path | None, typer.Option(help="Lake folder; default $CATALYST_LAKE, else the sample.")
    ] = None,
    variant: Annotated[
        str, typer.Option(help="Bundled variant (spec, daily, thin, ...) or a YAML file.")
    ] = "spec",
    timeframe: Annotated[
        str | None, typer.Option(help="1m, 5m, 15m, 1h or 1d; default the lake's finest.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="First session, such as 2024-01-02; earlier history is used.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="Last session, included.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    sources: Annotated[
        str | None,
        typer.Option(help="Where bars may come from, best first; default what was known first."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="One field, such as screen.price_max=1000; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder; default runs/VARIANT-HASH.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing output folder.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Prove ledger and vectorbt equal to the cent.")
    ] = False,
    sensitivity: Annotated[
        bool,
        typer.Option(
            "--sensitivity", help="Replay again with assumed news times 5, 15, 60 min later."
        ),
    ] = False,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html into the folder.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print summary.json instead of a table.")
    ] = False,
) -> None:
    """Replay the strategy over a lake, session by session, and write its tables and summary."""
    from catalyst.data.component_places import remember_components
    from catalyst.data.lake import Lake
    from catalyst.data.lake_places import remember
    from catalyst.data.settings import resolve_lake
    from catalyst.data.timeframes import timeframe_named
    from catalyst.data.variants import load
    from catalyst.research.result import check_output

    # A run keeps hundreds of thousands of small rows until they are written, none in a cycle; the
    # collector would walk them over and over, for a tenth of the time.
    gc.set_threshold(200_000, 50, 100)
    wanted, preferred = symbols_of(symbols), _names(sources)
    first, last = _day("--start", start), _day("--end", end)
    length = timeframe_named(timeframe) if timeframe else None
    params = load(variant, timeframe=length, settings=settings or [])
    root = resolve_lake(lake)
    if lake is None:
        _fill_sample(root)
    opened = Lake(root)
    length = length or next(iter(_finest(opened)), None)
    if length == "1d" and timeframe is None:
        params = load(variant, timeframe=length, settings=settings or [])
    told = (length, first, last, wanted, preferred)
    target = out or RUNS / f"{params.variant}-{_run_hash(opened, params, told)}"
    check_output(target, force=force)
    _tell_span(opened, length, first, last)
    result = _replay(opened, params, length, first, last, wanted, preferred)
    if sensitivity:
        _move_news(result)
    with _console().status("writing ...") as status:
        result.save(
            target,
            force=force,
            report=report,
            tell=lambda text: status.update(f"writing the report: {text} ..."),
        )
    remember(opened)
    remember_components(params)
    if target.parent.resolve() == RUNS.resolve():
        _point_latest(target)
    if as_json:
        typer.echo(json.dumps(result.summary, indent=2))
    else:
        _show(result, target)
    if verify:
        _verify(result)


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
        console = _console()
        with console.status("making the synthetic sample (once, under a minute) ...") as status:
            fill_sample(root, tell=lambda text: status.update(f"{text} ..."))
        console.print(f"made the synthetic sample in {root}")


def _replay(
    lake: Lake,
    params: Params,
    length: str | None,
    first: dt.date | None,
    last: dt.date | None,
    wanted: list[str] | None,
    preferred: list[str] | None,
) -> Result:
    from catalyst.research.replay import replay

    with _progress("replaying") as report:
        return replay(
            lake,
            params,
            timeframe=length,
            start=first,
            end=last,
            symbols=wanted,
            sources=preferred,
            progress=report,
        )


def _move_news(result: Result) -> None:
    from catalyst.research.sensitivity import sensitivity

    with _progress("replaying with later news") as report:
        sensitivity(result, progress=report)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int, dt.date], None]]:
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
    console = _console()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("...", total=None)

        def progress(done: int, total: int, day: dt.date) -> None:
            bar.update(task, completed=done, total=total, description=str(day))

        yield progress


def _run_hash(lake: Lake, params: Params, told: tuple[object, ...]) -> str:
    text = "|".join(map(str, (params.hash, lake.digest(), *told)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _point_latest(target: Path) -> None:
    fresh = LATEST.with_name(f".{LATEST.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.name)
    fresh.replace(LATEST)


def _verify(result: Result) -> None:
    with _console().status("comparing the ledger with vectorbt ..."):
        found = result.verify()
    verdict = "agree to the cent" if found.ok else "DISAGREE"
    typer.echo(
        f"ledger and vectorbt {verdict}: {found.trades:,} trades, {found.rows:,} instants, largest "
        f"difference {found.worst_usd:.6f} USD, fees {found.ledger_fees_usd:,.2f} USD",
        err=True,
    )
    if not found.ok:
        raise typer.Exit(1)


def _show(result: Result, target: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from catalyst.research.result import REPORT

    s = result.summary
    console = Console()
    table = Table(
        title=f"{s['variant']} on {'SYNTHETIC ' if s['synthetic'] else ''}{s['timeframe']} bars, "
        f"{s['start']} to {s['end']}, {s['symbols']} symbols"
    )
    for name in ("", "strategy", "buy and hold", "equal weight"):
        table.add_column(name, justify="left" if not name else "right")
    benchmarks = s["benchmarks"]
    for label, key, form in (
        ("net return", "net_return", "{:+.2%}"),
        ("Sharpe ratio", "sharpe", "{:.2f}"),
        ("largest drawdown", "max_drawdown", "{:.2%}"),
    ):
        row = (s, benchmarks["buy_and_hold"], benchmarks["equal_weight"])
        table.add_row(label, *(_text(form, r[key]) for r in row))
    for label, key, form in (
        ("net P&L, USD", "net_pnl", "{:+,.2f}"),
        ("trades", "n_trades", "{:,}"),
        ("hit rate", "hit_rate", "{:.1%}"),
        ("expectancy, USD a trade", "expectancy", "{:+.2f}"),
        ("turnover", "turnover", "{:.1f}"),
    ):
        table.add_row(label, _text(form, s[key]), "", "")
    console.print(table)
    console.print("What binds:")
    for rule in s["binding_rules"][:_SHOWN_RULES]:
        console.print(f"  {rule['text']}", highlight=False)
    for warning in s["warnings"]:
        console.print(f"[yellow]warning:[/yellow] {warning}", highlight=False)
    console.print(
        f"decision digest {s['decision_digest'][:16]}, written to {target}", highlight=False
    )
    if (target / REPORT).exists():
        console.print(f"the report, for any browser: {target / REPORT}", highlight=False)


def _text(form: str, value: float | None) -> str:
    return "-" if value is None else form.format(value)


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stderr)
