"""Bars and articles as they reached us, in the order in which a decision took them in."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from catalyst.errors import InvariantError

NEWS_COLUMNS = (
    *("news_id", "symbol", "known_ns", "published_ns", "known_is_assumed", "headline", "url"),
    *("author", "provider", "source", "tier", "categories", "keywords", "tickers", "sentiment"),
    *("market_state", "breaking", "cluster_id", "cluster_rank", "cluster_sources"),
    *("confirmed_by", "confirm_minutes", "coordination", "raw", "link", "id", "retweet_of_id"),
)
"""The columns of the lake's news, in its order; the two instants are ns UTC here."""

_INSTANTS = {"known_ns": "known_at", "published_ns": "published_at"}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INTEGERS = ("ts_ns", "adjusted", "known_ns")
_FLOATS = ("open", "high", "low", "close", "volume")
BAR_COLUMNS = ("symbol", "ts_ns", *_FLOATS, "adjusted", "source", "known_ns")


@dataclass(frozen=True)
class BarColumns:
    """Hold bars as columns of equal length, in order of arrival.

    Attributes
    ----------
    symbol, source
        By name.
    ts_ns, known_ns
        The bar's start, and when it arrived, ns UTC.
    open, high, low, close, volume
        USD and shares.
    adjusted
        As in a lake: 0 raw, 1 split, 2 all.
    """

    symbol: Sequence[str] = ()
    ts_ns: Sequence[int] = ()
    open: Sequence[float] = ()
    high: Sequence[float] = ()
    low: Sequence[float] = ()
    close: Sequence[float] = ()
    volume: Sequence[float] = ()
    adjusted: Sequence[int] = ()
    source: Sequence[str] = ()
    known_ns: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.symbol)

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> BarColumns:
        """Turn rows, whose fields stand in the order of `BAR_COLUMNS`, into columns."""
        columns = list(zip(*rows, strict=True))
        return cls(*columns) if columns else cls()

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """Yield the rows, fields as plain Python values."""
        return zip(
            *(
                column.tolist() if isinstance(column, np.ndarray) else column
                for column in (getattr(self, name) for name in BAR_COLUMNS)
            ),
            strict=True,
        )


@dataclass(frozen=True)
class InputRows:
    """Hold what arrived since the last decision that took inputs.

    Attributes
    ----------
    timeframe
        Of the bars, such as ``5m``.
    news
        One row an article and symbol with `NEWS_COLUMNS`, as `news_row` gives it.
    """

    timeframe: str
    bars: BarColumns = field(default_factory=BarColumns)
    news: Sequence[Mapping[str, Any]] = ()

    def __len__(self) -> int:
        return len(self.bars) + len(self.news)

    def digest(self) -> str:
        """Return 32 hexadecimal digits over all rows in order, floats to the bit."""
        bars = self.bars
        timeframe = self.timeframe if len(bars) else ""
        counts = f"{timeframe}|{len(bars)}|{len(self.news)}"
        said = hashlib.blake2b(counts.encode(), digest_size=16)
        said.update("\n".join((*bars.symbol, *bars.source)).encode())
        for name in _INTEGERS:
            said.update(np.asarray(getattr(bars, name), "<i8").tobytes())
        for name in _FLOATS:
            said.update(np.asarray(getattr(bars, name), "<f8").tobytes())
        for row in self.news:
            said.update(repr(tuple(row[name] for name in NEWS_COLUMNS)).encode())
        return said.hexdigest()


def news_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out one row of a lake's news as the journal keeps it.

    Parameters
    ----------
    row
        The columns of `catalyst.data.enrichment.schema.ENRICHED`; instants as ns UTC or as
        `datetime`, under the lake's names or under ``known_ns`` and ``published_ns``. Absent
        columns are null. A NUL, which no database keeps in text, becomes U+FFFD.

    Raises
    ------
    InvariantError
        If the row lacks its id, symbol, headline or an instant.
    """
    laid = {name: row.get(name) for name in NEWS_COLUMNS}
    for name, lake_name in _INSTANTS.items():
        laid[name] = _instant(row.get(lake_name) if laid[name] is None else laid[name])
    for name in ("news_id", "symbol", "headline", *_INSTANTS):
        if laid[name] is None:
            raise InvariantError(f"an article has no {name}; expected the columns of enriched news")
    for name in ("categories", "keywords", "tickers"):
        laid[name] = [_text(word) for word in laid[name] or ()]
    for name in ("tier", "cluster_rank", "cluster_sources"):
        laid[name] = None if (value := laid[name]) is None else int(value)
    for name in ("sentiment", "confirm_minutes", "coordination"):
        laid[name] = None if (value := laid[name]) is None else float(value)
    return {name: _text(value) for name, value in laid.items()}


def _text(value: Any) -> Any:  # noqa: ANN401 - a column's value of any type
    return value.replace("\0", "�") if isinstance(value, str) else value


def _instant(value: Any) -> int | None:  # noqa: ANN401 - what a table gave
    if isinstance(value, dt.datetime):
        return (value - _EPOCH) // dt.timedelta(microseconds=1) * 1000
    return None if value is None else int(value)
