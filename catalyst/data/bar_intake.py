"""Given rows become bars: columns found, times and numbers read, rules asked.

Two passes keep memory bounded. `stage` looks at the times of all rows, which says to which session
each belongs; `admit` reads the rest, for as many sessions at a time as the caller wants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar, timeframes
from catalyst.data.bar_rules import ADJUSTMENTS, MAX_PRICE_USD, MISSING_WORDS, BarRule
from catalyst.data.columns import BAR_ALIASES, BAR_REQUIRED, Columns, resolve_columns
from catalyst.data.given import Given, joined_text, time_columns
from catalyst.data.stamps import NEW_YORK_NAME, parse_stamps, zone_checked
from catalyst.data.symbols import joined_symbols
from catalyst.errors import ImportFileError, InputError

if TYPE_CHECKING:
    import polars as pl

#: Given as the symbol, it stands for the name of each file up to its first dot.
FILE_NAME = "@name"

_UNKNOWN = -1
_BLOCK = 2_000_000
_VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class BarOptions:
    """Say how bars are to be read; see `Lake.add_bars` for each."""

    timeframe: str | None = None
    symbol: str | None = None
    mapping: Mapping[str, str] | None = None
    tz: str = NEW_YORK_NAME
    stamp: str = "start"
    source: str = "user"
    adjustment: str = "raw"
    date_format: str | None = None

    def __post_init__(self) -> None:
        zone_checked(self.tz)
        if self.timeframe is not None:
            timeframes.timeframe_named(self.timeframe)
        if self.stamp not in {"start", "end"}:
            raise InputError(f"stamp '{self.stamp}' is unknown; expected start or end")
        if self.adjustment not in ADJUSTMENTS:
            raise InputError(
                f"adjustment '{self.adjustment}' is unknown; expected one of "
                f"{', '.join(ADJUSTMENTS)}"
            )
        if not self.source.strip():
            raise InputError("the source is empty; expected a name such as alpaca")


@dataclass(frozen=True, slots=True, eq=False)
class StagedBars:
    """Hold given rows whose times are read.

    Attributes
    ----------
    given, columns, options
        The rows, where their values are, and how to read them.
    timeframe : int8[n]
        Position in `timeframes.NAMES`, -1 if unknown.
    session : int32[n]
        Position of the row's session in `calendar.sessions()`, -1 if it has none.
    ts_ns : int64[n]
        Start of the bar, ns UTC; a daily bar's is its session's open. 0 where `rule` is not kept.
    rule : int8[n]
        First rule of time and timeframe that the row breaks, a `BarRule`.
    """

    given: Given
    columns: Columns
    options: BarOptions
    timeframe: NDArray[np.int8]
    session: NDArray[np.int32]
    ts_ns: NDArray[np.int64]
    rule: NDArray[np.int8]


def stage(given: Given, options: BarOptions) -> StagedBars:
    """Find the columns and read the times of given bars.

    Raises
    ------
    ImportFileError
        If a column is missing, or neither the rows nor the options say the timeframe or symbol.
    """
    if options.symbol == FILE_NAME:
        options = replace(options, symbol=Path(given.file).name.partition(".")[0])
    told = {"timeframe": options.timeframe, "symbol": options.symbol}
    # What the user says holds for the whole file, whatever a column of that name holds.
    aliases = {name: known for name, known in BAR_ALIASES.items() if told.get(name) is None}
    columns = resolve_columns(
        given.frame.columns,
        aliases,
        required=BAR_REQUIRED,
        mapping=options.mapping,
        file=given.file,
    )
    for name, example in (
        ("timeframe", "5m"),
        ("symbol", "AAPL, --symbol @name for files named by it,"),
    ):
        if name not in columns and told[name] is None:
            raise ImportFileError(
                f"{given.file} does not say the {name} of its bars: it has no such column; "
                f"give it with --{name} {example} or --map {name}=COLUMN"
            )
    n = given.frame.height
    timeframe = _timeframe_codes(given, columns, options)
    session = np.full(n, _UNKNOWN, np.int32)
    ts_ns = np.zeros(n, np.int64)
    rule = np.zeros(n, np.int8)
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        _read_times(given, columns, options, block, timeframe, session, ts_ns, rule)
    return StagedBars(given, columns, options, timeframe, session, ts_ns, rule)


def admit(staged: StagedBars, rows: NDArray[np.int64]) -> tuple[pl.DataFrame, NDArray[np.int8]]:
    """Read bars whose times are good.

    Parameters
    ----------
    staged
        Given rows.
    rows : int64[m]
        Positions of rows that `stage` kept, of one timeframe, ascending.

    Returns
    -------
    DataFrame
        The rows that break no rule: session, symbol, ts_ns, known_ns, source, adjustment, open,
        high, low, close, volume, known_is_assumed, row (position in the given frame).
    int8[m]
        The first rule each row breaks, a `BarRule`.
    """
    import polars as pl

    columns, options = staged.columns, staged.options
    picked = _pick(staged.given.frame, rows)
    n = len(rows)
    rule = np.zeros(n, np.int8)
    frame = pl.DataFrame(
        {
            "session": staged.session[rows],
            "ts_ns": staged.ts_ns[rows],
            "row": rows,
        }
    ).with_columns(_symbols(picked, columns, options))
    _break(rule, frame["symbol"].is_null().to_numpy(), BarRule.SYMBOL)
    numbers = {name: _numbers(picked[str(columns.one(name))], rule) for name in _VALUES}
    _ask_values(numbers, rule)
    frame = frame.with_columns(
        *(pl.Series(name, values) for name, values in numbers.items()),
        _text_column(picked, columns.one("source"), "source", default=options.source.strip()),
        _text_column(picked, columns.one("adjustment"), "adjustment", default=options.adjustment),
    )
    known = frame["adjustment"].is_in(list(ADJUSTMENTS)).to_numpy()
    _break(rule, ~known, BarRule.ADJUSTMENT)
    timeframe = timeframes.NAMES[int(staged.timeframe[rows[0]])] if n else timeframes.DAILY
    known_ns, assumed = _known(picked, staged, rows, timeframe, rule)
    frame = frame.with_columns(
        pl.Series("known_ns", known_ns), pl.Series("known_is_assumed", assumed)
    )
    kept = frame if not rule.any() else frame.filter(pl.Series(rule == BarRule.KEPT))
    return kept, rule


def _pick(frame: pl.DataFrame, rows: NDArray[np.int64]) -> pl.DataFrame:
    # Files come sorted by time or by symbol; a run of rows is a view, anything else a copy.
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return frame[int(rows[0]) : int(rows[-1]) + 1]
    return frame[rows]


def _timeframe_codes(given: Given, columns: Columns, options: BarOptions) -> NDArray[np.int8]:
    import polars as pl

    n = given.frame.height
    if "timeframe" not in columns:
        name = timeframes.timeframe_named(str(options.timeframe))
        return np.full(n, timeframes.NAMES.index(name), np.int8)
    codes = {alias: timeframes.NAMES.index(name) for alias, name in timeframes.ALIASES.items()}
    text = given.frame[str(columns.one("timeframe"))].cast(pl.String)
    found = text.str.strip_chars().str.to_lowercase()
    return found.replace_strict(codes, default=_UNKNOWN, return_dtype=pl.Int8).to_numpy()


def _read_times(
    given: Given,
    columns: Columns,
    options: BarOptions,
    block: slice,
    timeframe: NDArray[np.int8],
    session: NDArray[np.int32],
    ts_ns: NDArray[np.int64],
    rule: NDArray[np.int8],
) -> None:
    stamps = parse_stamps(
        joined_text(given.frame[block], time_columns(given.frame, columns.names["ts"])),
        tz=options.tz,
        date_format=options.date_format,
    )
    every = calendar.sessions()
    readable = stamps.ns.is_not_null().to_numpy()
    start_ns = stamps.ns.fill_null(0).to_numpy().copy()
    day_read = stamps.day.is_not_null().to_numpy()
    day = stamps.day.fill_null(0).to_numpy()
    code = timeframe[block]
    daily = code == timeframes.NAMES.index(timeframes.DAILY)
    broken = rule[block]
    _break(broken, code == _UNKNOWN, BarRule.TIMEFRAME)
    _break(broken, ~np.where(daily, day_read, readable), BarRule.STAMP)
    length_ns = np.array([*timeframes.LENGTH_NS.values(), 0], np.int64)[np.maximum(code, 0)]
    if options.stamp == "end":
        # A daily stamp names its session either way.
        start_ns -= length_ns
    first, last = calendar.date_to_day(calendar.FIRST), calendar.date_to_day(calendar.LAST)
    in_years = np.where(daily, (day >= first) & (day <= last), _in_calendar(start_ns))
    _break(broken, ~in_years, BarRule.CALENDAR)
    place = np.searchsorted(every.day, day)
    place = np.minimum(place, len(every) - 1)
    of_day = np.where(every.day[place] == day, place, _UNKNOWN)
    found = np.where(daily, of_day, every.containing(start_ns)).astype(np.int32)
    _break(broken, found == _UNKNOWN, BarRule.SESSION)
    open_ns = every.open_ns[np.maximum(found, 0)]
    divisor = np.maximum(length_ns, 1)
    off = (start_ns % divisor != 0) & ((start_ns - open_ns) % divisor != 0) & ~daily
    _break(broken, off, BarRule.GRID)
    kept = broken == BarRule.KEPT
    session[block] = np.where(kept, found, _UNKNOWN)
    ts_ns[block] = np.where(kept, np.where(daily, open_ns, start_ns), 0)


def _in_calendar(ts_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    first = calendar.date_to_day(calendar.FIRST) * calendar.DAY_NS
    last = (calendar.date_to_day(calendar.LAST) + 2) * calendar.DAY_NS
    return (ts_ns >= first) & (ts_ns < last)


def _symbols(picked: pl.DataFrame, columns: Columns, options: BarOptions) -> pl.Series:
    import polars as pl

    name = columns.one("symbol")
    if name is None:
        one = pl.select(joined_symbols(pl.lit(options.symbol))).item()
        if one is None:
            raise ImportFileError(
                f"'{options.symbol}' is no ticker; expected letters, digits and ^.-/=_, as in BRK.B"
            )
        return pl.repeat(one, picked.height, dtype=pl.String, eager=True).alias("symbol")
    # A file has millions of rows and hundreds of tickers: spell each ticker once.
    text = picked[name].cast(pl.String)
    distinct = text.unique().drop_nulls()
    spelled = distinct.to_frame("symbol").select(joined_symbols(pl.col("symbol"))).to_series()
    if spelled.equals(distinct, null_equal=True):
        return text.alias("symbol")
    return text.replace_strict(distinct, spelled, default=None).alias("symbol")


def _text_column(
    picked: pl.DataFrame, name: str | None, canonical: str, *, default: str
) -> pl.Series:
    import polars as pl

    if name is None:
        return pl.repeat(default, picked.height, dtype=pl.String, eager=True).alias(canonical)
    text = picked[name].cast(pl.String).str.strip_chars()
    frame = text.to_frame("t").select(
        pl.when(pl.col("t").str.len_bytes() > 0).then("t").otherwise(pl.lit(default))
    )
    return frame.to_series().alias(canonical)


def _numbers(column: pl.Series, rule: NDArray[np.int8]) -> NDArray[np.float64]:
    import polars as pl

    if column.dtype == pl.String:
        text = column.str.strip_chars()
        values = text.cast(pl.Float64, strict=False)
        unread = values.is_null() | values.is_nan()
        if unread.any():
            missing = text.is_null() | text.str.to_lowercase().is_in(list(MISSING_WORDS))
            _break(rule, missing.fill_null(value=True).to_numpy(), BarRule.MISSING)
            _break(rule, (unread & ~missing).to_numpy(), BarRule.NUMBER)
    else:
        values = column.cast(pl.Float64, strict=False)
        if values.has_nulls() or values.is_nan().any():
            missing = values.is_null() | values.is_nan()
            _break(rule, missing.fill_null(value=True).to_numpy(), BarRule.MISSING)
    found: NDArray[np.float64] = values.fill_null(np.nan).to_numpy()
    _break(rule, np.isinf(found), BarRule.NUMBER)
    return found


def _ask_values(numbers: Mapping[str, NDArray[np.float64]], rule: NDArray[np.int8]) -> None:
    open_, high, low, close, volume = (numbers[name] for name in _VALUES)
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    lowest, highest = np.minimum(low, bottom), np.maximum(high, top)
    _break(rule, ~((lowest > 0) & (highest <= MAX_PRICE_USD)), BarRule.PRICE)
    _break(rule, ~((high >= top) & (low <= bottom) & (high >= low)), BarRule.RANGE)
    _break(rule, ~(volume >= 0), BarRule.VOLUME)


def _known(
    picked: pl.DataFrame,
    staged: StagedBars,
    rows: NDArray[np.int64],
    timeframe: str,
    rule: NDArray[np.int8],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    import polars as pl

    every = calendar.sessions()
    ts_ns = staged.ts_ns[rows]
    close_ns = every.close_ns[staged.session[rows]]
    if timeframe == timeframes.DAILY:
        end_ns = earliest_ns = close_ns
    else:
        end_ns = ts_ns + timeframes.LENGTH_NS[timeframe]
        # A bar that the close cuts short may honestly have been known at the close.
        earliest_ns = np.where(ts_ns < close_ns, np.minimum(end_ns, close_ns), end_ns)
    name = staged.columns.one("known_at")
    if name is None:
        return end_ns, np.full(len(rows), fill_value=True)
    given = picked[name]
    blank = given.is_null()
    if given.dtype == pl.String:
        blank |= given.str.strip_chars().str.to_lowercase().is_in(list(MISSING_WORDS))
    absent = blank.fill_null(value=True).to_numpy()
    read = parse_stamps(given, tz=staged.options.tz, date_format=staged.options.date_format).ns
    known_ns = np.where(absent, end_ns, read.fill_null(0).to_numpy())
    _break(rule, (known_ns < earliest_ns) & ~absent, BarRule.KNOWN_AT)
    assumed = absent.copy()
    flag = staged.columns.one("known_is_assumed")
    if flag is not None:
        said = picked[flag].cast(pl.String).str.to_lowercase().is_in(["true", "1"])
        assumed |= said.fill_null(value=False).to_numpy()
    return known_ns, assumed


def _break(rule: NDArray[np.int8], broken: NDArray[np.bool_], which: BarRule) -> None:
    # Rules are asked in no fixed order, column by column; the smallest number stays.
    worse = broken & ((rule == BarRule.KEPT) | (rule > which))
    if worse.any():
        rule[worse] = which
