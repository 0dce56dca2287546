"""News, actions and memberships as they stood at an instant, with another future behind it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from catalyst.strategy.clock import DAY_NS, MINUTE_NS
from catalyst.strategy.params import CATEGORIES
from catalyst.strategy.values import Ints

_INSTANT = pl.Datetime("ns", "UTC")
_TOUCHED = 24
"""Symbols that late actions, memberships and articles are planted for at one instant, at most."""


def instant(ns: int) -> pl.Expr:
    """Return an instant, ns UTC, as a literal of a lake's columns."""
    return pl.lit(ns).cast(_INSTANT)


def known_ns(frame: pl.DataFrame) -> Ints:
    """Return when the rows of a table were known: int64[n], ns UTC."""
    found: Ints = frame["known_at"].dt.timestamp("ns").to_numpy()
    return found


@dataclass(frozen=True, eq=False)
class NewsDay:
    """Hold the news of one UTC day of ``known_at``, ascending, and what it could have been.

    Attributes
    ----------
    rows
        As the lake has them.
    known_ns : int64[n]
        When each is known.
    other
        The same articles with other symbols, texts and numbers.
    revised, copied
        Later versions of each, and later copies of each in its cluster; known at no time yet.
    """

    rows: pl.DataFrame
    known_ns: Ints
    other: pl.DataFrame
    revised: pl.DataFrame
    copied: pl.DataFrame


def news_day(rows: pl.DataFrame, day: dt.date, symbols: Sequence[str], *, seed: int) -> NewsDay:
    """Work out what a day's news could have been.

    Parameters
    ----------
    rows
        One partition.
    symbols
        Those that changed articles may be about.
    seed
        Of the random values, which depend on it and the day alone.
    """
    rows = rows.sort("known_at", "news_id", "symbol")
    rng = np.random.default_rng([seed, 7, day.toordinal()])
    n = rows.height
    named = list(symbols) or rows["symbol"].to_list() or [""]
    earlier = pl.Series(rng.integers(0, 50, n) * MINUTE_NS)
    other = _changed(rows, rng).with_columns(
        symbol=pl.Series([named[k] for k in rng.integers(0, len(named), n)], dtype=pl.String),
        published_at=(pl.col("published_at").cast(pl.Int64) - earlier).cast(_INSTANT),
    )
    revised = _changed(rows, rng)
    copied = _changed(rows, rng).with_columns(
        rows["headline"],
        news_id=pl.Series([f"{v:016x}" for v in rng.integers(0, 2**63, n)], dtype=pl.String),
        cluster_id=rows["cluster_id"],
        cluster_rank=pl.lit(1, pl.Int32),
    )
    return NewsDay(rows, known_ns(rows), other, revised, copied)


