"""Trending: symbols that are in the news more than they use to be."""

from __future__ import annotations

import numpy as np
import polars as pl

from catalyst.data.lake import Lake
from catalyst.data.news_asof import HOUR_NS, asof_ns, known_news, known_ns, published_ns
from catalyst.data.news_batch import news_batch
from catalyst.data.stamps import Moment
from catalyst.errors import InputError
from catalyst.strategy.clock import DAY_NS
from catalyst.strategy.news import NewsHistory, catalyst_scores, sign
from catalyst.strategy.params import Params
from catalyst.strategy.values import Floats, Grid

#: Days before, with the same hours of which the flow is compared.
DAYS = 20
#: Least surprise of a symbol that trends: two standard deviations of a Poisson count.
UNUSUAL = 2.0
_LEAST_REPORTS = 2
_MINUTES_5 = 300_000_000_000
_DIRECTIONS = {1: "positive", -1: "negative", 0: "neutral"}


def trending(
    lake: Lake,
    *,
    asof: Moment | None = None,
    hours: float = 4.0,
    headlines: int = 3,
    params: Params | None = None,
) -> pl.DataFrame:
    """Rank the symbols whose news of the last hours is unusual against their own past.

    A report is a story told by a source: what a source repeats counts once. The reports of the last
    `hours` are compared with the mean of the same hours of the 20 days before, days on which the
    whole lake was silent left out (an outage is not quiet). The measure is the distance of counts
    on the scale on which a Poisson count has unit variance,
    ``2 sqrt(n + 3/8) - 2 sqrt(mean + 3/8)`` (Anscombe 1948); at least 2 makes a trend.

    Parameters
    ----------
    lake
        The lake.
    asof
        See only what was known then; see `catalyst.data.news_asof.asof_ns`.
    hours
        Length of now, more than 0 and at most 24.
    headlines
        How many headlines to give with each symbol.
    params
        Weights of the catalyst score; None takes the strategy's defaults.

    Returns
    -------
    DataFrame
        symbol, reports, usual (mean of the days before), surprise, stories, sources,
        catalyst_score (0 to 100, specification section 3, intraday, over the 24 hours before),
        direction (-1 to 1), sign (positive, negative, neutral), headlines (list: first of their
        story, best tier first, then the newest); the largest surprise first.

    Raises
    ------
    InputError
        If a number is out of range; LakeError, its kin, if the lake holds no news.
    """
    if not 0 < hours <= 24:
        raise InputError(f"hours is {hours}; expected more than 0 and at most 24")
    params = params or Params()
    until_ns = asof_ns(lake, asof)
    span_ns = round(hours * HOUR_NS)
    rows = known_news(lake, until_ns - DAYS * DAY_NS - span_ns, until_ns)
    now = rows.filter(known_ns() > until_ns - span_ns)
    reports = _reports(now)
    usual = _usual(rows, until_ns, span_ns)
    found = (
        now.group_by("symbol")
        .agg(stories=pl.col("cluster_id").n_unique(), sources=pl.col("source").n_unique())
        .join(reports, on="symbol")
        .join(usual, on="symbol", how="left")
        .with_columns(pl.col("usual").fill_null(0.0))
        .with_columns(
            surprise=2 * (pl.col("reports") + 0.375).sqrt() - 2 * (pl.col("usual") + 0.375).sqrt()
        )
        .filter((pl.col("surprise") >= UNUSUAL) & (pl.col("reports") >= _LEAST_REPORTS))
        .sort("surprise", "symbol", descending=[True, False])
    )
    names = found["symbol"].to_list()
    score, lean = _catalyst(rows, names, until_ns, params)
    top = _headlines(now, headlines)
    return found.select(
        "symbol",
        "reports",
        "usual",
        "surprise",
        "stories",
        "sources",
        catalyst_score=pl.Series(score, dtype=pl.Float64),
        direction=pl.Series(lean, dtype=pl.Float64),
        sign=pl.Series([_DIRECTIONS[sign(x, params)] for x in lean.tolist()], dtype=pl.String),
    ).join(top, on="symbol", how="left", maintain_order="left")


def _reports(rows: pl.DataFrame) -> pl.DataFrame:
    told = rows.select("symbol", "cluster_id", "source").unique()
    return told.group_by("symbol").agg(reports=pl.len())


def _usual(rows: pl.DataFrame, until_ns: int, span_ns: int) -> pl.DataFrame:
    ago = (until_ns - known_ns()) // DAY_NS
    before = rows.with_columns(ago=ago).filter(pl.col("ago") > 0)
    n_days = max(before["ago"].n_unique(), 1)
    same_hours = before.filter((until_ns - known_ns()) % DAY_NS < span_ns)
    told = same_hours.select("symbol", "ago", "cluster_id", "source").unique()
    return told.group_by("symbol").agg(usual=pl.len() / n_days)


def _catalyst(
    rows: pl.DataFrame, names: list[str], until_ns: int, params: Params
) -> tuple[Floats, Floats]:
    window_ns = int(params.catalyst.news_hours * HOUR_NS)
    near = rows.filter(published_ns() > until_ns - 2 * window_ns)
    history = NewsHistory(Grid(_MINUTES_5, from_open=False), params)
    history.push(news_batch(near, {name: at for at, name in enumerate(names)}))
    if not names:
        return np.empty(0), np.empty(0)
    return catalyst_scores(history.known(until_ns, after_ns=-1), len(names), until_ns, params)


def _headlines(now: pl.DataFrame, count: int) -> pl.DataFrame:
    firsts = now.filter(pl.col("cluster_rank") == 0).unique(["symbol", "news_id"], keep="last")
    best = firsts.sort(
        "tier", "known_at", "news_id", descending=[False, True, False], maintain_order=True
    )
    return best.group_by("symbol", maintain_order=True).agg(
        headlines=pl.col("headline").head(count)
    )
