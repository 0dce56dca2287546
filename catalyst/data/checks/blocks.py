"""Bars read block by block: a session at a time, or several small ones, in order of series."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.bar_rules import ADJUSTMENTS
from catalyst.data.partition import parts

if TYPE_CHECKING:
    import polars as pl

    from catalyst.data.checks.panel import Series
    from catalyst.data.lake import Lake

# A file this large is read as arrays of its own; smaller ones cost less in company.
_LARGE_BYTES = 400_000
_COMPANY_BYTES = 4_000_000
_COMPANY_SESSIONS = 1_000


class Block(NamedTuple):
    """Hold bars by session, series and time, the latest version of each.

    Attributes
    ----------
    names : list of Series
        What `series` counts.
    session, series : int32[n]
        Position in the calendar, and in `names`.
    ts_ns : int64[n]
        Start, ns UTC.
    open, high, low, close, volume : float64[n]
        US dollars and shares.
    repeats : list of (int, int)
        Series and session of each row left out because it only says the same again, later.
    """

    names: list[Series]
    session: NDArray[np.int32]
    series: NDArray[np.int32]
    ts_ns: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    repeats: list[tuple[int, int]]


def blocks(
    lake: Lake, timeframe: str, days: Sequence[dt.date], *, symbols: frozenset[str] | None = None
) -> Iterator[Callable[[], Block]]:
    """Yield what reads each block of the given sessions; calls may run side by side."""
    company: list[dt.date] = []
    size = 0
    for day in days:
        folder = lake.root / "bars" / f"timeframe={timeframe}" / f"date={day}"
        n_bytes = sum(_size(path) for path in parts(folder))
        if n_bytes >= _LARGE_BYTES:
            yield _session_reader(lake, timeframe, day, symbols)
            continue
        # Sessions between two of the company may be read on their own: order is restored later.
        company.append(day)
        size += n_bytes
        if size >= _COMPANY_BYTES or len(company) >= _COMPANY_SESSIONS:
            yield _company_reader(lake, timeframe, company, symbols)
            company, size = [], 0
    if company:
        yield _company_reader(lake, timeframe, company, symbols)


def block_of_days(
    lake: Lake, timeframe: str, days: Sequence[dt.date], *, symbols: frozenset[str] | None = None
) -> Block:
    """Read some sessions, which need not follow each other, as one block."""
    import polars as pl

    frames = [lake.bars(timeframe, start=day, end=day) for day in sorted(set(days))]
    return _of_frame(pl.concat(frames) if frames else _no_bars(lake, timeframe), symbols)


def _no_bars(lake: Lake, timeframe: str) -> pl.DataFrame:
    return lake.bars(timeframe, start=calendar.LAST, end=calendar.LAST)


def _size(path: str) -> int:
    from pathlib import Path

    return Path(path).stat().st_size


def _session_reader(
    lake: Lake, timeframe: str, day: dt.date, symbols: frozenset[str] | None
) -> Callable[[], Block]:
    return lambda: _of_session(lake, timeframe, day, symbols)


def _company_reader(
    lake: Lake, timeframe: str, days: Sequence[dt.date], symbols: frozenset[str] | None
) -> Callable[[], Block]:
    kept = set(days)

    def read() -> Block:
        import polars as pl

        frame = lake.bars(timeframe, start=days[0], end=days[-1])
        every = calendar.sessions()
        number = every.containing(frame["ts"].dt.timestamp("ns").to_numpy())
        wanted = [every.index_of(day) for day in kept]
        return _of_frame(frame.filter(pl.Series(np.isin(number, wanted))), symbols)

    return read


def _of_session(lake: Lake, timeframe: str, day: dt.date, symbols: frozenset[str] | None) -> Block:
    from catalyst.data.checks.panel import Series

    rows = lake.read_session(timeframe, day)
    n_sources = max(len(rows.sources), 1)
    code = (rows.symbol * n_sources + rows.source_rank) * len(ADJUSTMENTS) + rows.adjusted
    names = [
        Series(symbol, source, adjustment)
        for symbol in rows.symbols
        for source in rows.sources or ("",)
        for adjustment in ADJUSTMENTS
    ]
    session = np.full(len(rows), calendar.sessions().index_of(day), np.int32)
    values = (rows.open, rows.high, rows.low, rows.close, rows.volume)
    keep = None
    if symbols is not None:
        keep = np.isin(rows.symbol, [n for n, name in enumerate(rows.symbols) if name in symbols])
    return _block(names, session, code.astype(np.int32), rows.ts_ns, values, keep)


def _of_frame(frame: pl.DataFrame, symbols: frozenset[str] | None) -> Block:
    import polars as pl

    from catalyst.data.checks.panel import Series

    if symbols is not None:
        frame = frame.filter(pl.col("symbol").is_in(sorted(symbols)))
    keys = ["symbol", "source", "adjustment"]
    named = frame.select(keys).unique().sort(keys).with_row_index("code")
    code = frame.select(keys).join(named, on=keys, how="left", maintain_order="left")["code"]
    ts_ns = frame["ts"].dt.timestamp("ns").to_numpy()
    values = tuple(frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    names = [Series(*row) for row in named.select(keys).iter_rows()]
    session = calendar.sessions().containing(ts_ns)
    return _block(names, session, code.cast(pl.Int32).to_numpy(), ts_ns, values, None)


def _block(
    names: list[Series],
    session: NDArray[np.int32],
    series: NDArray[np.int32],
    ts_ns: NDArray[np.int64],
    values: tuple[NDArray[np.float64], ...],
    keep: NDArray[np.bool_] | None,
) -> Block:
    if keep is not None:
        session, series, ts_ns = session[keep], series[keep], ts_ns[keep]
        values = tuple(column[keep] for column in values)
    key = session.astype(np.int64) * (len(names) + 1) + series
    if not np.all(key[1:] >= key[:-1]):
        # Rows come by symbol, time and knowledge; stable, so that versions stay in order.
        order = np.lexsort((ts_ns, key))
        session, series, ts_ns = session[order], series[order], ts_ns[order]
        values = tuple(column[order] for column in values)
    again = (np.diff(ts_ns) == 0) & (np.diff(series) == 0)
    repeats: list[tuple[int, int]] = []
    if again.any():
        # Of versions of one bar the latest is judged.
        rows = np.flatnonzero(again)
        same = np.all([column[rows] == column[rows + 1] for column in values], axis=0)
        repeats = [(int(series[row]), int(session[row])) for row in rows[same]]
        last = np.append(~again, True)
        session, series, ts_ns = session[last], series[last], ts_ns[last]
        values = tuple(column[last] for column in values)
    opened, high, low, close, volume = values
    return Block(names, session, series, ts_ns, opened, high, low, close, volume, repeats)
