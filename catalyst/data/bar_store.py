"""Bars on disk: one Parquet file a session, read back whole, prices as US dollars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalyst.data import calendar
from catalyst.data.lake_files import dated_folders, parts
from catalyst.data.ticks import PRICE_SCALE, PRICES, from_ticks

if TYPE_CHECKING:
    import polars as pl

FOLDER = "bars"
#: Columns of a bars file, in order; `timeframe` and the session date are in its path.
STORED = (
    "symbol", "ts", *PRICES, "volume", "source", "adjustment", "known_at", "known_is_assumed",
)  # fmt: skip


def read_bars(
    root: Path,
    timeframe: str,
    *,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> pl.DataFrame:
    """Read bars of whole sessions as float64 US dollars.

    Returns
    -------
    DataFrame
        The columns of `STORED`, with `timeframe` after `ts`, in the order of session, symbol, ts,
        known_at, source, adjustment.
    """
    import polars as pl

    folder = root / FOLDER / f"timeframe={timeframe}"
    paths = [
        path
        for date, part in dated_folders(folder)
        if (first is None or date >= first) and (last is None or date <= last)
        for path in parts(part)
    ]
    return read_bar_files(paths).select(
        "symbol", "ts", pl.lit(timeframe).alias("timeframe"), pl.exclude("symbol", "ts")
    )


def days(root: Path, timeframe: str) -> list[dt.date]:
    """List the sessions of which the lake holds bars of a timeframe, ascending."""
    return [date for date, _ in dated_folders(root / FOLDER / f"timeframe={timeframe}")]


def symbols(root: Path, timeframe: str) -> list[str]:
    """List the symbols of which the lake holds bars of a timeframe, ascending."""
    import polars as pl

    folder = root / FOLDER / f"timeframe={timeframe}"
    paths = [path for _, part in dated_folders(folder) for path in parts(part)]
    if not paths:
        return []
    found = pl.scan_parquet(paths, hive_partitioning=False, glob=False).select(
        pl.col("symbol").unique()
    )
    return found.collect().to_series().sort().to_list()


def read_bar_files(paths: Sequence[str]) -> pl.DataFrame:
    """Read bars files, columns `STORED`, prices as float64 US dollars, by session."""
    import polars as pl

    # Files of one scale are read in one go; a file each costs four times as much.
    by_scale: dict[int | None, list[str]] = {}
    for path in paths:
        written = pl.read_parquet_metadata(path).get(PRICE_SCALE)
        by_scale.setdefault(None if written is None else int(written), []).append(path)
    frames = [_empty()]
    for scale, group in by_scale.items():
        frame = pl.read_parquet(group, columns=list(STORED), hive_partitioning=False, glob=False)
        if scale is not None:
            frame = frame.with_columns(
                pl.Series(name, from_ticks(frame[name].to_numpy(), scale=scale)) for name in PRICES
            )
        frames.append(frame.select(pl.col(name).cast(kind) for name, kind in _schema().items()))
    whole = pl.concat(frames)
    if len(by_scale) < 2:
        return whole
    session = calendar.sessions().containing(whole["ts"].dt.timestamp("ns").to_numpy())
    return whole.with_columns(session=session).sort("session", maintain_order=True).drop("session")


def _empty() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(schema=_schema())


def _schema() -> dict[str, Any]:
    import polars as pl

    instant = pl.Datetime("ns", "UTC")
    schema: dict[str, Any] = dict.fromkeys(STORED, pl.Float64)
    schema |= {"symbol": pl.String, "ts": instant, "source": pl.String, "adjustment": pl.String}
    return schema | {"known_at": instant, "known_is_assumed": pl.Boolean}
