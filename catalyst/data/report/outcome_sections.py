"""The report's first half: verdict, figures, curves, months, trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from catalyst.data.calendar import NEW_YORK
from catalyst.data.report.markup import (
    DASH,
    figure,
    money,
    new_york,
    note,
    price,
    section,
    signed,
    table,
    text,
    words,
)
from catalyst.data.report.values import ReportTables

_PANEL = (
    '<div class="panel" id="trade" aria-live="polite"><div class="panel-head"><h3 '
    'id="trade-title">Choose a trade in the table</h3><span class="steps"><button type="button" '
    'id="trade-back">&larr; earlier</button> <button type="button" id="trade-next">later &rarr;'
    '</button></span></div><figure><div class="plot tall" id="trade-plot" role="img" '
    'aria-label="Price around the trade, with its fills and news"></div><figcaption '
    'id="trade-says"></figcaption></figure><details id="trade-news"><summary>Its news</summary>'
    '<div></div></details><details id="trade-story"><summary>Its story: why it was bought, and '
    "why it was left</summary><div></div></details></div>"
)
_FILTER = (
    '<p class="filter"><label>Show only <input type="search" id="trade-filter" '
    'placeholder="symbol, exit or date" autocomplete="off"></label> <span id="trade-count"></span>'
    "</p>"
)
MOST_ROWS = 3_000
"""Trades in the table: a page of more is no longer read, and slow on a phone."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# A calm strategy's months are not painted as if they were wild ones.
_FAINT = 0.01
_HEAT_STEPS = 5


def verdict(tables: ReportTables) -> str:
    """Write what the run shows, and what to be wary of."""
    found = tables.verdict
    first, *rest = found.sentences
    parts = [
        f'<div class="verdict tone-{found.tone}">',
        f'<p class="first">{words(first)}</p>',
        *(f"<p>{words(sentence)}</p>" for sentence in rest),
        "</div>",
    ]
    if tables.cautions:
        parts.append("<h3>Before you believe it</h3><ul class='cautions'>")
        parts += [
            f"<li><strong>{words(warning[0].upper() + warning[1:])}.</strong> {words(meaning)}</li>"
            for warning, meaning in tables.cautions
        ]
        parts.append("</ul>")
    else:
        parts.append(note("The run gave no warnings."))
    return section("verdict", "Verdict", *parts)


def figures(tables: ReportTables) -> str:
    """Write the headline figures beside the benchmarks'."""
    beside = [f for f in tables.figures if f.buy_and_hold]
    alone = [f for f in tables.figures if not f.buy_and_hold]
    rows = [
        tuple(words(part) for part in (f.label, f.strategy, f.buy_and_hold, f.equal_weight))
        for f in beside
    ]
    tiles = "".join(
        f"<div><dt>{words(f.label)}</dt><dd>{words(f.strategy)}</dd></div>" for f in alone
    )
    return section(
        "figures",
        "Figures",
        table(
            "The strategy beside its benchmarks",
            ("", "strategy", "buy and hold", "equal weight"),
            rows,
            hidden=True,
        ),
        f'<dl class="tiles">{tiles}</dl>',
        note(
            "Buy and hold puts equal money into every symbol at the first close and holds; equal "
            "weight holds all symbols alike, rebalanced at every close. Both pay no costs, and "
            "hold the lake's symbols: what had vanished before the data was collected is in "
            "neither."
        ),
    )


def equity(tables: ReportTables) -> str:
    """Write the place of the curves."""
    if tables.curve.height < 2:
        return section("equity", "Equity and drawdown", note("One session makes no curve."))
    last = tables.curve.row(-1, named=True)
    names = (
        ("strategy", "strategy"),
        ("buy_and_hold", "buy and hold"),
        ("equal_weight", "equal weight"),
    )
    ends = ", ".join(f"{label} {signed((last[name] - 1) * 100, 2)} %" for name, label in names)
    says = f"Return since the start and drawdown, a point a session; at the end: {ends}."
    return section("equity", "Equity and drawdown", figure("equity", says, tall=True))


