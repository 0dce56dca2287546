"""The tables of a run's folder: their columns, and a writer that keeps one part in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

_TS = pa.timestamp("ns", tz="UTC")
_MONEY = pa.decimal128(20, 6)
_TEXT, _REAL, _COUNT, _YES = pa.string(), pa.float64(), pa.int64(), pa.bool_()
_TEXTS, _REALS = pa.list_(_TEXT), pa.list_(_REAL)
_ID_DIGITS = 16

SCHEMAS: dict[str, pa.Schema] = {
    "decisions": pa.schema(
        [
            ("decided_at", _TS),
            ("seq", _COUNT),
            ("digest", _TEXT),
            ("n_candidates", _COUNT),
            ("n_signals", _COUNT),
            ("n_intents", _COUNT),
            ("n_refused", _COUNT),
        ]
    ),
    "candidates": pa.schema(
        [
            ("decided_at", _TS),
            ("symbol", _TEXT),
            ("stage", pa.int8()),
            ("passed", _YES),
            ("reason", _TEXT),
            ("value", _REAL),
            ("threshold", _REAL),
            ("catalyst_score", _REAL),
            ("direction", _REAL),
            ("price", _REAL),
            ("volume", _REAL),
            ("change_frac", _REAL),
            ("rvol", _REAL),
        ]
    ),
    "patterns": pa.schema(
        [
            ("pattern_id", _TEXT),
            ("decided_at", _TS),
            ("symbol", _TEXT),
            ("timeframe", _TEXT),
            ("bar_ts", _TS),
            ("pattern", _TEXT),
            ("value", _COUNT),
            ("confidence", _REAL),
            ("aligned", _COUNT),
            ("entry", _REAL),
            ("stop", _REAL),
            ("target", _REAL),
        ]
    ),
    "signals": pa.schema(
        [
            ("signal_id", _TEXT),
            ("symbol", _TEXT),
            ("decided_at", _TS),
            ("side", _TEXT),
            ("confidence", _REAL),
            ("catalyst_score", _REAL),
            ("direction", _REAL),
            ("pattern_score", _REAL),
            ("technical_score", _REAL),
            ("volume_score", _REAL),
            ("entry", _REAL),
            ("stop", _REAL),
            ("target_1", _REAL),
            ("target_2", _REAL),
            ("risk_reward", _REAL),
            ("position_size_frac", _REAL),
            ("catalyst_type", _TEXT),
            ("key_factors", _TEXTS),
            ("pattern_ids", _TEXTS),
            ("news_ids", _TEXTS),
            ("outcome", _TEXT),
            ("rule", _TEXT),
            ("value", _REAL),
            ("threshold", _REAL),
            ("scores", _REALS),
        ]
    ),
    "orders": pa.schema(
        [
            ("order_id", _TEXT),
            ("entry_id", _TEXT),
            ("signal_id", _TEXT),
            ("symbol", _TEXT),
            ("side", _TEXT),
            ("role", _TEXT),
            ("type", _TEXT),
            ("quantity", _COUNT),
            ("limit_price", _REAL),
            ("stop_price", _REAL),
            ("submitted_at", _TS),
            ("status", _TEXT),
            ("filled_quantity", _COUNT),
            ("parent_id", _TEXT),
            ("replaces_id", _TEXT),
            ("rule", _TEXT),
            ("value", _REAL),
            ("threshold", _REAL),
        ]
    ),
    "fills": pa.schema(
        [
            ("fill_id", _TEXT),
            ("order_id", _TEXT),
            ("entry_id", _TEXT),
            ("symbol", _TEXT),
            ("side", _TEXT),
            ("role", _TEXT),
            ("quantity", _COUNT),
            ("price", _REAL),
            ("fee", _MONEY),
            ("filled_at", _TS),
            ("decided_seq", _COUNT),
            ("slippage", _MONEY),
        ]
    ),
    "trades": pa.schema(
        [
            ("trade_id", _TEXT),
            ("signal_id", _TEXT),
            ("symbol", _TEXT),
            ("side", _TEXT),
            ("quantity", _COUNT),
            ("entry_ts", _TS),
            ("entry_price", _REAL),
            ("exit_ts", _TS),
            ("exit_price", _REAL),
            ("exit_reason", _TEXT),
            ("fees", _MONEY),
            ("pnl", _MONEY),
            ("decided_at", _TS),
            ("news_ids", _TEXTS),
            ("catalyst_score", _REAL),
            ("confidence", _REAL),
        ]
    ),
    "equity": pa.schema(
        [
            ("ts", _TS),
            ("cash", _MONEY),
            ("positions_value", _MONEY),
            ("equity", _MONEY),
            ("n_positions", _COUNT),
            ("seq", _COUNT),
            ("market", _REAL),
        ]
    ),
    "marks": pa.schema(
        [("ts", _TS), ("symbol", _TEXT), ("quantity", _COUNT), ("price", _REAL), ("seq", _COUNT)]
    ),
    "adjustments": pa.schema(
        [
            ("ts", _TS),
            ("entry_id", _TEXT),
            ("symbol", _TEXT),
            ("kind", _TEXT),
            ("value", _REAL),
            ("quantity_before", _COUNT),
            ("quantity_after", _COUNT),
            ("cash", _MONEY),
            ("seq", _COUNT),
        ]
    ),
    "benchmarks": pa.schema(
        [("ts", _TS), ("strategy", _REAL), ("buy_and_hold", _REAL), ("equal_weight", _REAL)]
    ),
}
"""Columns of each table; every run writes all of them, empty ones too."""

_POLARS: dict[pa.DataType, Any] = {_TEXT: pl.String, _REAL: pl.Float64, _COUNT: pl.Int64}
_PART_ROWS = 100_000
# Rows wait as Python tuples, at ten times their size in columns.
_SETTLED_ROWS = 4_096


class TableWriter:
    """Write the tables of a run, part by part.

    Parameters
    ----------
    folder
        An empty folder; ``<table>.parquet`` appears in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._parts: dict[str, list[pa.Table]] = {name: [] for name in SCHEMAS}
        self._rows: dict[str, list[Sequence[Any]]] = {name: [] for name in SCHEMAS}
        self._pending: dict[str, int] = dict.fromkeys(SCHEMAS, 0)
        # Compression runs beside the replay; one thread keeps the order, so the bytes are the same.
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._written: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is pending and close every file."""
        for name in SCHEMAS:
            if kind is None:
                self._flush(name)
                self._written.append(self._thread.submit(self._write, name, []))
        self._thread.shutdown(wait=True, cancel_futures=kind is not None)
        for writer in self._writers.values():
            writer.close()
        if kind is None:
            for future in self._written:
                future.result()

    def row(self, table: str, values: Sequence[Any]) -> None:
        """Add one row in the order of the columns; instants in ns, money in micro-dollars."""
        rows = self._rows[table]
        rows.append(values)
        if len(rows) >= _SETTLED_ROWS:
            self._settle(table)
        self._added(table, 1)

    def columns(self, table: str, values: Mapping[str, Any]) -> None:
        """Add rows given as arrays or lists by column."""
        schema = SCHEMAS[table]
        arrays = [_array(values[f.name], f) for f in schema]
        self._settle(table)
        self._parts[table].append(pa.table(arrays, schema=schema))
        self._added(table, len(arrays[0]))

    def _added(self, table: str, n: int) -> None:
        self._pending[table] += n
        if self._pending[table] >= _PART_ROWS:
            self._flush(table)

    def _settle(self, table: str) -> None:
        rows = self._rows[table]
        if rows:
            schema = SCHEMAS[table]
            columns = zip(*rows, strict=True)
            arrays = [_array(list(c), f) for c, f in zip(columns, schema, strict=True)]
            self._parts[table].append(pa.table(arrays, schema=schema))
            self._rows[table] = []

    def _flush(self, table: str) -> None:
        self._settle(table)
        if self._parts[table]:
            self._written.append(self._thread.submit(self._write, table, self._parts[table]))
        self._written = [future for future in self._written if not future.done() or future.result()]
        self._parts[table] = []
        self._pending[table] = 0

    def _write(self, table: str, parts: list[pa.Table]) -> None:
        if table not in self._writers:
            path = self._folder / f"{table}.parquet"
            self._writers[table] = pq.ParquetWriter(path, SCHEMAS[table], compression="zstd")
        if parts:
            self._writers[table].write_table(pa.concat_tables(parts))


def _array(values: Any, column: pa.Field) -> pa.Array:  # noqa: ANN401 - a column's values in any form
    # pyarrow's own conversion of lists imports pandas, which costs a second; polars' doesn't.
    if column.name == "news_ids":
        return _ids(values)
    if column.type == _TEXTS:
        return _texts(values)
    if column.type == _REALS:
        return _numbers(values)
    if column.type == _MONEY:
        return _money(values)
    if column.type == _TS:
        return pl.Series(values, dtype=pl.Int64).to_arrow().cast(_TS)
    if isinstance(values, pl.Series):
        return values.to_arrow().cast(column.type)
    return pl.Series(values, dtype=_POLARS.get(column.type)).to_arrow().cast(column.type)


def _money(micro: Sequence[int]) -> pa.Array:
    whole = np.asarray(micro, np.int64)
    words = np.empty((len(whole), 2), np.int64)
    words[:, 0], words[:, 1] = whole, whole >> 63
    return pa.Array.from_buffers(_MONEY, len(whole), [None, pa.py_buffer(words.tobytes())])


def _texts(rows: Sequence[Sequence[str]]) -> pa.Array:
    flat = pl.Series([text for row in rows for text in row], dtype=pl.String)
    return _listed(rows, flat.to_arrow().cast(_TEXT))


def _numbers(rows: Sequence[Sequence[float]]) -> pa.Array:
    flat = np.fromiter((x for row in rows for x in row), np.float64)
    return _listed(
        rows, pa.Array.from_buffers(_REAL, len(flat), [None, pa.py_buffer(flat)]), _REALS
    )


def _ids(rows: Sequence[Sequence[int]]) -> pa.Array:
    # Lists of 64-bit ids become lists of 16 hexadecimal digits without a Python string for each.
    flat = np.fromiter((i for row in rows for i in row), np.uint64)
    digits = flat.astype(">u8").tobytes().hex().encode()
    starts = np.arange(len(flat) + 1, dtype=np.int32) * _ID_DIGITS
    return _listed(
        rows,
        pa.StringArray.from_buffers(
            len(flat), pa.py_buffer(starts.tobytes()), pa.py_buffer(digits)
        ),
    )


def _listed(
    rows: Sequence[Sequence[object]], flat: pa.Array, kind: pa.DataType = _TEXTS
) -> pa.Array:
    ends = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row) for row in rows], out=ends[1:])
    return pa.ListArray.from_buffers(
        kind, len(rows), [None, pa.py_buffer(ends.tobytes())], children=[flat]
    )
