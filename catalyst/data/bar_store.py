"""Bars on disk: merged session by session, read back whole or as arrays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar, timeframes
from catalyst.data.bar_intake import StagedBars, admit
from catalyst.data.bar_rules import BarRule
from catalyst.data.partition import PART, dated_folders, install, parts, prepare_table
from catalyst.data.quarantine import Rejected
from catalyst.data.ticks import PRICE_SCALE, PRICES, from_ticks, to_ticks

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

FOLDER = "bars"
#: Columns of a bars file, in order; `timeframe` and the session date are in its path.
STORED = (
    "symbol", "ts", *PRICES, "volume", "source", "adjustment", "known_at", "known_is_assumed",
)  # fmt: skip
KEY = ("symbol", "ts_ns", "known_ns", "source", "adjustment")

# A batch is what is decoded at one time: about 200 bytes a row.
_BATCH_ROWS = 1_500_000
# Two cores write two files at a time; more threads only queue.
_WRITERS = 2
_VALUES = (*PRICES, "volume")
# Stored rows come before given ones, so that what came first stays.
_STORED_ROW = -1


@dataclass(slots=True)
class BarCounts:
    """Count what became of the rows of an import."""

    imported: int = 0
    duplicates: int = 0


def store_bars(
    root: Path,
    staged: Sequence[StagedBars],
    *,
    rejected: Rejected,
    on_rows: Callable[[int], None] | None = None,
) -> BarCounts:
    """Merge staged bars into the lake, a batch of sessions at a time.

    Parameters
    ----------
    root
        The lake's folder; the caller holds its lock.
    staged
        Given rows; of two rows with one key and other values the first stays.
    rejected
        Receives the rows that break a rule.
    on_rows
        Called with the number of rows done, for progress.
    """
    counts = BarCounts()
    for one in staged:
        rejected.add(one.given.file, one.given.broken)
        _reject(one, np.flatnonzero(one.rule), one.rule[one.rule != BarRule.KEPT], rejected)
    for code, timeframe in enumerate(timeframes.NAMES):
        for first, last in _batches(staged, code):
            frames = []
            for number, one in enumerate(staged):
                inside = (one.session >= first) & (one.session <= last) & (one.timeframe == code)
                rows = np.flatnonzero(inside)
                if not len(rows):
                    continue
                kept, rule = admit(one, rows)
                broken = rule != BarRule.KEPT
                _reject(one, rows[broken], rule[broken], rejected)
                frames.append(_with_given(kept, number))
                if on_rows is not None:
                    on_rows(len(rows))
            _store_batch(root, timeframe, frames, staged, counts, rejected)
    return counts


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
    return _read_files(paths).select(
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
    found = pl.scan_parquet(paths, hive_partitioning=False).select(pl.col("symbol").unique())
    return found.collect().to_series().sort().to_list()


def _batches(staged: Iterable[StagedBars], code: int) -> list[tuple[int, int]]:
    n_sessions = len(calendar.sessions())
    per_session = np.zeros(n_sessions, np.int64)
    for one in staged:
        inside = one.session[(one.timeframe == code) & (one.rule == BarRule.KEPT)]
        per_session += np.bincount(inside, minlength=n_sessions)
    present = np.flatnonzero(per_session)
    if not len(present):
        return []
    batch = (np.cumsum(per_session[present]) - 1) // _BATCH_ROWS
    starts = np.flatnonzero(np.diff(batch, prepend=-1))
    ends = np.append(starts[1:], len(present)) - 1
    return [
        (int(present[start]), int(present[end])) for start, end in zip(starts, ends, strict=True)
    ]


def _with_given(frame: pl.DataFrame, number: int) -> pl.DataFrame:
    import polars as pl

    return frame.with_columns(pl.lit(number, pl.Int32).alias("given"))


def _store_batch(
    root: Path,
    timeframe: str,
    frames: list[pl.DataFrame],
    staged: Sequence[StagedBars],
    counts: BarCounts,
    rejected: Rejected,
) -> None:
    import polars as pl

    given = pl.concat(frames) if frames else None
    if given is None or not given.height:
        return
    every = calendar.sessions()
    dates = {calendar.day_to_date(int(every.day[session])) for session in given["session"].unique()}
    folder = root / FOLDER / f"timeframe={timeframe}"
    stored = [path for date, part in dated_folders(folder) if date in dates for path in parts(part)]
    whole = _sorted(pl.concat([_as_given(_read_files(stored)), given], how="diagonal"))
    kept, duplicates, conflicts = _without_repeats(whole)
    counts.imported += given.height - duplicates - conflicts.height
    counts.duplicates += duplicates
    for number, one in enumerate(staged):
        rows = conflicts.filter(pl.col("given") == number)["row"].sort().to_numpy()
        _reject(one, rows, np.full(len(rows), BarRule.CONFLICT, np.int8), rejected)
    _write_sessions(root, f"{FOLDER}/timeframe={timeframe}", kept)


def _write_sessions(root: Path, folder: str, kept: pl.DataFrame) -> None:
    every = calendar.sessions()
    session = kept["session"].to_numpy()
    starts = np.flatnonzero(np.diff(session, prepend=-1))
    # A session without a new row keeps its file, to the byte.
    new = np.add.reduceat(kept["given"].to_numpy() != _STORED_ROW, starts) > 0
    ends = np.append(starts[1:], len(session))
    table = _arrow(kept)
    prices = [kept[name].to_numpy() for name in PRICES]

    def prepare(job: tuple[int, int]) -> str:
        start, end = job
        date = calendar.day_to_date(int(every.day[session[start]]))
        part, metadata = _ticked(
            table.slice(start, end - start), [column[start:end] for column in prices]
        )
        relative = f"{folder}/date={date}/{PART}"
        prepare_table(root, relative, table=part, metadata=metadata)
        return relative

    # Files are independent of each other, so threads change their order on the clock and no byte.
    with ThreadPoolExecutor(_WRITERS) as pool:
        jobs = zip(starts[new].tolist(), ends[new].tolist(), strict=True)
        install(root, list(pool.map(prepare, jobs)))


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    # Whole numbers sort several times as fast as texts; most batches hold one source only.
    coded = {}
    for name in ("symbol", "source", "adjustment"):
        distinct = frame[name].unique().sort()
        if len(distinct) > 1:
            code = frame[name].cast(pl.Enum(distinct)).to_physical()
            coded[name] = code.alias(f"{name} code")
    instants = {"ts_ns", "known_ns"}
    order = [f"{name} code" if name in coded else name for name in KEY]
    keys = ["session", *(name for name in order if name in instants or name.endswith("code"))]
    keys += ["given", "row"]
    return frame.with_columns(*coded.values()).sort(keys).drop(one.name for one in coded.values())


def _without_repeats(frame: pl.DataFrame) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    import polars as pl

    same_key = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in KEY)
    repeated = frame.select(same_key.fill_null(value=False)).to_series().to_numpy()
    if not repeated.any():
        return frame, 0, frame.head(0)
    position = np.arange(frame.height)
    first = np.maximum.accumulate(np.where(repeated, 0, position))
    same = np.full(frame.height, fill_value=True)
    for name in _VALUES:
        values = frame[name].to_numpy()
        same &= values == values[first]
    conflicts = frame.filter(pl.Series(repeated & ~same))
    return frame.filter(pl.Series(~repeated)), int((repeated & same).sum()), conflicts


def _reject(
    staged: StagedBars, rows: NDArray[np.int64], rule: NDArray[np.int8], rejected: Rejected
) -> None:
    if len(rows):
        labels = [BarRule(code).label for code in rule.tolist()]
        given = staged.given
        lines = given.lines(rows).tolist()
        rejected.add(given.file, zip(lines, labels, given.texts(rows), strict=True))


def _arrow(frame: pl.DataFrame) -> pa.Table:
    import pyarrow as pa

    instant = pa.timestamp("ns", "UTC")
    columns: dict[str, Any] = {
        "symbol": frame["symbol"].to_arrow().cast(pa.string()),
        "ts": pa.array(frame["ts_ns"].to_numpy()).cast(instant),
        **{name: frame[name].to_arrow() for name in (*PRICES, "volume")},
        "source": frame["source"].to_arrow().cast(pa.string()),
        "adjustment": frame["adjustment"].to_arrow().cast(pa.string()),
        "known_at": pa.array(frame["known_ns"].to_numpy()).cast(instant),
        "known_is_assumed": frame["known_is_assumed"].to_arrow(),
    }
    return pa.table(columns)


def _ticked(
    table: pa.Table, prices: Sequence[NDArray[np.float64]]
) -> tuple[pa.Table, dict[str, str]]:
    import pyarrow as pa

    encoded = to_ticks(prices)
    if encoded is None:
        return table, {}
    ticks, scale = encoded
    columns = dict(zip(PRICES, map(pa.array, ticks), strict=True))
    whole = {name: columns.get(name, table.column(name)) for name in STORED}
    return pa.table(whole), {PRICE_SCALE: str(scale)}


def _read_files(paths: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    # Files of one scale are read in one go; a file each costs four times as much.
    by_scale: dict[int | None, list[str]] = {}
    for path in paths:
        written = pl.read_parquet_metadata(path).get(PRICE_SCALE)
        by_scale.setdefault(None if written is None else int(written), []).append(path)
    frames = [_empty()]
    for scale, group in by_scale.items():
        frame = pl.read_parquet(group, columns=list(STORED), hive_partitioning=False)
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


def _as_given(stored: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    session = calendar.sessions().containing(stored["ts"].dt.timestamp("ns").to_numpy())
    return stored.with_columns(
        session=pl.Series(session),
        ts_ns=pl.col("ts").dt.timestamp("ns"),
        known_ns=pl.col("known_at").dt.timestamp("ns"),
        given=pl.lit(_STORED_ROW, pl.Int32),
        row=pl.lit(_STORED_ROW, pl.Int64),
    ).drop("ts", "known_at")


def _empty() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(schema=_schema())


def _schema() -> dict[str, Any]:
    import polars as pl

    instant = pl.Datetime("ns", "UTC")
    schema: dict[str, Any] = dict.fromkeys(STORED, pl.Float64)
    schema |= {"symbol": pl.String, "ts": instant, "source": pl.String, "adjustment": pl.String}
    return schema | {"known_at": instant, "known_is_assumed": pl.Boolean}
