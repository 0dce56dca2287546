"""Rows for tests of the lake: bars and news that are easy to read."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import polars as pl

from catalyst.data.calendar import NEW_YORK

INSTANT = pl.Datetime("ns", "UTC")
DAY = dt.date(2014, 6, 9)


def at(text: str) -> dt.datetime:
    """Read a New York wall clock time."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(dt.UTC)


def bar(
    ts: str = "2014-06-09T09:30",
    symbol: str = "AAPL",
    *,
    close: float = 10.0,
    volume: float = 100.0,
    **more: object,
) -> dict[str, object]:
    """Give one sound bar around `close`."""
    prices = {"open": close, "high": close + 0.5, "low": close - 0.5, "close": close}
    return {"symbol": symbol, "ts": at(ts), **prices, "volume": volume, **more}


def bars(*rows: dict[str, object]) -> pl.DataFrame:
    """Make a frame of rows, instants as instants."""
    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    times = [name for name in ("ts", "known_at") if name in frame.columns]
    return frame.with_columns(pl.col(times).cast(INSTANT))


def article(
    headline: str, ts: str = "2014-06-09T10:00", symbol: str | None = "AAPL", **more: object
) -> dict[str, object]:
    """Give one report."""
    return {"headline": headline, "published_at": at(ts), "symbol": symbol, "source": "X", **more}


def news(*rows: dict[str, object]) -> pl.DataFrame:
    """Make a frame of reports."""
    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    times = [name for name in ("published_at", "collected_at") if name in frame.columns]
    return frame.with_columns(pl.col(times).cast(INSTANT))


def fingerprint(root: Path, *, quarantine: bool = False) -> dict[str, str]:
    """Hash every stored file by its path in the lake."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.suffix == ".parquet"
        and (quarantine or "quarantine" not in path.parts)
    }
