"""Bars of a session as they stood at an instant, with another future behind it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from catalyst.data.bar_rows import BarRows
from catalyst.data.bar_rules import ADJUSTMENTS
from catalyst.data.bar_store import STORED
from catalyst.data.calendar import sessions
from catalyst.data.timeframes import DAILY, LENGTH_NS
from catalyst.strategy.values import Flags, Floats, Ints

PRICES = ("open", "high", "low", "close")
_VALUES = (*PRICES, "volume")
_ROWS = (
    "symbol", "ts_ns", *_VALUES, "known_ns", "known_is_assumed", "adjusted", "source_rank",
)  # fmt: skip
_INSTANT = pl.Datetime("ns", "UTC")
_CORRECTED, _FILLED = 0.15, 0.3
"""Share of the known bars that a later correction is planted for, and of the holes filled later."""


@dataclass(frozen=True, eq=False)
class SessionRows:
    """Hold one session's bars, when each is known, and what it could have been instead.

    Attributes
    ----------
    rows
        As the lake has them.
    known_ns : int64[n]
        When a strategy may see each: its end, if it had arrived by then and the grace, else its
        arrival; never before its end.
    other
        Prices and volume by name, float64[n] each, random and unlike the row's own.
    """

    rows: BarRows
    known_ns: Ints
    other: dict[str, Floats]
    corrected: Flags
    filled: Flags
    length_ns: int


def session_rows(
    rows: BarRows, timeframe: str, day: dt.date, *, grace_ns: int, seed: int
) -> SessionRows:
    """Work out when a session's bars are known, and what else they could be.

    Parameters
    ----------
    rows
        Bars of one partition.
    timeframe, day
        The partition's.
    grace_ns
        The first version of a bar that arrives this soon after its end counts as known at its end.
    seed
        Of the random values, which depend on it, the timeframe and the day alone.
    """
    known = effective_ns(
        rows.known_ns, ends_ns(rows.ts_ns, timeframe, day), _first(rows), grace_ns=grace_ns
    )
    rng = np.random.default_rng([seed, len(timeframe), ord(timeframe[0]), day.toordinal()])
    n = len(rows)
    opened, closed = (
        np.maximum(np.round(getattr(rows, name) * rng.uniform(0.5, 2.0, n), 4), 1e-4)
        for name in ("open", "close")
    )
    high = np.round(np.maximum(opened, closed) * rng.uniform(1.0, 1.3, n), 4)
    low = np.maximum(np.round(np.minimum(opened, closed) * rng.uniform(0.7, 1.0, n), 4), 1e-4)
    volume = np.ceil(rows.volume * rng.uniform(0.1, 8.0, n)) + rng.integers(1, 5_000, n)
    other = {"open": opened, "high": high, "low": low, "close": closed, "volume": volume}
    chance = rng.random((2, n))
    length = LENGTH_NS.get(timeframe, 0)
    return SessionRows(
        rows, known, other, chance[0] < _CORRECTED, chance[1] < _FILLED, length_ns=length
    )


def ends_ns(ts_ns: Ints, timeframe: str, day: dt.date) -> Ints:
    """Return when bars of a session end: int64[n]; daily ones at its close."""
    if timeframe != DAILY or not len(ts_ns):
        return ts_ns + LENGTH_NS.get(timeframe, 0)
    return np.full(len(ts_ns), _close_ns(day))


def effective_ns(known_ns: Ints, ends: Ints, first: Flags, *, grace_ns: int) -> Ints:
    """Return when bars count as known, by the specification's section 1: int64[n].

    Parameters
    ----------
    known_ns, ends : int64[n]
        When each arrived, and when it ended.
    first : bool[n]
        Whether it is the first version of its bar.
    """
    in_time = first & (known_ns <= ends + grace_ns)
    return np.where(in_time, ends, np.maximum(known_ns, ends))


def cut_rows(one: SessionRows, at_ns: int) -> BarRows:
    """Return the rows known at an instant, and no others."""
    if not len(one.rows) or int(one.known_ns.max()) <= at_ns:
        return one.rows
    return _taken(one.rows, np.flatnonzero(one.known_ns <= at_ns))


def other_rows(one: SessionRows, at_ns: int, *, late_ns: int, plant: bool) -> BarRows:
    """Return the rows with all that is known later changed, and late-known bars about the past.

    Parameters
    ----------
    at_ns
        The instant.
    late_ns
        When the planted bars are known: after the instant and any grace.
    plant
        Whether to plant: another version of known bars, always of each symbol's last, and bars
        where there is a hole.
    """
    rows, known = one.rows, one.known_ns <= at_ns
    if not len(rows):
        return rows
    values = {
        name: getattr(rows, name) if known.all() else np.where(known, getattr(rows, name), change)
        for name, change in one.other.items()
    }
    columns: dict[str, NDArray[Any]] = {name: getattr(rows, name) for name in _ROWS} | values
    parents, ts = _planted(one, known, at_ns) if plant else (np.empty(0, np.int64),) * 2
    if not len(parents):
        return BarRows(symbols=rows.symbols, sources=rows.sources, **columns)
    n, k = len(rows), len(parents)
    place = np.insert(np.arange(n), parents + 1, n + np.arange(k))
    new = {name: columns[name][parents] for name in _ROWS}
    new |= {name: change[parents] for name, change in one.other.items()}
    new["ts_ns"], new["known_ns"] = ts, np.full(k, late_ns)
    whole = {name: np.concatenate([columns[name], new[name]])[place] for name in _ROWS}
    made = BarRows(symbols=rows.symbols, sources=rows.sources, **whole)
    return made if _in_order(made) else _taken(made, _order(made))


def _planted(one: SessionRows, known: Flags, at_ns: int) -> tuple[Ints, Ints]:
    rows = one.rows
    at = np.flatnonzero(known)
    if not len(at):
        return at, at
    symbol, ts = rows.symbol[at], rows.ts_ns[at]
    last = np.ones(len(at), np.bool_)
    last[:-1] = symbol[1:] != symbol[:-1]
    corrected = at[last | one.corrected[at]]
    if not one.length_ns:
        return corrected, rows.ts_ns[corrected]
    until = np.append(ts[1:], at_ns)
    until[last] = at_ns
    holes = one.filled[at] & (until - ts >= 2 * one.length_ns)
    filled = at[holes]
    parents = np.concatenate([corrected, filled])
    stamps = np.concatenate([rows.ts_ns[corrected], rows.ts_ns[filled] + one.length_ns])
    order = np.argsort(parents, kind="stable")
    return parents[order], stamps[order]


def frame_of(rows: BarRows, timeframe: str) -> pl.DataFrame:
    """Lay out bars as `Lake.bars` gives them."""
    made = pl.DataFrame(
        {
            "symbol": _texts(rows.symbols, rows.symbol),
            "ts": pl.Series(rows.ts_ns).cast(_INSTANT),
            "timeframe": pl.repeat(timeframe, len(rows), dtype=pl.String, eager=True),
            **{name: getattr(rows, name) for name in _VALUES},
            "source": _texts(rows.sources, rows.source_rank),
            "adjustment": _texts(ADJUSTMENTS, rows.adjusted),
            "known_at": pl.Series(rows.known_ns).cast(_INSTANT),
            "known_is_assumed": rows.known_is_assumed,
        }
    )
    return made.select("symbol", "ts", "timeframe", *STORED[2:])


def rows_of(frame: pl.DataFrame) -> BarRows:
    """Lay out bars of `Lake.bars` as arrays, by symbol, ts and known_at."""
    ordered = frame.sort("symbol", "ts", "known_at", "source", "adjustment", maintain_order=True)
    symbols, symbol = _coded(ordered["symbol"])
    sources, source = _coded(ordered["source"])
    return BarRows(
        symbols=symbols,
        sources=sources,
        symbol=symbol,
        ts_ns=ordered["ts"].dt.timestamp("ns").to_numpy(),
        **{name: ordered[name].to_numpy() for name in _VALUES},
        known_ns=ordered["known_at"].dt.timestamp("ns").to_numpy(),
        known_is_assumed=ordered["known_is_assumed"].to_numpy(),
        adjusted=ordered["adjustment"]
        .replace_strict({name: code for code, name in enumerate(ADJUSTMENTS)}, return_dtype=pl.Int8)
        .to_numpy(),
        source_rank=source,
    )


def no_rows() -> BarRows:
    """Return a partition without rows."""
    kinds: dict[str, type] = {"symbol": np.int32, "ts_ns": np.int64, "known_ns": np.int64}
    kinds |= {"known_is_assumed": np.bool_, "adjusted": np.int8, "source_rank": np.int32}
    columns: dict[str, NDArray[Any]] = {
        name: np.empty(0, kinds.get(name, np.float64)) for name in _ROWS
    }
    return BarRows(symbols=(), sources=(), **columns)


def _coded(texts: pl.Series) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    names = texts.unique().sort()
    codes = {name: place for place, name in enumerate(names.to_list())}
    return tuple(codes), texts.replace_strict(codes, return_dtype=pl.Int32).to_numpy()


def _texts(names: tuple[str, ...], codes: NDArray[np.generic]) -> pl.Series:
    return pl.Series(list(names), dtype=pl.String).gather(codes.astype(np.int64))


def _first(rows: BarRows) -> Flags:
    first = np.ones(len(rows), np.bool_)
    again = (rows.symbol[1:] == rows.symbol[:-1]) & (rows.ts_ns[1:] == rows.ts_ns[:-1])
    if not again.any():
        return first
    order = np.lexsort((rows.known_ns, rows.adjusted, rows.source_rank, rows.ts_ns, rows.symbol))
    same = np.ones(len(rows) - 1, np.bool_)
    for name in ("symbol", "ts_ns", "source_rank", "adjusted"):
        column = getattr(rows, name)[order]
        same &= column[1:] == column[:-1]
    first[order[1:][same]] = False
    return first


def _in_order(rows: BarRows) -> bool:
    symbol, ts, known = rows.symbol, rows.ts_ns, rows.known_ns
    same = symbol[1:] == symbol[:-1]
    later = (ts[1:] > ts[:-1]) | ((ts[1:] == ts[:-1]) & (known[1:] >= known[:-1]))
    return bool(((symbol[1:] > symbol[:-1]) | (same & later)).all())


def _order(rows: BarRows) -> Ints:
    return np.lexsort((rows.adjusted, rows.source_rank, rows.known_ns, rows.ts_ns, rows.symbol))


def _taken(rows: BarRows, at: Ints) -> BarRows:
    return BarRows(
        symbols=rows.symbols,
        sources=rows.sources,
        **{name: getattr(rows, name)[at] for name in _ROWS},
    )


@cache
def _close_ns(day: dt.date) -> int:
    table = sessions(day, day)
    return int(table.close_ns[0]) if len(table) else 0
