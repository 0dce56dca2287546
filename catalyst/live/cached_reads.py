"""Reads that go to the cache first and to PostgreSQL where it misses, with the same answer.

A value in the cache says whose it is and of what exchange time: accounts share one Redis, and a
paper exchange's hours pass in seconds. What is another account's, or too old, is a miss.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import psycopg
from psycopg.rows import dict_row

from catalyst.live import cache_keys as keys
from catalyst.live import records
from catalyst.live.cache import Cache, dumped
from catalyst.live.database import Database
from catalyst.live.statements import statement

Row = dict[str, Any]
Connection = psycopg.Connection[Any]
Load = Callable[[Connection], Any]

_TOP = 5
# Of the score's direction (specification, section 3).
_NEUTRAL = 0.1
_MOST_NEWS = 1_000
# The documents' longest list of candidates.
_ACTIVE = 50


@dataclass(frozen=True)
class CachedReads:
    """Read an account's facts as of an exchange time; answers are JSON values.

    Attributes
    ----------
    now_ns
        Exchange time, ns UTC.
    """

    cache: Cache
    database: Database
    account_id: str
    now_ns: int

    def top_candidates(self, n: int = _TOP) -> list[Row]:
        """Give the best candidates of the last hour, by catalyst score."""
        found: list[Row] = self._through(
            keys.top_candidates_key(n), keys.TOP_CANDIDATES_S, lambda c: self._candidates(c, n)
        )
        return found

    def active_candidates(self) -> list[Row]:
        """Give the candidates of the last hour that are not traded, by catalyst score."""
        found: list[Row] = self._through(
            keys.ACTIVE_CANDIDATES,
            keys.ACTIVE_CANDIDATES_S,
            lambda c: self._candidates(c, _ACTIVE, untraded=True),
        )
        return found

    def indicators(self, symbol: str, timeframe: str) -> Row | None:
        """Give a symbol's last indicators of a timeframe; None if it has none."""
        found: Row | None = self._through(
            keys.indicators_key(symbol, timeframe),
            keys.INDICATORS_S,
            lambda c: _first(records.get_latest_indicators(c, self.account_id, symbol, timeframe)),
        )
        return found

    def pattern(self, symbol: str, name: str) -> Row | None:
        """Give a pattern's last detection in a symbol within 24 hours; None if there is none."""
        found: Row | None = self._through(
            keys.pattern_key(symbol, name),
            keys.PATTERN_S,
            lambda c: _first([p for p in self._patterns(c, symbol) if p["pattern_name"] == name]),
        )
        return found

    def sentiment(self, symbol: str) -> Row:
        """Give mean sentiment and number of a symbol's articles of 24 hours."""
        found: Row = self._through(
            keys.sentiment_key(symbol),
            keys.SENTIMENT_S,
            lambda c: sentiment_of(self._news(c, symbol)),
        )
        return found

    def article(self, news_id: str) -> Row | None:
        """Give an article with the symbols it is linked to; None if it is not known yet."""
        found = self.cache.get(keys.news_key(news_id))
        # Articles don't change, but another account's day may be further on than ours.
        if isinstance(found, dict) and _was_known(found, self.now_ns):
            return found
        asked = {"news_id": news_id, "now_ns": self.now_ns}
        with self.database.connection() as connection, connection.cursor(row_factory=dict_row) as c:
            rows = c.execute(statement("cache_article"), asked).fetchall()
        article = _first(articles_of(rows))
        if article is not None:
            self.cache.put(keys.news_key(news_id), article, lifetime_s=keys.NEWS_S)
        return article

    def put(self, key: str, value: object, *, lifetime_s: int) -> None:
        """Keep a value with whose it is and when it was so."""
        told = {"account": self.account_id, "at_ns": self.now_ns, "value": value}
        self.cache.put(key, told, lifetime_s=lifetime_s)

    def _through(self, key: str, lifetime_s: int, load: Load) -> Any:  # noqa: ANN401 - JSON
        found = self._cached(key, lifetime_s)
        if found is not None:
            return found
        with self.database.connection() as connection:
            value = as_json(load(connection))
        if value is not None:
            self.put(key, value, lifetime_s=lifetime_s)
        return value

    def _cached(self, key: str, lifetime_s: int) -> Any | None:  # noqa: ANN401 - JSON
        found = self.cache.get(key)
        if not isinstance(found, dict) or found.get("account") != self.account_id:
            return None
        age_ns = self.now_ns - int(found.get("at_ns", 0))
        return found.get("value") if 0 <= age_ns <= lifetime_s * 10**9 else None

    def _candidates(self, connection: Connection, n: int, *, untraded: bool = False) -> list[Row]:
        return records.get_candidates_for_analysis(
            connection, self.account_id, now_ns=self.now_ns, limit=n, untraded=untraded
        )

    def _patterns(self, connection: Connection, symbol: str) -> list[Row]:
        return records.get_pattern_history(connection, self.account_id, symbol, now_ns=self.now_ns)

    def _news(self, connection: Connection, symbol: str) -> list[Row]:
        return records.get_recent_news(
            connection, now_ns=self.now_ns, symbol=symbol, limit=_MOST_NEWS
        )


def as_json(value: object) -> Any:  # noqa: ANN401 - JSON
    """Give rows as they come back from the cache: decimals and instants as text."""
    return json.loads(dumped(value))


def articles_of(rows: Sequence[Row]) -> list[Row]:
    """Give one article of all its rows, with its symbols, in the order of the rows."""
    found: dict[str, Row] = {}
    for row in rows:
        article = found.setdefault(row["news_id"], {**row, "symbols": []})
        article["symbols"] = sorted({*article["symbols"], row["symbol"]})
        article.pop("symbol", None)
    return [as_json(article) for article in found.values()]


def sentiment_of(rows: Sequence[Row]) -> Row:
    """Sum up what articles say: mean sentiment (None without any), its label, their number."""
    told = {row["news_id"]: row["sentiment"] for row in rows if row["sentiment"] is not None}
    mean = fmean(told.values()) if told else None
    label = "neutral"
    if mean is not None and abs(mean) > _NEUTRAL:
        label = "positive" if mean > 0 else "negative"
    return {"avg_sentiment": mean, "label": label, "article_count": len(told)}


def _was_known(article: Row, now_ns: int) -> bool:
    known = dt.datetime.fromisoformat(article["known_at"])
    return known <= dt.datetime.fromtimestamp(now_ns // 10**9, dt.UTC)


def _first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None
