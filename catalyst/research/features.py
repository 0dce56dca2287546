"""What was known of each signal when it was decided, as a table to learn from."""

from __future__ import annotations

import numpy as np
import polars as pl

from catalyst.data.calendar import sessions
from catalyst.data.lake import Lake
from catalyst.data.news_asof import known_news
from catalyst.data.timeframes import LENGTH_NS
from catalyst.research.result import Result
from catalyst.research.tape import lake_of_run
from catalyst.strategy.clock import DAY_NS, HOUR_NS, MINUTE_NS
from catalyst.strategy.params import CATEGORIES, Params
from catalyst.strategy.values import MarketState

KEYS = ("signal_id", "symbol", "decided_at")
"""Columns of `features` that name a row; all others are features."""

_REACH_NS = 45 * DAY_NS
"""Longer than any window of news that the parameters allow, and the exchange's pauses."""
_MINUTES = {**{name: ns // MINUTE_NS for name, ns in LENGTH_NS.items()}, "1d": 1_440}
_STATES = [state.label for state in MarketState]
_OF_NEWS = {
    "n_articles": pl.Int64,
    "n_sources": pl.Int64,
    "n_first": pl.Int64,
    "n_breaking": pl.Int64,
    "n_confirmed": pl.Int64,
    "tier_best": pl.Int8,
    "tier_mean": pl.Float64,
    "sentiment_mean": pl.Float64,
    "age_newest_hours": pl.Float64,
    "age_oldest_hours": pl.Float64,
    **{f"is_{name}": pl.Boolean for name in CATEGORIES},
}


def features(result: Result) -> pl.DataFrame:
    """Return everything that was known of every signal at the instant it was decided.

    Parameters
    ----------
    result
        A run with its lake.

    Returns
    -------
    DataFrame
        A row a signal, in the order of ``signals``; nothing in it became known after
        ``decided_at``, and what became of the signal is not in it.

        - ``signal_id``, ``symbol``, ``decided_at``
        - ``side``: 1 long, -1 short, 0 none
        - ``confidence`` and ``score_<component>`` of each scored component: 0 to 100
        - ``catalyst_score`` (0 to 100), ``direction`` (-1 to 1) of the news; ``lean``: direction
          times side
        - ``stop_frac``: from entry to stop, a fraction; null without a side
        - ``price`` (USD), ``volume`` (shares a day, mean of 20 sessions), ``change_frac`` (since
          the last close), ``rvol`` (times the usual volume): as the last stage saw them
        - ``n_articles``, ``n_sources``, ``n_first`` (first of their clusters), ``n_breaking``,
          ``n_confirmed`` (by a source of tier 1 or 2, as then known); ``tier_best``, ``tier_mean``
          (1 to 5), ``sentiment_mean`` (-1 to 1), ``age_newest_hours``, ``age_oldest_hours`` (since
          publication), ``is_<category>``: of the articles that made the signal
        - ``n_patterns``, ``n_bullish``, ``n_bearish``; ``pattern`` (the strongest's name),
          ``pattern_minutes`` (its timeframe), ``pattern_aligned`` (with the news: 1, 0, -1)
        - ``market_state``, ``minute`` (minutes since the open, negative before), ``weekday`` (1 to
          5), New York time

    Raises
    ------
    InputError
        If the run was opened without its lake.
    """
    lake = lake_of_run(result)
    signals = result.signals
    frame = signals.select(
        *KEYS,
        side=pl.col("side").replace_strict({"long": 1, "short": -1}, default=0).cast(pl.Int8),
        confidence="confidence",
        **_scores(result.params),
        catalyst_score="catalyst_score",
        direction="direction",
        stop_frac=((pl.col("entry") - pl.col("stop")).abs() / pl.col("entry")).fill_nan(None),
    ).with_columns(lean=pl.col("direction") * pl.col("side"))
    finalists = result.candidates.filter((pl.col("stage") == 5) & pl.col("passed")).select(
        "decided_at", "symbol", "price", "volume", "change_frac", "rvol"
    )
    return (
        frame.join(finalists, on=["decided_at", "symbol"], how="left", maintain_order="left")
        .join(_news(signals, lake), on="signal_id", how="left", maintain_order="left")
        .with_columns(pl.col("^n_.*$").fill_null(0), pl.col("^is_.*$").fill_null(value=False))
        .join(_patterns(result), on="signal_id", how="left", maintain_order="left")
        .with_columns(pl.col("n_patterns", "n_bullish", "n_bearish").fill_null(0))
        .with_columns(*_clock(signals))
        .with_columns(pl.col(pl.Float64).fill_nan(None))
    )


def _scores(params: Params) -> dict[str, pl.Expr]:
    return {
        f"score_{component.name}": pl.col("scores").list.get(place, null_on_oob=True)
        for place, (component, _) in enumerate(params.scored)
    }


def articles_of(signals: pl.DataFrame, lake: Lake) -> pl.DataFrame:
    """Return the articles that made each signal, in the version known when it was decided.

    Parameters
    ----------
    signals
        The run's table, or some of its rows.
    lake
        The run's lake.

    Returns
    -------
    DataFrame
        ``place`` (position in ``signals``), ``signal_id``, ``decided_ns`` (ns UTC) and the lake's
        columns of news; a row an article of a signal, by place, known_at and news_id.
    """
    named = signals.select(
        "signal_id",
        "symbol",
        pl.col("news_ids").alias("news_id"),
        decided_ns=pl.col("decided_at").cast(pl.Int64),
        place=pl.int_range(pl.len()),
    )
    named = named.explode("news_id").drop_nulls("news_id")
    if not named.height:
        return named.join(known_news(lake, 0, 0), on=["news_id", "symbol"])
    first, last = named["decided_ns"].min(), named["decided_ns"].max()
    assert isinstance(first, int)  # noqa: S101 - a column of integers with rows
    assert isinstance(last, int)  # noqa: S101 - likewise
    news = known_news(lake, first - _REACH_NS, last)
    return (
        named.join(news, on=["news_id", "symbol"])
        .filter(pl.col("known_at").cast(pl.Int64) <= pl.col("decided_ns"))
        .sort("place", "news_id", "known_at")
        .unique(["place", "news_id"], keep="last", maintain_order=True)
        .sort("place", "known_at", "news_id")
    )


def _news(signals: pl.DataFrame, lake: Lake) -> pl.DataFrame:
    rows = articles_of(signals, lake)
    if not rows.height:
        return pl.DataFrame(schema={"signal_id": pl.String, **_OF_NEWS})
    age = (pl.col("decided_ns") - pl.col("published_at").cast(pl.Int64)) / HOUR_NS
    counted = rows.group_by("signal_id", maintain_order=True).agg(
        n_articles=pl.len(),
        n_sources=pl.col("source").n_unique(),
        n_first=(pl.col("cluster_rank") == 0).sum(),
        n_breaking=pl.col("breaking").sum(),
        n_confirmed=pl.col("confirmed_by").is_not_null().sum(),
        tier_best=pl.col("tier").min(),
        tier_mean=pl.col("tier").cast(pl.Int64).sum() / pl.len(),
        age_newest_hours=age.min(),
        age_oldest_hours=age.max(),
        **{f"is_{name}": pl.col("categories").list.contains(name).any() for name in CATEGORIES},
    )
    # From left to right: a sum by groups of polars may be taken in any order.
    starts = np.concatenate([[0], np.cumsum(counted["n_articles"].to_numpy())[:-1]])
    total = np.add.reduceat(rows["sentiment"].fill_null(0.0).to_numpy(), starts.astype(np.int64))
    mean = pl.Series("sentiment_mean", total) / counted["n_articles"]
    return counted.with_columns(mean).select(
        "signal_id", *(pl.col(name).cast(kind) for name, kind in _OF_NEWS.items())
    )


def _patterns(result: Result) -> pl.DataFrame:
    named = result.signals.select(
        "signal_id", pl.col("pattern_ids").alias("pattern_id"), place=pl.int_range(pl.len())
    )
    found = (
        named.explode("pattern_id")
        .drop_nulls("pattern_id")
        .join(result.patterns, on="pattern_id", maintain_order="left")
        .sort(["place", "confidence"], descending=[False, True], maintain_order=True)
    )
    # A doji's value is positive, too, but it has no direction.
    directed = pl.col("pattern") != "CDLDOJI"
    return found.group_by("signal_id", maintain_order=True).agg(
        n_patterns=pl.len().cast(pl.Int64),
        n_bullish=(directed & (pl.col("value") > 0)).sum().cast(pl.Int64),
        n_bearish=(directed & (pl.col("value") < 0)).sum().cast(pl.Int64),
        pattern=pl.col("pattern").first(),
        pattern_minutes=pl.col("timeframe").first().replace_strict(_MINUTES, default=None),
        pattern_aligned=pl.col("aligned").first(),
    )


def _clock(signals: pl.DataFrame) -> list[pl.Series]:
    if not signals.height:
        kinds = {"market_state": pl.String, "minute": pl.Float64, "weekday": pl.Int8}
        return [pl.Series(name, [], kind) for name, kind in kinds.items()]
    decided = signals["decided_at"]
    at = decided.cast(pl.Int64).to_numpy()
    table = sessions()
    k = np.searchsorted(table.post_ns, at, side="left")
    state = np.select(
        [at < table.pre_ns[k], at < table.open_ns[k], at < table.close_ns[k]],
        [int(MarketState.CLOSED), int(MarketState.PRE_MARKET), int(MarketState.REGULAR)],
        int(MarketState.AFTER_HOURS),
    )
    return [
        pl.Series("market_state", [_STATES[s] for s in state.tolist()], pl.String),
        pl.Series("minute", (at - table.open_ns[k]) / MINUTE_NS),
        decided.dt.convert_time_zone("America/New_York").dt.weekday().alias("weekday"),
    ]
