"""``catalyst backtest``: replay a variant over a lake and leave a folder behind."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.cli.asked import (
    EndOption,
    LakeOption,
    SettingsOption,
    SourcesOption,
    StartOption,
    SymbolsOption,
    TimeframeOption,
    ask,
    console,
    progress,
    run_hash,
)
from catalyst.cli.runs import RUNS, point_latest

if TYPE_CHECKING:
    from catalyst.research.result import Result

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
    lake: LakeOption = None,
    variant: Annotated[
        str, typer.Option(help="Bundled variant (spec, daily, thin, ...) or a YAML file.")
    ] = "spec",
    timeframe: TimeframeOption = None,
    start: StartOption = None,
    end: EndOption = None,
    symbols: SymbolsOption = None,
    sources: SourcesOption = None,
    settings: SettingsOption = None,
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
    from catalyst.data.lake_places import remember
    from catalyst.data.timeframes import timeframe_named
    from catalyst.data.variants import unfitted
    from catalyst.research.contenders import contender
    from catalyst.research.replay import replay
    from catalyst.research.result import check_output

    # A run keeps hundreds of thousands of small rows until they are written, none in a cycle; the
    # collector would walk them over and over, for a tenth of the time.
    gc.set_threshold(200_000, 50, 100)
    length = timeframe_named(timeframe) if timeframe else None
    # What is misspelt is told before the sample is made.
    unfitted(variant, timeframe=length, settings=settings or [])
    asked = ask(lake, timeframe=length, start=start, end=end, symbols=symbols, sources=sources)
    with progress("fitting the variant") as report_fitted:
        params = contender(
            variant,
            asked.lake,
            settings=settings or [],
            progress=report_fitted,
            **asked.extent,
        )
    target = out or RUNS / f"{params.variant}-{run_hash(asked, params)}"
    check_output(target, force=force)
    with progress("replaying") as report_done:
        result = replay(asked.lake, params, **asked.extent, progress=report_done)
    if sensitivity:
        _move_news(result)
    with console().status("writing ...") as status:
        result.save(
            target,
            force=force,
            report=report,
            tell=lambda text: status.update(f"writing the report: {text} ..."),
        )
    remember(asked.lake)
    remember_components(params)
    if target.parent.resolve() == RUNS.resolve():
        point_latest(target)
    if as_json:
        typer.echo(json.dumps(result.summary, indent=2))
    else:
        _show(result, target)
        _tell_trials(result)
    if verify:
        _verify(result)


def _move_news(result: Result) -> None:
    from catalyst.research.sensitivity import sensitivity

    with progress("replaying with later news") as report:
        sensitivity(result, progress=report)


def _tell_trials(result: Result) -> None:
    from catalyst.data.search_ledger import default_ledger
    from catalyst.research.tape import lake_of_run
    from catalyst.research.trial_records import bearing_trials

    count = len(bearing_trials(result.summary, lake_of_run(result), default_ledger()))
    trials = f"{count:,} trials have" if count > 1 else "one trial has"
    typer.echo(
        f"{trials} looked at this data so far; catalyst edge says whether this one is better than "
        "the best of so many would be by luck",
        err=True,
    )


def _verify(result: Result) -> None:
    with console().status("comparing the ledger with vectorbt ..."):
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
    screen = Console()
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
    screen.print(table)
    screen.print("What binds:")
    for rule in s["binding_rules"][:_SHOWN_RULES]:
        screen.print(f"  {rule['text']}", highlight=False)
    for warning in s["warnings"]:
        screen.print(f"[yellow]warning:[/yellow] {warning}", highlight=False)
    screen.print(
        f"decision digest {s['decision_digest'][:16]}, written to {target}", highlight=False
    )
    if (target / REPORT).exists():
        screen.print(f"the report, for any browser: {target / REPORT}", highlight=False)


def _text(form: str, value: float | None) -> str:
    return "-" if value is None else form.format(value)
