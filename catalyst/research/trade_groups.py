"""Closed trades by exit, symbol, hour, category and side, and what costs took of them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from catalyst.data.report.values import CostLevel, Costs, Group, Groups
from catalyst.research.bootstrap import mean_interval
from catalyst.research.result import Result
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import MICRO

_MOST_GROUPS = 40
_NEARLY_ALL = 0.95
_SESSIONS_A_WEEK = 5
_MOST_DAYS = 20
_BPS = 1e4
_FLAT_BPS = 5


def closed_trades(result: Result) -> pl.DataFrame:
    """Return a run's closed trades with what a report groups them by.

    Returns
    -------
    DataFrame
        The columns of ``trades``; pnl and fees (USD, float); pnl_bps of the value entered;
        catalyst_type; slippage and traded (USD, of its fills); day (of the decision) and hour (of
        the entry), New York; by entry_ts, trade_id.
    """
    names = result.fills["entry_id"].unique(maintain_order=True).to_list()
    ids = pl.DataFrame(
        {"entry_id": names, "trade_id": [content_id("trade", name) for name in names]},
        schema={"entry_id": pl.String, "trade_id": pl.String},
    )
    of_fills = (
        result.fills.with_columns(traded=pl.col("price") * pl.col("quantity"))
        .group_by("entry_id")
        .agg(
            pl.col("slippage").sum().cast(pl.Float64),
            pl.col("traded").sum(),
            entered=pl.col("traded").filter(pl.col("role") == "entry").sum(),
        )
        .join(ids, on="entry_id")
        .drop("entry_id")
    )
    local = pl.col("decided_at").dt.convert_time_zone("America/New_York")
    entered = pl.col("entry_ts").dt.convert_time_zone("America/New_York")
    kinds = result.signals.select("signal_id", "catalyst_type")
    return (
        result.trades.join(of_fills, on="trade_id", how="left")
        .join(kinds, on="signal_id", how="left")
        .with_columns(pl.col("pnl", "fees").cast(pl.Float64))
        .with_columns(
            pnl_bps=pl.col("pnl") / pl.col("entered") * _BPS,
            day=local.dt.date().cast(pl.Int32).cast(pl.Int64),
            hour=entered.dt.hour(),
        )
        .sort("entry_ts", "trade_id")
    )


def days_held(trades: pl.DataFrame) -> int:
    """Return over how many sessions nearly every trade reaches, 1 where all are closed in a day.

    So many days are drawn together by a bootstrap over the days of decisions.

    Parameters
    ----------
    trades
        From `closed_trades`.
    """
    new_york = (
        pl.col(name).dt.convert_time_zone("America/New_York").dt.date()
        for name in ("entry_ts", "exit_ts")
    )
    entered, left = trades.select(*new_york).get_columns()
    nights = (left - entered).dt.total_days().quantile(_NEARLY_ALL, "higher")
    return 1 + min(math.ceil((nights or 0) * _SESSIONS_A_WEEK / 7), _MOST_DAYS)


def exits_of(trades: pl.DataFrame) -> Groups:
    """Group trades by the reasons of their exits, most often first."""
    groups = _grouped(trades, "exit_reason")
    return Groups("exit", tuple(sorted(groups, key=lambda g: (-g.trades, g.label))))


def groups_of(trades: pl.DataFrame, *, daily: bool) -> tuple[Groups, ...]:
    """Group trades by side, symbol, category and, unless bars are daily, hour of entry."""
    symbols = sorted(_grouped(trades, "symbol"), key=lambda g: (-abs(g.pnl_usd), g.label))
    shown = sorted(symbols[:_MOST_GROUPS], key=lambda g: (-g.pnl_usd, g.label))
    rest = sum(g.pnl_usd for g in symbols[_MOST_GROUPS:])
    note = (
        f"the {_MOST_GROUPS} symbols with the largest gain or loss, of {len(symbols):,}; the "
        f"others come to {rest:+,.2f} USD"
        if len(symbols) > _MOST_GROUPS
        else ""
    )
    kinds = trades.with_columns(
        category=pl.col("catalyst_type").fill_null("").str.split("+")
    ).explode("category")
    kinds = kinds.with_columns(
        pl.when(pl.col("category").fill_null("") == "")
        .then(pl.lit("none"))
        .otherwise("category")
        .alias("category")
    )
    found = [Groups("side", tuple(_grouped(trades, "side")))]
    if not daily:
        hours = trades.with_columns(
            hour=pl.format("{}:00", pl.col("hour").cast(pl.String).str.zfill(2))
        )
        found.append(Groups("hour of entry, New York", tuple(_grouped(hours, "hour"))))
    note_kinds = "a trade with news of several categories counts in each"
    found.append(Groups("category of the news", tuple(_grouped(kinds, "category")), note_kinds))
    found.append(Groups("symbol", tuple(shown), note))
    return tuple(found)


def _grouped(trades: pl.DataFrame, by: str) -> list[Group]:
    # Whole micro-dollars: a sum of them does not depend on the order in which threads add.
    micro = (pl.col("pnl") * MICRO).round().cast(pl.Int64)
    rows = trades.group_by(by).agg(pl.len(), micro.sum().alias("micro"), (micro > 0).sum()).sort(by)
    return [
        Group(str(label), n, pnl / MICRO, pnl / MICRO / n, won / n)
        for label, n, pnl, won in rows.rename({"pnl": "won"}).iter_rows()
    ]


def costs_of(trades: pl.DataFrame, *, seed: int, block: int) -> Costs:
    """Return what is left of closed trades at other costs than those modelled.

    Without slippage, as modelled, with twice as much, and with a flat 5 bps of every fill's value
    in its place, limits included, which slip nothing in the model. Decisions, fills and quantities
    stay as they were: only prices change.

    Parameters
    ----------
    trades
        From `closed_trades`.
    seed, block
        Of the bootstrap.
    """
    pnl, slippage = trades["pnl"].to_numpy(), trades["slippage"].to_numpy()
    days = trades["day"].to_numpy()
    value = trades["traded"].to_numpy()
    costs = (
        ("no slippage", 0.0 * slippage),
        ("as modelled", slippage),
        ("twice the slippage", 2.0 * slippage),
        (f"{_FLAT_BPS} bps of every fill instead", value * _FLAT_BPS / _BPS),
    )
    levels = []
    for label, cost in costs:
        left = pnl + slippage - cost
        levels.append(
            CostLevel(
                label,
                float(cost.sum()),
                float(left.sum()),
                mean_interval(left, days, seed=seed, block=block),
                float((left > 0).mean()) if len(left) else math.nan,
            )
        )
    traded = float(value.sum())
    paid = float(slippage.sum() + trades["fees"].sum())
    if not traded:
        return Costs(tuple(levels), math.nan, math.nan)
    before = float(np.sum(pnl)) + paid
    return Costs(tuple(levels), paid / traded * _BPS, before / traded * _BPS)
