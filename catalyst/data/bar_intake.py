"""Given rows become bars: columns found, times and numbers read, rules asked.

What holds for a whole file, such as which column is which, is decided once, by `bar_reading`;
`read_bars` then reads block after block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar, timeframes
from catalyst.data.bar_rules import (
    ADJUSTMENTS,
    MAX_PRICE_USD,
    MAX_VOLUME_SHARES,
    MISSING_WORDS,
    BarRule,
)
from catalyst.data.columns import BAR_ALIASES, BAR_REQUIRED, Columns, resolve_columns
from catalyst.data.given import Given, joined_text, time_columns
from catalyst.data.options import settled
from catalyst.data.stamps import NEW_YORK_NAME, parse_stamps, zone_checked
from catalyst.data.symbols import joined_symbols
from catalyst.errors import ImportFileError, InputError

if TYPE_CHECKING:
    import polars as pl

#: Given as the symbol, it stands for the name of each file up to its first dot.
FILE_NAME = "@name"

_UNKNOWN = -1
_VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class BarOptions:
    """Say how bars are to be read; see `Lake.add_bars` for each. None: not said."""

    timeframe: str | None = None
    symbol: str | None = None
    mapping: Mapping[str, str] | None = None
    tz: str | None = None
    stamp: str | None = None
    source: str | None = None
    adjustment: str | None = None
    date_format: str | None = None
    fetched_at_ns: int | None = None
    covered_until_ns: int | None = None
    known_at_ns: int | None = None

    def __post_init__(self) -> None:
        if self.tz is not None:
            zone_checked(self.tz)
        if self.timeframe is not None:
            timeframes.timeframe_named(self.timeframe)
        if self.stamp not in {None, "start", "end"}:
            raise InputError(f"stamp '{self.stamp}' is unknown; expected start or end")
        if self.adjustment not in {None, *ADJUSTMENTS}:
            raise InputError(
                f"adjustment '{self.adjustment}' is unknown; expected one of "
                f"{', '.join(ADJUSTMENTS)}"
            )
        if self.source is not None and not self.source.strip():
            raise InputError("the source is empty; expected a name such as alpaca")


#: What holds where neither the user nor the format says otherwise.
BAR_DEFAULTS = BarOptions(tz=NEW_YORK_NAME, stamp="start", source="user", adjustment="raw")


@dataclass(frozen=True, slots=True, eq=False)
class BarReading:
    """Say how the bars of one file are read.

    Attributes
    ----------
    columns : Columns
        Where their values are.
    times : tuple of str
        The columns that make the time.
    options : BarOptions
        As settled between the user, the format and the defaults.
    """

    columns: Columns
    times: tuple[str, ...]
    options: BarOptions


def bar_reading(head: Given, options: BarOptions, preset: Mapping[str, Any]) -> BarReading:
    """Find the columns of a file of bars, and settle the options.

    Parameters
    ----------
    head
        First rows of the file.
    options
        What the user said.
    preset
        What the file's format implies, by name of option; what the user said is stronger.

    Raises
    ------
    ImportFileError
        If a column is missing, or neither the rows nor the options say the timeframe or symbol.
    """
    options = settled(options, preset, BAR_DEFAULTS)
    if options.symbol == FILE_NAME:
        options = settled(BarOptions(symbol=Path(head.file).name.partition(".")[0]), {}, options)
    told = {"timeframe": options.timeframe, "symbol": options.symbol}
    # What the user says holds for the whole file, whatever a column of that name holds.
    aliases = {name: known for name, known in BAR_ALIASES.items() if told.get(name) is None}
    columns = resolve_columns(
        head.frame.columns,
        aliases,
        required=BAR_REQUIRED,
        mapping=options.mapping,
        file=head.file,
    )
    for name, example in (
        ("timeframe", "5m"),
        ("symbol", "AAPL, --symbol @name for files named by it,"),
    ):
        if name not in columns and told[name] is None:
            raise ImportFileError(
                f"{head.file} does not say the {name} of its bars: it has no such column; "
                f"give it with --{name} {example} or --map {name}=COLUMN"
            )
    return BarReading(columns, time_columns(head.frame, columns.names["ts"]), options)


def read_bars(given: Given, reading: BarReading) -> tuple[pl.DataFrame, NDArray[np.int8]]:
    """Read a block of bars.

    Returns
    -------
    DataFrame
        The rows that break no rule: row (position in the block), timeframe (position in
        `timeframes.NAMES`), session (position in `calendar.sessions()`), ts_ns, known_ns,
        known_is_assumed, symbol, source, adjustment, open, high, low, close, volume.
    int8[n]
        The first rule each row breaks, a `BarRule`.
    """
    import polars as pl

    columns, options = reading.columns, reading.options
    frame, n = given.frame, given.frame.height
    rule = np.zeros(n, np.int8)
    code = _timeframe_codes(frame, columns, options)
    _break(rule, code == _UNKNOWN, BarRule.TIMEFRAME)
    session, ts_ns = _read_times(frame, reading, code, rule)
    symbol = _symbols(frame, columns, options)
    if symbol.has_nulls():
        _break(rule, symbol.is_null().to_numpy(), BarRule.SYMBOL)
    numbers = {name: _numbers(frame[str(columns.one(name))], rule) for name in _VALUES}
    _ask_values(numbers, rule)
    source = _text_column(frame, columns.one("source"), "source", default=str(options.source))
    adjustment = _text_column(
        frame, columns.one("adjustment"), "adjustment", default=str(options.adjustment)
    )
    if columns.one("adjustment") is not None:
        _break(rule, ~adjustment.is_in(list(ADJUSTMENTS)).to_numpy(), BarRule.ADJUSTMENT)
    known_ns, assumed = _known(frame, reading, code, session, ts_ns, rule)
    read = pl.DataFrame(
        {
            "row": np.arange(n),
            "timeframe": code,
            "session": session,
            "ts_ns": ts_ns,
            "known_ns": known_ns,
            "known_is_assumed": assumed,
            "symbol": symbol,
            "source": source,
            "adjustment": adjustment,
            **numbers,
        }
    )
    return (read.filter(pl.Series(rule == BarRule.KEPT)) if rule.any() else read), rule


def _timeframe_codes(
    frame: pl.DataFrame, columns: Columns, options: BarOptions
) -> NDArray[np.int8]:
    import polars as pl

    if "timeframe" not in columns:
        name = timeframes.timeframe_named(str(options.timeframe))
        return np.full(frame.height, timeframes.NAMES.index(name), np.int8)
    codes = {alias: timeframes.NAMES.index(name) for alias, name in timeframes.ALIASES.items()}
    text = frame[str(columns.one("timeframe"))].cast(pl.String)
    found = text.str.strip_chars().str.to_lowercase()
    return found.replace_strict(codes, default=_UNKNOWN, return_dtype=pl.Int8).to_numpy()


def _read_times(
    frame: pl.DataFrame, reading: BarReading, code: NDArray[np.int8], rule: NDArray[np.int8]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    options = reading.options
    daily = code == timeframes.NAMES.index(timeframes.DAILY)
    stamps = parse_stamps(
        joined_text(frame, reading.times),
        tz=str(options.tz),
        date_format=options.date_format,
        days=bool(daily.any()),
    )
    every = calendar.sessions()
    readable = stamps.ns.is_not_null().to_numpy()
    start_ns = stamps.ns.fill_null(0).to_numpy()
    day_read = stamps.day.is_not_null().to_numpy()
    day = stamps.day.fill_null(0).to_numpy()
    _break(rule, ~np.where(daily, day_read, readable), BarRule.STAMP)
    length_ns = np.array([*timeframes.LENGTH_NS.values(), 0], np.int64)[np.maximum(code, 0)]
    if options.stamp == "end":
        # A daily stamp names its session either way.
        start_ns = start_ns - length_ns
    first, last = calendar.date_to_day(calendar.FIRST), calendar.date_to_day(calendar.LAST)
    in_years = np.where(daily, (day >= first) & (day <= last), _in_calendar(start_ns))
    _break(rule, ~in_years, BarRule.CALENDAR)
    found = _sessions(every, daily, day, start_ns)
    _break(rule, found == _UNKNOWN, BarRule.SESSION)
    open_ns = every.open_ns[np.maximum(found, 0)]
    divisor = np.maximum(length_ns, 1)
    off = (start_ns % divisor != 0) & ~daily
    if off.any():
        off &= (start_ns - open_ns) % divisor != 0
        _break(rule, off, BarRule.GRID)
    return found, np.where(daily, open_ns, start_ns)


def _sessions(
    every: calendar.Sessions,
    daily: NDArray[np.bool_],
    day: NDArray[np.int32],
    start_ns: NDArray[np.int64],
) -> NDArray[np.int32]:
    found = np.full(len(daily), _UNKNOWN, np.int32)
    if daily.any():
        place = np.minimum(np.searchsorted(every.day, day), len(every) - 1)
        found = np.where(every.day[place] == day, place, _UNKNOWN).astype(np.int32)
    if daily.all():
        return found
    return np.where(daily, found, every.containing(start_ns)).astype(np.int32)


def _in_calendar(ts_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    first = calendar.date_to_day(calendar.FIRST) * calendar.DAY_NS
    last = (calendar.date_to_day(calendar.LAST) + 2) * calendar.DAY_NS
    return (ts_ns >= first) & (ts_ns < last)


def _symbols(frame: pl.DataFrame, columns: Columns, options: BarOptions) -> pl.Series:
    import polars as pl

    name = columns.one("symbol")
    if name is None:
        one = pl.select(joined_symbols(pl.lit(options.symbol))).item()
        if one is None:
            raise ImportFileError(
                f"'{options.symbol}' is no ticker; expected letters, digits and ^.-/=_, as in BRK.B"
            )
        return pl.repeat(one, frame.height, dtype=pl.String, eager=True).alias("symbol")
    # A file has millions of rows and hundreds of tickers: spell each ticker once.
    text = frame[name].cast(pl.String)
    distinct = text.unique().drop_nulls()
    spelled = distinct.to_frame("symbol").select(joined_symbols(pl.col("symbol"))).to_series()
    if spelled.equals(distinct, null_equal=True):
        return text.alias("symbol")
    return text.replace_strict(distinct, spelled, default=None).alias("symbol")


def _text_column(
    frame: pl.DataFrame, name: str | None, canonical: str, *, default: str
) -> pl.Series:
    import polars as pl

    if name is None:
        return pl.repeat(default, frame.height, dtype=pl.String, eager=True).alias(canonical)
    text = frame[name].cast(pl.String).str.strip_chars()
    frame = text.to_frame("t").select(
        pl.when(pl.col("t").str.len_bytes() > 0).then("t").otherwise(pl.lit(default))
    )
    return frame.to_series().alias(canonical)


def _numbers(column: pl.Series, rule: NDArray[np.int8]) -> NDArray[np.float64]:
    import polars as pl

    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        # As a number, a category is its place in the list of them.
        column = column.cast(pl.String)
    if not column.dtype.is_numeric() and column.dtype not in {pl.String, pl.Null}:
        _break(rule, np.full(len(column), fill_value=True), BarRule.NUMBER)
        return np.full(len(column), np.nan)
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
    _break(rule, ~((volume >= 0) & (volume <= MAX_VOLUME_SHARES)), BarRule.VOLUME)


def _known(
    frame: pl.DataFrame,
    reading: BarReading,
    code: NDArray[np.int8],
    session: NDArray[np.int32],
    ts_ns: NDArray[np.int64],
    rule: NDArray[np.int8],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    import polars as pl

    options, n = reading.options, frame.height
    length_ns = np.array([*timeframes.LENGTH_NS.values(), 0], np.int64)[np.maximum(code, 0)]
    daily = code == timeframes.NAMES.index(timeframes.DAILY)
    close_ns = calendar.sessions().close_ns[np.maximum(session, 0)]
    end_ns = np.where(daily, close_ns, ts_ns + length_ns)
    # A bar that the close cuts short may honestly have been known at the close.
    earliest_ns = np.where(ts_ns < close_ns, np.minimum(end_ns, close_ns), end_ns)
    if options.fetched_at_ns is not None:
        _break(rule, earliest_ns > options.fetched_at_ns, BarRule.KNOWN_AT)
    if options.known_at_ns is not None:
        known_ns = np.full(n, options.known_at_ns, np.int64)
        _break(rule, known_ns < earliest_ns, BarRule.KNOWN_AT)
        return known_ns, np.full(n, fill_value=False)
    name = reading.columns.one("known_at")
    if name is None:
        return end_ns, np.full(n, fill_value=True)
    given = frame[name]
    blank = given.is_null()
    if given.dtype == pl.String:
        blank |= given.str.strip_chars().str.to_lowercase().is_in(list(MISSING_WORDS))
    absent = blank.fill_null(value=True).to_numpy()
    read = parse_stamps(given, tz=str(options.tz), date_format=options.date_format, days=False).ns
    known_ns = np.where(absent, end_ns, read.fill_null(0).to_numpy())
    _break(rule, (known_ns < earliest_ns) & ~absent, BarRule.KNOWN_AT)
    assumed = absent.copy()
    flag = reading.columns.one("known_is_assumed")
    if flag is not None:
        said = frame[flag].cast(pl.String).str.to_lowercase().is_in(["true", "1"])
        assumed |= said.fill_null(value=False).to_numpy()
    return known_ns, assumed


def _break(rule: NDArray[np.int8], broken: NDArray[np.bool_], which: BarRule) -> None:
    # Rules are asked in no fixed order, column by column; the smallest number stays.
    worse = broken & ((rule == BarRule.KEPT) | (rule > which))
    if worse.any():
        rule[worse] = which