def _changed(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    n = rows.height
    sentiment = np.round(rng.uniform(-1.0, 1.0, n), 4)
    categories = [[CATEGORIES[k]] for k in rng.integers(0, len(CATEGORIES), n)]
    return rows.with_columns(
        headline=pl.lit("Otherwise: ") + pl.col("headline").str.reverse(),
        tier=pl.Series(rng.integers(1, 6, n), dtype=pl.Int8),
        categories=pl.Series(categories, dtype=pl.List(pl.String)),
        sentiment=pl.Series(sentiment, dtype=pl.Float64),
        breaking=~pl.col("breaking"),
        cluster_id=pl.col("cluster_id").str.reverse(),
        cluster_rank=pl.Series(rng.integers(0, 4, n), dtype=pl.Int32),
        cluster_sources=pl.Series(rng.integers(1, 9, n), dtype=pl.Int32),
        coordination=pl.Series(rng.uniform(0, 1, n), dtype=pl.Float64),
    ).select(rows.columns)


def planted_news(
    days: Sequence[NewsDay], at_ns: int, *, late_ns: int, seed: int
) -> list[pl.DataFrame]:
    """Make articles that are known after an instant and tell of the time before it.

    A later version of known articles, later copies of them in their clusters, and articles
    published before the instant that nobody had seen yet.

    Parameters
    ----------
    days
        The news of the last days.
    at_ns, late_ns
        The instant, and when the planted articles are known.
    """
    known_at = instant(late_ns)
    made = []
    template: pl.DataFrame | None = None
    for day in days:
        end = int(np.searchsorted(day.known_ns, at_ns, side="right"))
        start = int(np.searchsorted(day.known_ns, at_ns - DAY_NS))
        if end > start:
            part = slice(max(start, end - _TOUCHED), end)
            made += [one[part].with_columns(known_at=known_at) for one in (day.revised, day.copied)]
            template = day.other[part]
    if template is not None:
        rng = np.random.default_rng([seed, 8, at_ns // 1000 % 2**32])
        ids = [f"{v:016x}" for v in rng.integers(0, 2**63, template.height)]
        made.append(
            template.with_columns(
                news_id=pl.Series(ids, dtype=pl.String),
                published_at=instant(at_ns - MINUTE_NS),
                known_at=known_at,
                tier=pl.lit(1, pl.Int8),
            )
        )
    return made


def other_actions(
    rows: pl.DataFrame,
    at_ns: int,
    symbols: Sequence[str],
    days: tuple[dt.date, dt.date, dt.date],
    *,
    late_ns: int,
    seed: int,
) -> pl.DataFrame:
    """Change actions that are known later, and plant some about yesterday, today and tomorrow.

    Parameters
    ----------
    days
        The sessions before, of, and after the instant.
    """
    later = pl.col("known_at") > instant(at_ns)
    changed = rows.with_columns(value=pl.when(later).then(pl.col("value") * 1.7).otherwise("value"))
    touched = _touched(symbols, at_ns, seed)
    kinds = [("split", 3.0), ("dividend", 9.5), ("split", 0.25)]
    planted = pl.DataFrame(
        [
            (name, days[(k + j) % 3], kind, value, late_ns)
            for k, name in enumerate(touched)
            for j, (kind, value) in enumerate(kinds)
        ],
        schema=["symbol", "ex_date", "kind", "value", "known_at"],
        orient="row",
    )
    return _joined(changed, planted).sort("symbol", "ex_date", "known_at")


def other_universe(
    rows: pl.DataFrame,
    at_ns: int,
    symbols: Sequence[str],
    days: tuple[dt.date, dt.date, dt.date],
    *,
    late_ns: int,
    seed: int,
) -> pl.DataFrame:
    """Change memberships that are known later, and plant some that end or begin these days.

    A lake without memberships stays one: in it, every symbol is a member.
    """
    if not rows.height:
        return rows
    later = pl.col("known_at") > instant(at_ns)
    to = pl.when(later).then(pl.col("from")).otherwise("to")
    firsts = dict(
        rows.filter(~later).group_by("symbol").agg(pl.col("from").max()).sort("symbol").iter_rows()
    )
    before, today, after = days
    planted: list[tuple[str, dt.date, dt.date | None, int]] = []
    for k, name in enumerate(_touched(symbols, at_ns, seed)):
        if name in firsts and k % 2:
            planted.append((name, firsts[name], before, late_ns))
        planted.append((name, (before, today, after)[k % 3], None, late_ns))
    made = pl.DataFrame(
        planted,
        schema={"symbol": pl.String, "from": pl.Date, "to": pl.Date, "known_at": pl.Int64},
        orient="row",
    )
    return _joined(rows.with_columns(to=to), made).sort(
        "symbol", "from", "known_at", "to", nulls_last=True
    )


def _touched(symbols: Sequence[str], at_ns: int, seed: int) -> list[str]:
    rng = np.random.default_rng([seed, 9, at_ns // 1000 % 2**32])
    if len(symbols) <= _TOUCHED:
        return [symbols[k] for k in rng.permutation(len(symbols))]
    return [symbols[k] for k in rng.choice(len(symbols), _TOUCHED, replace=False)]


def _joined(rows: pl.DataFrame, planted: pl.DataFrame) -> pl.DataFrame:
    planted = planted.with_columns(pl.col("known_at").cast(_INSTANT)).with_columns(
        known_is_assumed=pl.lit(value=False)
    )
    missing = [name for name in rows.columns if name not in planted.columns]
    planted = planted.with_columns(
        pl.lit("planted" if name == "source" else None, rows.schema[name]).alias(name)
        for name in missing
    )
    return pl.concat([rows, planted.select(rows.columns).cast(rows.schema)])
