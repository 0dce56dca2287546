"""Bars of drawn sessions: returns as they were, in another order, prices rebuilt of them."""

from __future__ import annotations

import numpy as np
import polars as pl

from catalyst.data.bar_rules import ADJUSTMENTS
from catalyst.data.calendar import sessions as exchange_sessions
from catalyst.data.lake import Lake
from catalyst.data.series import chosen_series, series_in
from catalyst.errors import InputError
from catalyst.strategy.values import Floats, Ints

_BLOCK = 5
_APART = 5
"""No session is drawn so near itself: news of the days before would still meet its own returns."""
_FEWEST = 2 * _APART + 2
_LEAST_USD = 0.0001
_PRICES = ("open", "high", "low", "close")


def draw_returns(lake: Lake, timeframe: str, rng: np.random.Generator) -> pl.DataFrame:
    """Draw a lake's sessions of returns in blocks, all symbols together.

    Source: circular blocks, Politis and Romano (1992); a block of five sessions is a week, which
    keeps what volatility carries from day to day.

    Parameters
    ----------
    lake
        What is drawn from: of each symbol the series that a run would read.
    timeframe
        Of the bars.
    rng
        Source of the draws.

    Returns
    -------
    DataFrame
        symbol, ts, open, high, low, close (USD), volume (shares), source, and known_at where bars
        are finer than a day; ready for `catalyst.data.lake.Lake.add_bars`. Splits are taken out of
        prices and volumes, dividends stay as the gaps they made.

    Raises
    ------
    InputError
        If there are fewer than 12 sessions.
    """
    stored = lake.days(timeframe)
    calendar = exchange_sessions(stored[0], stored[-1])
    place = {date: k for k, date in enumerate(calendar)}
    days = [day for day in stored if day in place]
    n = len(days)
    if n < _FEWEST:
        raise InputError(
            f"the lake {lake.root} has {n} sessions of {timeframe} bars; {_FEWEST} are needed to "
            "draw returns"
        )
    bars = _series(lake, timeframe).with_columns(
        k=pl.col("ts")
        .dt.convert_time_zone("America/New_York")
        .dt.date()
        .replace_strict({day: k for k, day in enumerate(days)}, default=None, return_dtype=pl.Int64)
    )
    bars = _without_splits(bars.filter(pl.col("k").is_not_null()), lake)
    daily = timeframe == "1d"
    begins = (calendar.open_ns if daily else calendar.pre_ns)[[place[day] for day in days]]
    drawn = drawn_sessions(n, rng)
    symbols = bars["symbol"].unique().sort().to_list()
    scale = _scales(bars, symbols, drawn)
    target = pl.DataFrame(
        {
            "symbol": np.repeat(np.array(symbols, object), len(drawn)).tolist(),
            "k": np.tile(drawn, len(symbols)),
            "at": np.tile(begins, len(symbols)),
            "scale": scale.ravel(),
        }
    )
    begin = pl.Series("begin", begins).gather
    bars = bars.with_columns(begin=begin(bars["k"]))
    out = bars.join(target, on=["symbol", "k"], how="inner").with_columns(
        later=pl.duration(nanoseconds=pl.col("at") - pl.col("begin"))
    )
    moved = ("ts",) if daily else ("ts", "known_at")
    return (
        out.with_columns(
            *((pl.col(name) * pl.col("scale")).pipe(_rounded).alias(name) for name in _PRICES),
            *(pl.col(name) + pl.col("later") for name in moved),
            pl.col("volume").round().clip(1),
        )
        .select("symbol", *moved, *_PRICES, "volume", "source")
        .sort("ts", "symbol")
    )


def drawn_sessions(n: int, rng: np.random.Generator) -> Ints:
    """Return which session each of so many is drawn from, none near itself: int64[n]."""
    out = []
    for first in range(0, n, _BLOCK):
        # In a circle of sessions a block's distance from itself is the same all along.
        distance = int(rng.integers(_APART + 1, n - _APART))
        out += [(first + k + distance) % n for k in range(min(_BLOCK, n - first))]
    return np.array(out, np.int64)


def _series(lake: Lake, timeframe: str) -> pl.DataFrame:
    chosen = chosen_series(series_in(lake, timeframe))
    names = pl.DataFrame(
        [(name, one.source, ADJUSTMENTS[one.adjusted]) for name, one in chosen.items()],
        schema=["symbol", "source", "adjustment"],
        orient="row",
    )
    bars = lake.bars(timeframe).join(names, on=["symbol", "source", "adjustment"], how="semi")
    # The last version of a bar that was corrected.
    return bars.sort("symbol", "ts", "known_at").unique(
        ["symbol", "ts"], keep="last", maintain_order=True
    )


def _without_splits(bars: pl.DataFrame, lake: Lake) -> pl.DataFrame:
    factor = pl.lit(1.0)
    date = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()
    splits = lake.actions().filter(pl.col("kind") == "split")
    for symbol, day, ratio in splits.select("symbol", "ex_date", "value").iter_rows():
        before = (pl.col("symbol") == symbol) & (date < day) & (pl.col("adjustment") == "raw")
        factor = factor * pl.when(before).then(ratio).otherwise(1.0)
    if not splits.height:
        return bars
    return (
        bars.with_columns(factor=factor)
        .with_columns(
            *(pl.col(name) / pl.col("factor") for name in _PRICES),
            volume=pl.col("volume") * pl.col("factor"),
        )
        .drop("factor")
    )


def _scales(bars: pl.DataFrame, symbols: list[str], drawn: Ints) -> Floats:
    """Return by what each symbol's prices are multiplied in each session: float64[m, n]."""
    n = len(drawn)
    ends = bars.group_by("symbol", "k", maintain_order=True).agg(
        pl.col("open").first(), pl.col("close").last()
    )
    row = {name: i for i, name in enumerate(symbols)}
    at = ends["symbol"].replace_strict(row, return_dtype=pl.Int64).to_numpy(), ends["k"].to_numpy()
    opened, closed = np.full((len(symbols), n), np.nan), np.full((len(symbols), n), np.nan)
    opened[at], closed[at] = ends["open"].to_numpy(), ends["close"].to_numpy()
    out = np.ones((len(symbols), n))
    for i in range(len(symbols)):
        before = np.nan
        previous = np.empty(n)
        for k in range(n):
            # A symbol's first bar comes after nothing: it starts where it opens.
            previous[k] = before if np.isfinite(before) else opened[i, k]
            before = closed[i, k] if np.isfinite(closed[i, k]) else before
        last = previous[np.isfinite(previous)][0]
        for k, source in enumerate(drawn.tolist()):
            if np.isfinite(closed[i, source]):
                out[i, k] = last / previous[source]
                last = last * closed[i, source] / previous[source]
    return out


def _rounded(price: pl.Expr) -> pl.Expr:
    return (
        pl.when(price >= 1.0)
        .then(price.round(2))
        .otherwise(pl.max_horizontal(price.round(4), pl.lit(_LEAST_USD)))
    )
