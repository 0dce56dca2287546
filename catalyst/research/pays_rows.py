"""Signals and trades of a run, joined to their patterns and articles through ids alone.

A join by symbol and day would credit a trade to whatever else was said of its symbol that day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalyst.data.lake import Lake
from catalyst.research.forward_returns import forward_returns, named_horizon
from catalyst.research.result import Result
from catalyst.research.tape import Tape
from catalyst.research.trade_groups import closed_trades
from catalyst.strategy.clock import HOUR_NS
from catalyst.strategy.params import CATEGORIES, Params

_BPS = 1e4
_PNL = ("pnl", "pnl_bps", "trade_place")


@dataclass(frozen=True)
class PaidRows:
    """Hold what is grouped: one row a pattern, or one a signal and article.

    Attributes
    ----------
    patterns : DataFrame
        pattern, aligned (1, 0, -1), place (of the session), moved (bps; null where an earlier scan
        had seen the bar), pnl, pnl_bps, trade_place: one row a signal, pattern and direction.
    articles : DataFrame
        source, provider, tier, categories, keywords, share, place, moved, pnl, pnl_bps,
        trade_place: one row a directed signal and article that it rests on. The shares of a signal
        sum to 1: what each article weighed in its catalyst score.
    undirected : int
        Detections without a direction, which can't succeed or fail.
    repeated : int
        Detections of a pattern bar that an earlier scan had seen.
    lost : int
        Articles of signals that the lake no longer holds.
    """

    patterns: pl.DataFrame
    articles: pl.DataFrame
    undirected: int
    repeated: int
    lost: int


def paid_rows(result: Result, tape: Tape) -> PaidRows:
    """Join a run's signals and trades to patterns and articles.

    Parameters
    ----------
    result
        The run, with its lake.
    tape
        Its bars.
    """
    assert result.lake is not None  # noqa: S101 - the tape was made from it
    signals = result.signals.select(
        "signal_id", "symbol", "decided_at", "side", "pattern_ids", "news_ids"
    )
    trades = _trades(result, tape)
    patterns, undirected, repeated = _patterns(result.patterns, signals, trades, tape)
    articles, lost = _articles(result.lake, result.params, signals, trades, tape)
    return PaidRows(patterns, articles, undirected, repeated, lost)


def _trades(result: Result, tape: Tape) -> pl.DataFrame:
    trades = closed_trades(result)
    place = tape.session_at(trades["decided_at"].cast(pl.Int64).to_numpy())
    return trades.select(
        "signal_id", "pnl", "pnl_bps", trade_side="side", trade_place=pl.Series(place)
    )


def _patterns(
    patterns: pl.DataFrame, signals: pl.DataFrame, trades: pl.DataFrame, tape: Tape
) -> tuple[pl.DataFrame, int, int]:
    """Return directed detections with what came of them, in their own direction."""
    of_signal = signals.select("signal_id", pattern_id="pattern_ids").explode("pattern_id")
    rows = of_signal.drop_nulls().join(patterns, on="pattern_id", how="inner")
    # A detection without a direction has no stop.
    directed = rows.filter(pl.col("stop").is_not_nan()).with_columns(
        direction=pl.col("value").sign().cast(pl.Int64)
    )
    undirected = rows.height - directed.height
    # A slow bar is the last complete one at several scans: the same pattern, seen again. A trade
    # may come from a later scan, so what is dropped here is the return and not the trade.
    bar = ["symbol", "timeframe", "bar_ts", "pattern"]
    directed = directed.sort("decided_at", "pattern_id").with_columns(
        fresh=pl.int_range(pl.len()).over(bar) == 0
    )
    repeated = int((~directed["fresh"]).sum())
    # Seen in several timeframes at once, it is one thing that one signal rests on.
    one = ["signal_id", "pattern", "direction"]
    directed = directed.sort("decided_at", pl.col("fresh").not_(), "pattern_id").unique(
        one, keep="first", maintain_order=True
    )
    moved, place = _moved(tape, directed)
    directed = directed.with_columns(
        place=pl.Series(place),
        moved=pl.when("fresh").then(pl.Series(moved) * pl.col("direction")).otherwise(None),
    )
    found = directed.join(trades, on="signal_id", how="left", maintain_order="left")
    # Only a pattern that spoke for the trade is credited with it.
    side = pl.when(pl.col("trade_side") == "long").then(1).when(pl.col("trade_side") == "short")
    spoke = side.then(-1) == pl.col("direction")
    found = found.with_columns(pl.when(spoke).then(pl.col(name)).alias(name) for name in _PNL)
    columns = ["pattern", "aligned", "place", "moved", *_PNL]
    kept = found.filter(pl.col("fresh") | pl.col("pnl").is_not_null()).select(columns)
    return kept, undirected, repeated


def _articles(
    lake: Lake, params: Params, signals: pl.DataFrame, trades: pl.DataFrame, tape: Tape
) -> tuple[pl.DataFrame, int]:
    directed = signals.filter(pl.col("side").is_in(["long", "short"]))
    moved, place = _moved(tape, directed)
    sign = np.where((directed["side"] == "long").to_numpy(), 1.0, -1.0)
    directed = directed.with_columns(place=pl.Series(place), moved=pl.Series(moved * sign))
    links = directed.drop("pattern_ids", "side").explode("news_ids").drop_nulls("news_ids")
    links = links.rename({"news_ids": "news_id"})
    rows = links.join(_news(lake, params), on=["news_id", "symbol"], how="left")
    known = rows.filter(pl.col("known_at") <= pl.col("decided_at"))
    key = ["signal_id", "news_id"]
    # Of several versions of an article the one that was known counts.
    known = known.sort("known_at").unique(key, keep="last", maintain_order=True)
    lost = links.height - known.height
    age = (pl.col("decided_at") - pl.col("published_at")).dt.total_nanoseconds()
    decay = (-age / (params.catalyst.tau_hours * HOUR_NS)).exp()
    weighed = known.with_columns(weight=pl.col("factor") * decay).sort(key)
    total = pl.col("weight").sum().over("signal_id")
    even = 1.0 / pl.len().over("signal_id")
    share = pl.when(total > 0.0).then(pl.col("weight") / total).otherwise(even)
    found = weighed.with_columns(share=share).join(
        trades.drop("trade_side"), on="signal_id", how="left", maintain_order="left"
    )
    columns = ["signal_id", "news_id", "source", "provider", "tier", "categories", "keywords"]
    return found.select(*columns, "share", "place", "moved", *_PNL), lost


def _news(lake: Lake, params: Params) -> pl.DataFrame:
    """Return the lake's news with the part of its weight that doesn't age.

    As `catalyst.research.article_weights.weights` multiplies it, which a test compares.
    """
    tiers, by_category, other, states, first, copy = params.catalyst.arrays
    names = ["pre_market", "regular", "after_hours", "closed"]
    special = dict(zip(CATEGORIES, by_category.tolist(), strict=True))
    kinds = pl.col("categories").list.eval(
        pl.element().replace_strict(special, default=None, return_dtype=pl.Float64)
    )
    by_state = dict(zip(names, states.tolist(), strict=True))
    by_tier = dict(enumerate(tiers.tolist(), start=1))
    factor = (
        pl.col("tier").cast(pl.Int64).replace_strict(by_tier, return_dtype=pl.Float64)
        * kinds.list.max().fill_null(float(other))
        * pl.col("market_state").replace_strict(by_state, return_dtype=pl.Float64)
        * pl.when(pl.col("cluster_rank") == 0).then(float(first)).otherwise(float(copy))
    )
    return lake.news().select(
        "news_id",
        "symbol",
        "known_at",
        "published_at",
        "source",
        "provider",
        "tier",
        "categories",
        "keywords",
        factor=factor,
    )


def _moved(tape: Tape, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the forward return less the market's to the named horizon, bps, and the session."""
    decided = rows["decided_at"].cast(pl.Int64).to_numpy()
    symbol = rows["symbol"].replace_strict(tape.index, return_dtype=pl.Int32).to_numpy()
    found = forward_returns(tape, symbol, decided)
    horizon = named_horizon(tape)
    moved = (found.own[:, horizon] - found.market[:, horizon]) * _BPS
    return moved, tape.session_at(decided)
