"""Bars on their way into the lake: put aside by session, then merged with what is stored there.

All of it is whole numbers and prices: names of symbols, sources and adjustments are codes until a
session is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar, timeframes
from catalyst.data.bar_store import FOLDER, STORED, read_bar_files
from catalyst.data.partition import PART, Transaction
from catalyst.data.spill import Spill, batches
from catalyst.data.ticks import PRICE_SCALE, PRICES, to_ticks

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

#: Rows that are merged at one time, unless a session alone has more: about 400 bytes each.
BATCH_ROWS = 1_500_000

# Two cores write two files at a time; more threads only queue.
_WRITERS = 2
_VALUES = (*PRICES, "volume")
_NAMED = ("symbol", "source", "adjustment")
# Stored rows come before given ones, so that what came first stays.
_STORED_ROW = -1
# A session has 960 minutes from 04:00 to 20:00, and every bar starts on one.
_MINUTES = 1024

_Rows = dict[str, NDArray[Any]]
# For each column of names: the names, ascending, and for each code its position among them.
_Ranked = dict[str, tuple[list[str], NDArray[np.int64]]]


class Names:
    """Names and their codes, in the order in which they were met."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def encoded(self, column: pl.Series) -> NDArray[np.int32]:
        """Give the codes of a column of names."""
        import polars as pl

        distinct = column.unique().sort()
        found = [self.codes.setdefault(name, len(self.codes)) for name in distinct.to_list()]
        if len(found) == 1:
            return np.full(len(column), found[0], np.int32)
        coded = column.replace_strict(distinct, pl.Series(found, dtype=pl.Int32))
        return coded.to_numpy()

    def ranked(self) -> tuple[list[str], NDArray[np.int64]]:
        """Give the names, ascending, and for each code its position among them."""
        names = sorted(self.codes)
        rank = np.zeros(max(len(names), 1), np.int64)
        rank[[self.codes[name] for name in names]] = np.arange(len(names))
        return names, rank


@dataclass(slots=True)
class WaitingBars:
    """Hold bars that passed the rules until all are read.

    Attributes
    ----------
    scratch : Path
        Folder for those that memory does not hold.
    spills : dict of int to Spill
        By position of the timeframe in `timeframes.NAMES`, rows by session.
    names : dict
        Codes of symbols, sources and adjustments.
    """

    scratch: Path
    spills: dict[int, Spill] = field(default_factory=dict)
    names: dict[str, Names] = field(default_factory=lambda: {name: Names() for name in _NAMED})

    def add(self, read: pl.DataFrame, *, first_row: int) -> None:
        """Add bars as `catalyst.data.bar_intake.read_bars` gives them.

        Parameters
        ----------
        read
            The bars; ``row`` counts from `first_row` in the whole import.
        first_row
            Number of the block's first row.
        """
        import polars as pl

        coded = [pl.Series(name, self.names[name].encoded(read[name])) for name in _NAMED]
        frame = read.with_columns(*coded, (pl.col("row") + first_row).alias("row"))
        code = read["timeframe"].to_numpy()
        for one in np.unique(code).tolist():
            spill = self.spills.setdefault(one, Spill(self.scratch, f"bars-{one}"))
            part = frame if (code == one).all() else frame.filter(pl.col("timeframe") == one)
            spill.add(part.drop("timeframe"), part["session"].to_numpy())


@dataclass(slots=True)
class BarCounts:
    """Count what became of the rows of an import."""

    imported: int = 0
    duplicates: int = 0


def merge_bars(
    change: Transaction,
    waiting: WaitingBars,
    *,
    fetched_at_ns: int | None = None,
    covered_until_ns: int | None = None,
    on_conflict: Callable[[NDArray[np.int64]], None],
    on_rows: Callable[[int], None] = lambda _: None,
) -> BarCounts:
    """Merge bars into the lake, a batch of sessions at a time.

    Parameters
    ----------
    change
        Receives the files.
    waiting
        Bars that passed the rules; of two rows with one key and other values the first stays.
    fetched_at_ns
        None: rows of a file. Else the bars come from a vendor's answer of this instant, and one
        that differs from the latest stored version becomes a new version, known from then.
    covered_until_ns
        Bars that ended by then had been fetched before: one that is new was not there, and is known
        from `fetched_at_ns` too.
    on_conflict
        Called with the numbers of rows that contradict another.
    on_rows
        Called with the number of rows done, for progress.
    """
    counts = BarCounts()
    # Files are independent of each other, so threads change their order on the clock and no byte.
    with ThreadPoolExecutor(_WRITERS) as pool:
        writing: list[Future[None]] = []
        for code, spill in sorted(waiting.spills.items()):
            folder = f"{FOLDER}/timeframe={timeframes.NAMES[code]}"
            for first, last in batches(_whole_sizes(change, folder, spill), BATCH_ROWS):
                given = _arrays(spill.read(first, last))
                rows = _with_stored(change, folder, given, waiting)
                if fetched_at_ns is None:
                    kept, duplicates, conflicts = _first_stays(rows, waiting)
                else:
                    kept, duplicates, conflicts = _revised(
                        rows, waiting, fetched_at_ns, covered_until_ns
                    )
                n_given = len(given["row"])
                counts.imported += n_given - duplicates - len(conflicts)
                counts.duplicates += duplicates
                if len(conflicts):
                    on_conflict(np.sort(conflicts))
                # One batch is written while the next is made ready, no more: each takes memory.
                _wait(writing)
                names = {name: waiting.names[name].ranked() for name in _NAMED}
                writing = [
                    pool.submit(_write_session, change, folder, session, names)
                    for session in _changed_sessions(kept)
                ]
                on_rows(n_given)
        _wait(writing)
    return counts


