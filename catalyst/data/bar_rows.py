"""One session's bars as arrays: the fast path of replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalyst.data.bar_rules import ADJUSTMENTS
from catalyst.data.ticks import PRICE_SCALE, from_ticks
from catalyst.errors import LakeError

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS = ("symbol", "source", "adjustment")


@dataclass(frozen=True, slots=True, eq=False)
class BarRows:
    """Hold the bars of one session and timeframe, rows ascending by symbol, ts_ns, known_ns.

    Several rows may share (symbol, ts_ns): other sources, other adjustments, later corrections.

    Attributes
    ----------
    symbols : tuple of str
        The symbols that have a row, ascending.
    sources : tuple of str
        The sources that have a row, ascending.
    symbol : int32[n]
        Position in `symbols`.
    ts_ns : int64[n]
        Start of the bar, ns UTC; a daily bar's is its session's open.
    open, high, low, close : float64[n]
        US dollars, never NaN.
    volume : float64[n]
        Shares, never NaN, may be 0.
    known_ns : int64[n]
        When the bar could be known, ns UTC.
    known_is_assumed : bool[n]
        Whether `known_ns` is the bar's end for want of a collection time.
    adjusted : int8[n]
        0 raw, 1 split, 2 all (splits and dividends).
    source_rank : int32[n]
        Position in `sources`.
    """

    symbols: tuple[str, ...]
    sources: tuple[str, ...]
    symbol: NDArray[np.int32]
    ts_ns: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    known_ns: NDArray[np.int64]
    known_is_assumed: NDArray[np.bool_]
    adjusted: NDArray[np.int8]
    source_rank: NDArray[np.int32]

    def __len__(self) -> int:
        """Give the number of rows."""
        return len(self.ts_ns)


def read_bar_rows(paths: Sequence[str]) -> BarRows:
    """Read the Parquet files of one partition; without files, no rows.

    Raises
    ------
    LakeError
        If a file lacks a column or is no Parquet file.
    """
    import pyarrow as pa

    try:
        rows = _joined([_read(path) for path in paths])
    except (pa.ArrowException, KeyError, OSError) as error:
        raise LakeError(
            f"the bars in {paths[0]} can't be read ({error}); remove the file and import again"
        ) from None
    return rows if _in_order(rows) else _ordered(rows)


def _read(path: str) -> BarRows:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path, read_dictionary=list(_TEXTS), memory_map=True)
    table = file.read(use_threads=False)
    scale = (table.schema.metadata or {}).get(PRICE_SCALE.encode())

    def price(name: str) -> NDArray[np.float64]:
        stored = _array(table, name)
        return from_ticks(stored, scale=int(scale)) if scale is not None else stored.astype(float)

    symbols, symbol = _codes(table, "symbol")
    sources, source = _codes(table, "source")
    adjustments, adjustment = _codes(table, "adjustment")
    rank = np.array([ADJUSTMENTS.index(name) for name in adjustments], np.int8)
    return BarRows(
        symbols=symbols,
        sources=sources,
        symbol=symbol,
        ts_ns=_array(table, "ts").view(np.int64),
        open=price("open"),
        high=price("high"),
        low=price("low"),
        close=price("close"),
        volume=_array(table, "volume").astype(np.float64, copy=False),
        known_ns=_array(table, "known_at").view(np.int64),
        known_is_assumed=_array(table, "known_is_assumed"),
        adjusted=rank[adjustment] if len(rank) else adjustment.astype(np.int8),
        source_rank=source,
    )


def _array(table: pa.Table, name: str) -> NDArray[Any]:
    return _numpy(table.column(name))


def _numpy(values: Any) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array, chunked or not
    # pyarrow's own conversion imports pandas, which costs a second; polars' doesn't.
    import polars as pl

    found: NDArray[Any] = pl.Series(pl.from_arrow(values)).to_numpy()
    return found


def _codes(table: pa.Table, name: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    import polars as pl

    column = table.column(name)
    if column.num_chunks != 1:
        column = column.unify_dictionaries().combine_chunks()
    chunk = column.chunk(0) if hasattr(column, "chunk") else column
    texts = pl.Series(pl.from_arrow(chunk.dictionary)).to_list()
    return _ascending(texts, _numpy(chunk.indices).astype(np.int32))


def _ascending(
    texts: Sequence[str], codes: NDArray[np.int32]
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    if all(left < right for left, right in pairwise(texts)):
        return tuple(texts), codes
    order = tuple(sorted(set(texts)))
    place = {text: number for number, text in enumerate(order)}
    return order, np.array([place[text] for text in texts], np.int32)[codes]


def _joined(rows: Sequence[BarRows]) -> BarRows:
    if len(rows) == 1:
        return rows[0]
    symbols, symbol = _ascending(
        [name for one in rows for name in one.symbols], _shifted(rows, "symbols", "symbol")
    )
    sources, source = _ascending(
        [name for one in rows for name in one.sources], _shifted(rows, "sources", "source_rank")
    )

    def column(name: str, dtype: type) -> NDArray[Any]:
        return np.concatenate([np.empty(0, dtype), *(getattr(one, name) for one in rows)])

    return BarRows(
        symbols=symbols,
        sources=sources,
        symbol=symbol,
        ts_ns=column("ts_ns", np.int64),
        open=column("open", np.float64),
        high=column("high", np.float64),
        low=column("low", np.float64),
        close=column("close", np.float64),
        volume=column("volume", np.float64),
        known_ns=column("known_ns", np.int64),
        known_is_assumed=column("known_is_assumed", np.bool_),
        adjusted=column("adjusted", np.int8),
        source_rank=source,
    )


def _shifted(rows: Sequence[BarRows], texts: str, codes: str) -> NDArray[np.int32]:
    lengths = np.cumsum([0, *(len(getattr(one, texts)) for one in rows)])
    shifted = [
        getattr(one, codes).astype(np.int32) + int(start)
        for one, start in zip(rows, lengths, strict=False)
    ]
    return np.concatenate([np.empty(0, np.int32), *shifted])


def _in_order(rows: BarRows) -> bool:
    symbol, ts, known = rows.symbol, rows.ts_ns, rows.known_ns
    later_known = known[1:] >= known[:-1]
    later_ts = (ts[1:] > ts[:-1]) | ((ts[1:] == ts[:-1]) & later_known)
    later = (symbol[1:] > symbol[:-1]) | ((symbol[1:] == symbol[:-1]) & later_ts)
    return bool(later.all())


def _ordered(rows: BarRows) -> BarRows:
    order = np.lexsort((rows.adjusted, rows.source_rank, rows.known_ns, rows.ts_ns, rows.symbol))
    arrays = {
        name: getattr(rows, name)[order]
        for name in BarRows.__slots__
        if name not in {"symbols", "sources"}
    }
    return BarRows(symbols=rows.symbols, sources=rows.sources, **arrays)
