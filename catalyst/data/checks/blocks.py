"""Bars read block by block: a session at a time, or several small ones, in order of series."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.checks.bar_kernel import order_nb
from catalyst.data.lake_files import parts
from catalyst.data.ticks import PRICE_SCALE, PRICES, from_ticks

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from catalyst.data.lake import Lake

# A file this large is read as arrays of its own; smaller ones cost less in company.
_LARGE_BYTES = 400_000
_COMPANY_BYTES = 4_000_000
_COMPANY_SESSIONS = 1_000
_NAMES = ("symbol", "source", "adjustment")
_COLUMNS = (*_NAMES, "ts", *PRICES, "volume")


class Series(NamedTuple):
    """Name a series of bars."""

    symbol: str
    source: str
    adjustment: str


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
    import pyarrow.parquet as pq

    folder = lake.root / "bars" / f"timeframe={timeframe}" / f"date={day}"
    paths = parts(folder)
    if len(paths) != 1:
        return block_of_days(lake, timeframe, [day], symbols=symbols)
    # What the checks don't look at (when a bar was known) is a third of the bytes to decode.
    file = pq.ParquetFile(paths[0], read_dictionary=list(_NAMES), memory_map=True)
    table = file.read(columns=list(_COLUMNS), use_threads=False)
    scale = (table.schema.metadata or {}).get(PRICE_SCALE.encode())
    texts, codes = zip(*(_coded(table, name) for name in _NAMES), strict=True)
    code = codes[0]
    for number in (1, 2):
        if len(texts[number]) > 1:
            code = code * len(texts[number]) + codes[number]
    names = [Series(*one) for one in product(*texts)]
    values = tuple(
        from_ticks(column, scale=int(scale)) if scale is not None else column.astype(np.float64)
        for column in (_plain(table, name) for name in PRICES)
    )
    values = (*values, _plain(table, "volume").astype(np.float64, copy=False))
    session = np.full(len(code), calendar.sessions().index_of(day), np.int32)
    keep = None
    if symbols is not None:
        keep = np.isin(codes[0], [n for n, name in enumerate(texts[0]) if name in symbols])
    ts_ns = _plain(table, "ts").view(np.int64)
    return _block(names, session, code.astype(np.int32, copy=False), ts_ns, values, keep)


def _plain(table: pa.Table, name: str) -> NDArray[Any]:
    import polars as pl

    # pyarrow's own conversion imports pandas, which costs a second.
    found: NDArray[Any] = pl.Series(pl.from_arrow(table.column(name))).to_numpy()
    return found


def _coded(table: pa.Table, name: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    import polars as pl

    column = table.column(name).unify_dictionaries().combine_chunks()
    chunk = column.chunk(0) if hasattr(column, "chunk") else column
    texts = pl.Series(pl.from_arrow(chunk.dictionary)).to_list()
    codes = pl.Series(pl.from_arrow(chunk.indices)).to_numpy().astype(np.int32)
    order = sorted(texts)
    if order != texts:
        codes = np.array([order.index(text) for text in texts], np.int32)[codes]
    return tuple(order), codes


def _of_frame(frame: pl.DataFrame, symbols: frozenset[str] | None) -> Block:
    import polars as pl

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
    in_order, repeated = order_nb(session, series, ts_ns)
    if not in_order:
        # Rows come by symbol, time and knowledge; stable, so that versions stay in order.
        order = np.lexsort((ts_ns, series, session))
        session, series, ts_ns = session[order], series[order], ts_ns[order]
        values = tuple(column[order] for column in values)
        _, repeated = order_nb(session, series, ts_ns)
    repeats: list[tuple[int, int]] = []
    if repeated:
        # Of versions of one bar the latest is judged.
        again = (np.diff(ts_ns) == 0) & (np.diff(series) == 0)
        rows = np.flatnonzero(again)
        same = np.all([column[rows] == column[rows + 1] for column in values], axis=0)
        repeats = [(int(series[row]), int(session[row])) for row in rows[same]]
        last = np.append(~again, True)
        session, series, ts_ns = session[last], series[last], ts_ns[last]
        values = tuple(column[last] for column in values)
    opened, high, low, close, volume = values
    return Block(names, session, series, ts_ns, opened, high, low, close, volume, repeats)
