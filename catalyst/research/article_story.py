"""One article: when it could be known, and every signal that it was part of."""

from __future__ import annotations

import polars as pl

from catalyst.data.figures import count, eastern, iso_utc, money, number
from catalyst.data.story import Fact, Section, Story, Value
from catalyst.data.visible import visible
from catalyst.errors import InputError
from catalyst.research.run_books import Row, RunBooks, rows_of
from catalyst.strategy.clock import DAY_NS

_MOST = 20


def article_story(books: RunBooks, news_id: str) -> Story:
    """Tell of an article that counted in signals of a run.

    Raises
    ------
    InputError
        If the lake doesn't hold it.
    """
    counted = books.frame("signals").filter(pl.col("news_ids").list.contains(news_id))
    signals = rows_of(counted)
    versions = _versions(books, news_id, signals)
    latest = versions[-1]
    facts = tuple(_version(row) for row in versions)
    trades = {row["signal_id"]: row for row in books.rows("trades")}
    values: dict[str, Value] = {
        "news_id": news_id,
        "headline": latest["headline"],
        "url": latest["url"],
        "signals": len(signals),
    }
    told = tuple(_use(s, trades.get(s["signal_id"])) for s in signals[:_MOST])
    if len(signals) > _MOST:
        told = (*told, Fact(f"and {len(signals) - _MOST:,} more", mark="quiet"))
    return Story(
        "news",
        Fact(f"“{visible(latest['headline'])}”"),
        (Fact(f"{books.label}, article {news_id}", mark="quiet"),),
        (
            Section("As it is stored", facts),
            Section(f"It counted in {count(len(signals), 'signal')}", told),
        ),
        values,
    )


def _versions(books: RunBooks, news_id: str, signals: list[Row]) -> list[Row]:
    import datetime as dt

    reach = 2 * round(books.params.catalyst.news_hours * 3_600_000_000_000) + 15 * DAY_NS
    first, last = signals[0]["decided_at"] - reach, signals[-1]["decided_at"]
    dates = [dt.datetime.fromtimestamp(ns // 10**9, dt.UTC).date() for ns in (first, last)]
    rows = books.lake.news(start=dates[0], end=dates[1]).filter(
        (pl.col("news_id") == news_id) & pl.col("symbol").is_in(books.symbols)
    )
    if not rows.height:
        raise InputError(
            f"the lake {books.lake.root} has no article {news_id}; name the lake of the run with "
            "--lake"
        )
    ns = [pl.col(name).cast(pl.Int64) for name in ("known_at", "published_at")]
    return rows.with_columns(ns).sort("known_at", "symbol").to_dicts()


def _version(row: Row) -> Fact:
    assumed = " (assumed)" if row["known_is_assumed"] else ""
    rank = row["cluster_rank"]
    story = "first of its story" if rank == 0 else f"copy {rank} of its story"
    confirmed = f", confirmed by {visible(row['confirmed_by'])}" if row["confirmed_by"] else ""
    return Fact(
        f"{row['symbol']}: {visible(row['source']) or 'no source'}, tier {row['tier']}, published "
        f"{eastern(row['published_at'])}, known {eastern(row['known_at'])}{assumed}; "
        f"{' + '.join(row['categories']) or 'no category'}, tone {row['sentiment']:+.2f}, "
        f"{story}{confirmed}",
        {
            "symbol": row["symbol"],
            "tier": row["tier"],
            "published_at": iso_utc(row["published_at"]),
            "known_at": iso_utc(row["known_at"]),
            "known_is_assumed": row["known_is_assumed"],
            "sentiment": row["sentiment"],
            "categories": row["categories"],
            "cluster_rank": rank,
        },
    )


def _use(signal: Row, trade: Row | None) -> Fact:
    became = signal["outcome"] if signal["outcome"] != "intent" else "order"
    if signal["rule"]:
        became += f", {signal['rule']}"
    if trade is not None:
        became = f"trade {trade['trade_id'][:10]}, {money(trade['pnl'], signed=True)}"
    text = (
        f"{eastern(signal['decided_at'])} {signal['symbol']}: catalyst "
        f"{number(signal['catalyst_score'])} of {count(len(signal['news_ids']), 'article')}, "
        f"confidence {number(signal['confidence'])}: {became}"
    )
    return Fact(
        text,
        {
            "signal_id": signal["signal_id"],
            "trade_id": trade["trade_id"] if trade else None,
            "outcome": signal["outcome"],
        },
    )
