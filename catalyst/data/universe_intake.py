"""Given rows become memberships: intervals as given, or made from daily snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.action_intake import known_times
from catalyst.data.columns import UNIVERSE_ALIASES, UNIVERSE_REQUIRED, Columns, resolve_columns
from catalyst.data.fact_store import Facts, facts_of_rows
from catalyst.data.given import Given
from catalyst.data.stamps import NEW_YORK_NAME, parse_stamps, zone_checked
from catalyst.data.symbols import joined_symbols
from catalyst.errors import ImportFileError

if TYPE_CHECKING:
    import polars as pl

TABLE = "universe"
KEY = ("symbol", "from", "to", "known_at")

_BLANKS = ("", "null", "nan", "none", "-")


class UniverseRule(IntEnum):
    """Name the rules in the order in which they are asked; the first one broken is recorded."""

    KEPT = 0
    COLUMNS = 1
    """The row has more or fewer columns than the header."""
    SYMBOL = 2
    """The symbol is empty or no ticker."""
    STAMP = 3
    """A date or `known_at` is missing or unreadable."""
    CALENDAR = 4
    """A date lies outside the exchange calendar (1990 to 2049); a snapshot's is no session."""
    RANGE = 5
    """The membership ends before it begins."""
    CONFLICT = 6
    """Another row has the same key and other values; the one that came first stays."""

    @property
    def label(self) -> str:
        """Give the name used in quarantine and reports."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class UniverseOptions:
    """Say how memberships are to be read; see `Lake.add_universe` for each. None: not said."""

    mapping: Mapping[str, str] | None = None
    tz: str | None = None
    date_format: str | None = None

    def __post_init__(self) -> None:
        if self.tz is not None:
            zone_checked(self.tz)


#: What holds where neither the user nor the format says otherwise.
UNIVERSE_DEFAULTS = UniverseOptions(tz=NEW_YORK_NAME)


def empty_universe() -> pl.DataFrame:
    """Give the table of memberships without rows: its columns and their types."""
    import polars as pl

    return pl.DataFrame(
        schema={
            "symbol": pl.String,
            "from": pl.Date,
            "to": pl.Date,
            "known_at": pl.Datetime("ns", "UTC"),
            "known_is_assumed": pl.Boolean,
        }
    )


def read_universe(given: Given, options: UniverseOptions) -> Facts:
    """Read memberships.

    An interval without `known_at` becomes two rows, so that nobody knows of its end before: the
    open one, known at 04:00 New York time of `from`, and the closed one, known at 04:00 of the day
    after `to`, which is the last day as a member. Rows with a date instead of `from` are daily
    snapshots: a symbol is a member from the first snapshot that has it, known at that session's
    close, to the last before one that has it not, known at the close of that one.

    Raises
    ------
    ImportFileError
        If there is no column of symbols, or neither `from` nor a date.
    """
    import polars as pl

    frame = given.frame
    columns = resolve_columns(
        frame.columns,
        UNIVERSE_ALIASES,
        required=UNIVERSE_REQUIRED,
        mapping=options.mapping,
        file=given.file,
    )
    text = frame[str(columns.one("symbol"))].alias("s").to_frame()
    symbol = text.select(joined_symbols(pl.col("s"))).to_series()
    rule = np.zeros(frame.height, np.int8)
    _break(rule, symbol.is_null(), UniverseRule.SYMBOL)
    if "from" in columns:
        return _intervals(given, columns, options, symbol, rule)
    if "date" in columns:
        return _snapshots(given, columns, options, symbol, rule)
    raise ImportFileError(
        f"{given.file} has no column for from, nor a date of snapshots; its columns are "
        f"{', '.join(frame.columns)}; name it with --map from=COLUMN"
    )


def _intervals(
    given: Given,
    columns: Columns,
    options: UniverseOptions,
    symbol: pl.Series,
    rule: NDArray[np.int8],
) -> Facts:
    import polars as pl

    frame = given.frame
    first = _days(frame, str(columns.one("from")), options)
    _break(rule, first.is_null(), UniverseRule.STAMP)
    _break(rule, ~_in_calendar(first), UniverseRule.CALENDAR)
    last = pl.Series("to", [None] * frame.height, dtype=pl.Int32)
    if "to" in columns:
        name = str(columns.one("to"))
        blank = frame[name].cast(pl.String).str.strip_chars().str.to_lowercase().is_in(_BLANKS)
        blank = (blank | frame[name].is_null()).fill_null(value=True)
        last = _days(frame, name, options)
        _break(rule, last.is_null() & ~blank, UniverseRule.STAMP)
        _break(rule, ~_in_calendar(last), UniverseRule.CALENDAR)
        _break(rule, (last < first).fill_null(value=False), UniverseRule.RANGE)
    day = pl.select(pl.when(_in_calendar(first)).then(first).otherwise(0)).to_series()
    known, assumed, unread = known_times(frame, columns, day, str(options.tz), options.date_format)
    _break(rule, unread, UniverseRule.STAMP)
    rows = pl.DataFrame(
        {
            "symbol": symbol,
            "from": day.cast(pl.Date),
            "to": last.cast(pl.Date, strict=False),
            "known_at": known,
            "known_is_assumed": assumed,
            "row": np.arange(frame.height),
        }
    ).filter(pl.Series(rule == UniverseRule.KEPT))
    ends = pl.col("to").is_not_null() & pl.col("known_is_assumed")
    next_morning = (
        pl.col("to")
        .cast(pl.Datetime("ns"))
        .dt.offset_by("28h")
        .dt.replace_time_zone(NEW_YORK_NAME)
        .dt.convert_time_zone("UTC")
    )
    closed = rows.filter(ends).with_columns(known_at=next_morning)
    opened = rows.with_columns(to=pl.when(~ends).then("to"))
    whole = pl.concat([opened, closed]).sort("row", "known_at")
    return facts_of_rows(given, columns, whole.select(*empty_universe().columns, "row"), rule)


def _snapshots(
    given: Given,
    columns: Columns,
    options: UniverseOptions,
    symbol: pl.Series,
    rule: NDArray[np.int8],
) -> Facts:
    import polars as pl

    day = _days(given.frame, str(columns.one("date")), options)
    _break(rule, day.is_null(), UniverseRule.STAMP)
    every = calendar.sessions()
    _break(rule, ~day.fill_null(0).is_in(every.day.tolist()), UniverseRule.CALENDAR)
    rows = pl.DataFrame({"symbol": symbol, "day": day, "row": np.arange(len(rule))})
    rows = rows.filter(pl.Series(rule == UniverseRule.KEPT)).sort("symbol", "day", "row")
    repeated = np.full(len(rule), fill_value=False)
    again = rows.select(pl.struct("symbol", "day").is_first_distinct().not_()).to_series()
    repeated[rows.filter(again)["row"].to_numpy()] = True
    rows = rows.filter(~again)
    taken = rows["day"].unique().sort()
    numbers = np.searchsorted(taken.to_numpy(), rows["day"].to_numpy())
    # A run of consecutive snapshots: number minus position is constant within it.
    rows = rows.with_columns(number=pl.Series(numbers, dtype=pl.Int64))
    rows = rows.with_columns(run=pl.col("number") - pl.int_range(pl.len()).over("symbol"))
    runs = rows.group_by("symbol", "run", maintain_order=True).agg(
        pl.col("number").min().alias("first"), pl.col("number").max().alias("last"), "row"
    )
    opened = runs.with_columns(stop=pl.lit(None, pl.Int64), known=pl.col("first"))
    closed = runs.filter(pl.col("last") < len(taken) - 1).with_columns(
        stop=pl.col("last"), known=pl.col("last") + 1, row=pl.col("row").list.tail(1)
    )
    whole = pl.concat([opened, closed]).with_row_index("fact").cast({"fact": pl.Int64})
    close_ns = every.close_ns[np.searchsorted(every.day, taken.to_numpy())]
    dates = pl.DataFrame(
        {"number": np.arange(len(taken)), "date": taken.cast(pl.Date), "close_ns": close_ns}
    )

    def at(name: str, column: str) -> pl.Series:
        found = whole.select(pl.col(name).alias("number"))
        return found.join(dates, on="number", how="left", maintain_order="left")[column]

    facts = whole.select(
        "symbol",
        at("first", "date").alias("from"),
        at("stop", "date").alias("to"),
        at("known", "close_ns").cast(pl.Datetime("ns", "UTC")).alias("known_at"),
        pl.lit(value=True).alias("known_is_assumed"),
        "fact",
    )
    return Facts(given, columns, facts, whole.select("row", "fact").explode("row"), repeated, rule)


def _days(frame: pl.DataFrame, name: str, options: UniverseOptions) -> pl.Series:
    return parse_stamps(frame[name], tz=str(options.tz), date_format=options.date_format).day


def _in_calendar(day: pl.Series) -> pl.Series:
    first, last = calendar.date_to_day(calendar.FIRST), calendar.date_to_day(calendar.LAST)
    return day.is_between(first, last).fill_null(value=True)


def _break(rule: NDArray[np.int8], broken: pl.Series, which: UniverseRule) -> None:
    rule[broken.to_numpy() & (rule == UniverseRule.KEPT)] = which