def months(tables: ReportTables) -> str:
    """Write the returns of each month as a table with colours."""
    by_year = _monthly(tables.curve)
    rows = []
    monthly = [value for found in by_year.values() for value in found.values()]
    strongest = max([abs(value) for value in monthly] + [_FAINT])
    shown = sorted({month for found in by_year.values() for month in found if 0 < month < 13})
    for year, found in by_year.items():
        cells = [_heat(found.get(month), strongest) for month in shown]
        rows.append(
            (str(year), *cells, _heat(found[0], strongest), f"{signed(found[13] * 100, 1)}")
        )
    return section(
        "months",
        "Monthly returns",
        table(
            "Return of each month, per cent; first and last may be parts of one",
            ("", *(_MONTHS[month - 1] for month in shown), "year", "buy and hold"),
            rows,
            kind="heat",
        ),
    )


def _monthly(curve: pl.DataFrame) -> dict[int, dict[int, float]]:
    """Return by year and month the strategy's returns; month 0 the year's, 13 buy-and-hold's."""
    out: dict[int, dict[int, float]] = {}
    before, start, start_held = 1.0, 1.0, 1.0
    last: tuple[int, int] | None = None
    growth = held = 1.0
    for at, strategy, benchmark in curve.select("ts", "strategy", "buy_and_hold").iter_rows():
        local = at.astimezone(NEW_YORK)
        if last is not None and local.year != last[0]:
            start, start_held = growth, held
        if last is not None and (local.year, local.month) != last:
            before = growth
        growth, held, last = strategy, benchmark, (local.year, local.month)
        year = out.setdefault(local.year, {})
        year[local.month] = growth / before - 1.0
        year[0], year[13] = growth / start - 1.0, held / start_held - 1.0
    return out


def _heat(value: float | None, strongest: float) -> str:
    if value is None:
        return DASH
    step = round(abs(value) / strongest * _HEAT_STEPS)
    kind = "up" if value > 0 else "down"
    return f'<span class="{kind}{step}">{signed(value * 100, 1)}</span>'


def trades(tables: ReportTables) -> str:
    """Write the trades, each with a button that opens its chart and its story."""
    frame = tables.trades
    if not frame.height:
        return section("trades", "Trades", note("No trade was closed."), _held(tables))
    shown = frame
    parts = []
    if frame.height > MOST_ROWS:
        shown = frame.sort(pl.col("pnl").abs(), descending=True).head(MOST_ROWS)
        shown = shown.sort("entry_ts", "trade_id")
        parts.append(
            note(
                f"The {MOST_ROWS:,} trades that gained or lost most, of {frame.height:,}; the "
                "others' stories: catalyst explain ID."
            )
        )
    if tables.windows_note:
        parts.append(note(text(tables.windows_note)))
    heads = (
        "entered, New York",
        "symbol",
        "side",
        "shares",
        "entry",
        "exit",
        "left, New York",
        "exit by",
        "P&amp;L, USD",
        "bps",
        "confidence",
    )
    rows = [_trade(row) for row in shown.iter_rows(named=True)]
    parts += [
        _FILTER,
        table("Press a trade to see it", heads, rows, kind="trades sortable"),
        _PANEL,
    ]
    return section("trades", "Trades on price, with their news", *parts, _held(tables))


def _held(tables: ReportTables) -> str:
    if not tables.held:
        return ""
    stories = "".join(
        f"<details><summary>{words(name)}</summary>{story}</details>" for name, story in tables.held
    )
    return f"<h3>Still held at the end</h3>{stories}"


def _trade(row: Mapping[str, Any]) -> tuple[str, ...]:
    symbol, entered = text(row["symbol"]), new_york(row["entry_ts"])
    button = (
        f'<button type="button" class="open" data-trade="{text(row["trade_id"])}" '
        f'aria-label="open the trade in {symbol} of {entered}">{entered}</button>'
    )
    return (
        button,
        symbol,
        text(row["side"]),
        f"{row['quantity']:,}",
        price(row["entry_price"]),
        price(row["exit_price"]),
        new_york(row["exit_ts"]),
        text(row["exit_reason"].replace("_", " ").replace("+", " + ")),
        money(row["pnl"]),
        signed(row["pnl_bps"], 0),
        f"{row['confidence']:.1f}",
    )
