"""Keep the cache in step with the journal: after it, never before, and never instead of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from catalyst.live import cache_keys as keys
from catalyst.live import records
from catalyst.live.account_status import read_positions
from catalyst.live.cache import Cache
from catalyst.live.cached_reads import CachedReads, articles_of, as_json, sentiment_of
from catalyst.live.database import Database
from catalyst.live.health import Health
from catalyst.live.statements import statement
from catalyst.live.status import PositionLine

# Documents 5.2: the hundred latest articles of four hours before the open.
_WARM_NEWS, _WARM_HOURS = 100, 4.0
_DAY_NEWS = 1_000
_TOP, _ACTIVE = 5, 50


class CacheFeed:
    """Write through to the cache what an account's journal and its tables say.

    Parameters
    ----------
    cache
        Its owner's.
    database, account_id
        Whose tables.
    after_seq
        Events up to here are old; what they say is read when it is asked for.
    """

    def __init__(
        self, cache: Cache, database: Database, account_id: str, *, after_seq: int
    ) -> None:
        self.cache = cache
        self._database = database
        self._account_id = account_id
        self._seq = after_seq

    def warm(self, now_ns: int) -> int:
        """Load before the open what will be read first; return the number of articles.

        The hundred latest pre-market articles of the last four hours, for two hours; and the
        candidates of the last hour that are not traded.
        """
        with self._database.connection() as connection:
            rows = records.get_recent_news(
                connection, now_ns=now_ns, hours=_WARM_HOURS, pre_market=True, limit=_WARM_NEWS
            )
            self._put_candidates(connection, now_ns)
        return self._put_news(rows, lifetime_s=keys.WARM_NEWS_S)

    def follow(self, now_ns: int) -> int:
        """Write through what was journalled since the last call; return the number of events.

        To be called when the tables are projected up to there.
        """
        with self._database.connection() as connection:
            events = connection.execute(
                statement("cache_events"), {"account_id": self._account_id, "after_seq": self._seq}
            ).fetchall()
            kinds = {kind for _, kind, _ in events}
            for seq, kind, symbols in events:
                if kind == "fill":
                    for symbol in symbols:
                        self.cache.forget_trade(symbol)
                self._seq = seq
            scored = sorted(
                {symbol for _, kind, found in events if kind == "decided" for symbol in found}
            )
            for symbol in scored:
                self._put_symbol(connection, symbol, now_ns)
            if "inputs" in kinds:
                self._put_news(
                    records.get_recent_news(connection, now_ns=now_ns, hours=1, limit=_WARM_NEWS),
                    lifetime_s=keys.NEWS_S,
                )
            if scored or "fill" in kinds:
                self._put_candidates(connection, now_ns)
            if kinds & {"decided", "fill"}:
                held = read_positions(connection, self._account_id, at_ns=now_ns)
                write_positions(self.cache, self._account_id, held)
        return len(events)

    def put_health(self, health: Health) -> None:
        """Keep how the parts do."""
        told = {name: asdict(line) for name, line in health.services.items()}
        self.cache.put(keys.health_key(self._account_id), told, lifetime_s=keys.HEALTH_S)

    def _reads(self, now_ns: int) -> CachedReads:
        return CachedReads(self.cache, self._database, self._account_id, now_ns)

    def _put_symbol(self, connection: Connection[TupleRow], symbol: str, now_ns: int) -> None:
        reads = self._reads(now_ns)
        # The newest stand first, so the oldest are written first and overwritten.
        found = records.get_pattern_history(connection, self._account_id, symbol, now_ns=now_ns)
        for pattern in {one["pattern_name"]: one for one in reversed(found)}.values():
            key = keys.pattern_key(symbol, pattern["pattern_name"])
            reads.put(key, as_json(pattern), lifetime_s=keys.PATTERN_S)
        for row in records.get_latest_indicators(connection, self._account_id, symbol):
            key = keys.indicators_key(symbol, row["timeframe"])
            reads.put(key, as_json(row), lifetime_s=keys.INDICATORS_S)
        news = records.get_recent_news(connection, now_ns=now_ns, symbol=symbol, limit=_DAY_NEWS)
        reads.put(keys.sentiment_key(symbol), sentiment_of(news), lifetime_s=keys.SENTIMENT_S)

    def _put_candidates(self, connection: Connection[TupleRow], now_ns: int) -> None:
        reads = self._reads(now_ns)
        for key, limit, untraded, lifetime_s in (
            (keys.top_candidates_key(_TOP), _TOP, False, keys.TOP_CANDIDATES_S),
            (keys.ACTIVE_CANDIDATES, _ACTIVE, True, keys.ACTIVE_CANDIDATES_S),
        ):
            found = records.get_candidates_for_analysis(
                connection, self._account_id, now_ns=now_ns, limit=limit, untraded=untraded
            )
            reads.put(key, as_json(found), lifetime_s=lifetime_s)

    def _put_news(self, rows: Sequence[dict[str, Any]], *, lifetime_s: int) -> int:
        articles = articles_of(rows)
        by_symbol: dict[str, list[str]] = {}
        for article in articles:
            self.cache.put(keys.news_key(article["news_id"]), article, lifetime_s=lifetime_s)
            for symbol in article["symbols"]:
                by_symbol.setdefault(symbol, []).append(str(article["news_id"]))
        for symbol, ids in by_symbol.items():
            key = keys.news_of_symbol_key(symbol)
            self.cache.add(key, ids, lifetime_s=keys.NEWS_OF_SYMBOL_S)
            self.cache.forget(keys.sentiment_key(symbol))
        return len(articles)


def write_positions(cache: Cache, account_id: str, positions: Sequence[PositionLine]) -> None:
    """Keep what an account holds, for a status without a database."""
    told = [asdict(one, dict_factory=_plain) for one in positions]
    cache.put(keys.positions_key(account_id), told, lifetime_s=keys.POSITIONS_S)


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Enum) else value for name, value in pairs}