def _wait(writing: list[Future[None]]) -> None:
    for one in writing:
        one.result()


def _whole_sizes(change: Transaction, folder: str, spill: Spill) -> dict[int, int]:
    """Count the rows of each session, those that are stored included."""
    import pyarrow.parquet as pq

    every = calendar.sessions()
    stored = set(change.dates(folder))
    sizes = spill.sizes()
    for session in sizes:
        date = calendar.day_to_date(int(every.day[session]))
        if date in stored:
            paths = change.parts(f"{folder}/date={date}").values()
            sizes[session] += sum(pq.read_metadata(path).num_rows for path in paths)
    return sizes


def _arrays(frame: pl.DataFrame) -> _Rows:
    return {name: frame[name].to_numpy() for name in frame.columns}


def _with_stored(change: Transaction, folder: str, given: _Rows, waiting: WaitingBars) -> _Rows:
    import polars as pl

    every = calendar.sessions()
    days = every.day[np.unique(given["session"])].tolist()
    parts = [
        str(path)
        for day in days
        for path in change.parts(f"{folder}/date={calendar.day_to_date(day)}").values()
    ]
    if not parts:
        return given
    frame = read_bar_files(parts)
    ts_ns = frame["ts"].dt.timestamp("ns").to_numpy()
    stored: _Rows = {
        "row": np.full(frame.height, _STORED_ROW, np.int64),
        "session": every.containing(ts_ns),
        "ts_ns": ts_ns,
        "known_ns": frame["known_at"].dt.timestamp("ns").to_numpy(),
        "known_is_assumed": frame["known_is_assumed"].to_numpy(),
        **{name: frame[name].to_numpy() for name in _VALUES},
        **{name: waiting.names[name].encoded(frame[name].cast(pl.String)) for name in _NAMED},
    }
    return {name: np.concatenate([stored[name], given[name]]) for name in given}


def _keyed(rows: _Rows, waiting: WaitingBars) -> _Rows:
    """Give each row one number for session, symbol and time, and one for source and adjustment."""
    n = {name: len(waiting.names[name].codes) for name in _NAMED}
    rank: dict[str, NDArray[np.int64] | int] = {
        name: waiting.names[name].ranked()[1][rows[name]] if n[name] > 1 else 0 for name in _NAMED
    }
    session = rows["session"]
    pre_ns = calendar.sessions().pre_ns[session]
    minute = (rows["ts_ns"] - pre_ns) // calendar.MINUTE_NS
    bar = ((session - session.min()) * np.int64(n["symbol"]) + rank["symbol"]) * _MINUTES + minute
    origin = np.zeros(len(bar), np.int32)
    origin += np.asarray(rank["source"] * n["adjustment"] + rank["adjustment"], np.int32)
    return {"bar": bar, "origin": origin}


def _first_stays(rows: _Rows, waiting: WaitingBars) -> tuple[_Rows, int, NDArray[np.int64]]:
    keys = _keyed(rows, waiting)
    bar = keys["bar"]
    if not (np.diff(bar) > 0).all():
        order = np.argsort(bar)
        if not np.diff(bar[order]).all():
            order = _ordered(bar, rows["known_ns"], keys["origin"], rows["row"])
        rows = {name: _taken(values, order) for name, values in rows.items()}
        keys = {name: _taken(values, order) for name, values in keys.items()}
    repeated = _same(keys["bar"], rows["known_ns"], keys["origin"])
    if not repeated.any():
        return rows, 0, np.empty(0, np.int64)
    first = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(repeated))))
    same = _equal_values(rows, first)
    conflicts = _told_by_no_version(rows, keys, repeated, same)
    n_duplicates = int(repeated.sum()) - len(conflicts)
    kept = {name: values[~repeated] for name, values in rows.items()}
    return kept, n_duplicates, conflicts


def _taken(values: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
    # One source, one adjustment, all known as assumed: most columns of codes have one value, and to
    # see that takes a tenth of the time of putting them in order.
    is_code = values.itemsize <= np.dtype(np.int32).itemsize
    return values if is_code and (values == values[0]).all() else values[order]


def _told_by_no_version(
    rows: _Rows, keys: _Rows, repeated: NDArray[np.bool_], same: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Give the numbers of rows that contradict the first of their key.

    A row that does not say when it was known contradicts nothing if a later version tells the same.
    """
    import polars as pl

    differs: NDArray[np.int64] = np.flatnonzero(repeated & ~same)
    if not len(differs):
        return np.empty(0, np.int64)
    assumed = differs[rows["known_is_assumed"][differs]]
    names = ("bar", "origin", *_VALUES)

    def told(at: NDArray[np.int64]) -> pl.DataFrame:
        return pl.DataFrame({name: (keys.get(name, rows.get(name)))[at] for name in names})  # type: ignore[index]

    # Only among rows of the same bars, which are few.
    near = np.flatnonzero(~repeated & np.isin(keys["bar"], keys["bar"][assumed]))
    again = told(assumed).with_columns(at=pl.Series(assumed)).join(told(near), on=names, how="semi")
    conflicts: NDArray[np.int64] = rows["row"][np.setdiff1d(differs, again["at"].to_numpy())]
    return conflicts


def _revised(
    rows: _Rows, waiting: WaitingBars, fetched_at_ns: int, covered_until_ns: int | None
) -> tuple[_Rows, int, NDArray[np.int64]]:
    keys = _keyed(rows, waiting)
    is_given = rows["row"] != _STORED_ROW
    order = _ordered(keys["bar"], keys["origin"], is_given, rows["known_ns"], rows["row"])
    rows = {name: values[order] for name, values in rows.items()}
    bar, origin, is_given = keys["bar"][order], keys["origin"][order], is_given[order]
    position = np.arange(len(bar))
    follows = _same(bar, origin)
    # The row before a bar's first given one is its latest stored version, if it has one.
    begins = is_given & ~(follows & np.roll(is_given, 1))
    first = np.maximum.accumulate(np.where(begins, position, 0))
    again = is_given & ~begins
    differs = ~_equal_values(rows, np.where(again, first, np.maximum(position - 1, 0)))
    version = begins & follows
    revision = version & differs
    known_ns = rows["known_ns"].copy()
    known_ns[revision] = np.maximum(fetched_at_ns, np.roll(known_ns, 1)[revision] + 1)
    late = begins & ~version & (known_ns <= (covered_until_ns or 0))
    known_ns[late] = np.maximum(fetched_at_ns, known_ns[late])
    assumed = rows["known_is_assumed"] & ~revision & ~late
    rows |= {"known_ns": known_ns, "known_is_assumed": assumed}
    duplicate = (again | version) & ~differs
    conflict = again & differs
    keep = np.flatnonzero(~duplicate & ~conflict)
    keep = keep[_ordered(bar[keep], known_ns[keep], origin[keep])]
    kept = {name: values[keep] for name, values in rows.items()}
    return kept, int(duplicate.sum()), rows["row"][conflict]


def _ordered(*keys: NDArray[Any]) -> NDArray[np.int64]:
    import polars as pl

    frame = pl.DataFrame({str(place): key for place, key in enumerate(keys)})
    return frame.select(pl.arg_sort_by(frame.columns)).to_series().cast(pl.Int64).to_numpy()


def _same(*keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the rows that have the keys of the row before."""
    same = np.full(len(keys[0]), fill_value=False)
    if len(same):
        same[1:] = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    return same


def _equal_values(rows: _Rows, other: NDArray[np.int64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = np.logical_and.reduce(
        [rows[name] == rows[name][other] for name in _VALUES]
    )
    return equal


def _changed_sessions(kept: _Rows) -> Iterator[_Rows]:
    session = kept["session"]
    starts = np.flatnonzero(np.diff(session, prepend=-1))
    # A session without a new row keeps its file, to the byte.
    new = np.add.reduceat(kept["row"] != _STORED_ROW, starts) > 0
    ends = np.append(starts[1:], len(session))
    for start, end in zip(starts[new].tolist(), ends[new].tolist(), strict=True):
        yield {name: values[start:end] for name, values in kept.items()}


def _write_session(change: Transaction, folder: str, rows: _Rows, names: _Ranked) -> None:
    day = calendar.sessions().day[rows["session"][0]]
    inside = f"{folder}/date={calendar.day_to_date(int(day))}"
    for other in change.parts(inside):
        if other != PART:
            change.remove(f"{inside}/{other}")
    table, metadata = _stored_table(rows, names)
    change.write_table(f"{inside}/{PART}", table=table, metadata=metadata)


def _stored_table(rows: _Rows, names: _Ranked) -> tuple[pa.Table, dict[str, str]]:
    import pyarrow as pa

    instant = pa.timestamp("ns", "UTC")
    columns: dict[str, Any] = {
        "ts": pa.array(rows["ts_ns"]).cast(instant),
        **{name: pa.array(rows[name]) for name in _VALUES},
        "known_at": pa.array(rows["known_ns"]).cast(instant),
        "known_is_assumed": pa.array(rows["known_is_assumed"]),
    }
    for name, (ascending, rank) in names.items():
        columns[name] = pa.array(ascending, pa.string()).take(pa.array(rank[rows[name]]))
    encoded = to_ticks([rows[name] for name in PRICES])
    metadata = {}
    if encoded is not None:
        ticks, scale = encoded
        columns |= dict(zip(PRICES, map(pa.array, ticks), strict=True))
        metadata = {PRICE_SCALE: str(scale)}
    return pa.table({name: columns[name] for name in STORED}), metadata
