"""Times as files write them, turned into instants.

Every stamp is a local time, a zone (its own, or the one the user named) and perhaps only a date.
Text is read by the common vendor formats, mixed within a column if need be: ISO 8601,
``2/25/2014 9:30`` (month first, as in the United States), ``20140225``, ``20140225T093000``,
``25-Feb-2014``, ``Feb 25, 2014``, ``Tue, 25 Feb 2014 14:30:00 GMT``, ``Tue Feb 25 14:30:00 +0000
2014`` (Twitter), ``January 25, 2024 — 03:33 am EST``, and numbers as seconds, milliseconds,
microseconds or nanoseconds since 1970 by their size.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from catalyst.data.stamp_parts import read_nothing, read_numbers, read_text, read_typed
from catalyst.errors import ImportFileError, InputError

if TYPE_CHECKING:
    import polars as pl

#: A date or time as a caller may write it; see `stamp_ns`.
Moment = dt.datetime | dt.date | str | int

NEW_YORK_NAME = "America/New_York"


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """Hold the parsed stamps of a column.

    Attributes
    ----------
    ns : Series of Int64
        Instants, ns UTC; null where the text is no time (a second 60 is none), or names a local
        time that does not exist or exists twice. For a date without a time of day its midnight, in
        the zone of the file.
    day : Series of Int32
        For a label its own date, else the New York date of the instant; days since 1970-01-01.
    is_label : Series of Boolean
        Whether the stamp is exactly midnight in its own zone, which for a daily bar names a date.
    has_time : Series of Boolean
        Whether a time of day was written, be it midnight.
    """

    ns: pl.Series
    day: pl.Series
    is_label: pl.Series
    has_time: pl.Series


def parse_stamps(
    column: pl.Series, *, tz: str, date_format: str | None = None, days: bool = True
) -> Stamps:
    """Parse a column of times, whatever its type.

    Parameters
    ----------
    column
        Text, numbers, dates, or times with or without a zone.
    tz
        IANA name of the zone in which times without one are meant.
    date_format
        How text is written, in strftime letters, instead of the formats known here; ``%z`` if it
        has an offset.
    days
        Whether `Stamps.day` is asked for, which takes longer than all the rest; else it is null.

    Raises
    ------
    ImportFileError
        If the zone is unknown or the column's type can't be a time.
    """
    import polars as pl

    zone_checked(tz)
    dtype = column.dtype
    if dtype == pl.String:
        parts = read_text(column, date_format=date_format)
    elif isinstance(dtype, pl.Datetime):
        parts = read_typed(column, zone=dtype.time_zone)
    elif dtype == pl.Date:
        parts = pl.DataFrame({"local": column.cast(pl.Datetime("ns"), strict=False)}).with_columns(
            offset=pl.lit(None, pl.Int64), has_time=pl.lit(value=False)
        )
    elif dtype.is_numeric():
        parts = read_numbers(column)
    elif dtype == pl.Null:
        parts = read_nothing(len(column))
    else:
        raise ImportFileError(
            f"the time column '{column.name}' holds {dtype}; expected text, numbers, dates or times"
        )
    return _resolved(parts, tz=tz, days=days)


def zone_checked(tz: str) -> str:
    """Give the name of a time zone back if it is one, else raise ImportFileError."""
    import polars as pl

    try:
        ZoneInfo(tz)
        # Files such as `localtime` are zones to one and not to the other.
        pl.Series([0], dtype=pl.Datetime("ns")).dt.replace_time_zone(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError, pl.exceptions.PolarsError):
        raise ImportFileError(
            f"'{tz}' is no time zone; expected an IANA name such as {NEW_YORK_NAME} or UTC"
        ) from None
    return tz


def stamp_ns(moment: Moment) -> int:
    """Give the instant of a date or time as a caller may write it, ns UTC.

    Parameters
    ----------
    moment : datetime, date, str or int
        A time with a zone, a time or a date without one (New York), ISO text of either, or ns UTC.

    Raises
    ------
    InputError
        If it is none of these.
    """
    import polars as pl

    if isinstance(moment, int):
        return moment
    column = pl.Series("moment", [moment], strict=False)
    found = parse_stamps(column, tz=NEW_YORK_NAME).ns[0] if not column.has_nulls() else None
    if found is None:
        raise InputError(f"{moment!r} is no time; expected a date or time such as 2014-06-09T09:30")
    return int(found)


def _resolved(parts: pl.DataFrame, *, tz: str, days: bool) -> Stamps:
    import polars as pl

    local, offset = pl.col("local"), pl.col("offset")
    named = local.dt.replace_time_zone(tz, ambiguous="null", non_existent="null").dt.timestamp("ns")
    own = local.dt.timestamp("ns") - offset * 1_000_000_000
    # Both branches would be worked out for every row, and finding an offset is slow.
    zoned = parts["offset"].is_not_null()
    unzoned_only = not zoned.any()
    ns = named if unzoned_only else pl.when(offset.is_null()).then(named).otherwise(own)
    if zoned.all() or parts["local"].filter(~zoned).null_count() == len(zoned) - zoned.sum():
        ns = own
    frame = parts.select(
        "local",
        "has_time",
        ns=ns,
        is_label=(local.dt.time() == pl.time(0)).fill_null(value=False),
    )
    if not days:
        nothing = pl.repeat(None, frame.height, dtype=pl.Int32, eager=True)
        return Stamps(frame["ns"], nothing, frame["is_label"], frame["has_time"])
    instant = pl.from_epoch("ns", time_unit="ns").dt.replace_time_zone("UTC")
    new_york = instant.dt.convert_time_zone(NEW_YORK_NAME).dt.date()
    # A label needs no instant: midnight may not exist in the file's zone, its date does.
    day = pl.when("is_label").then(local.dt.date()).otherwise(new_york)
    frame = frame.with_columns(day=day.to_physical().cast(pl.Int32))
    return Stamps(frame["ns"], frame["day"], frame["is_label"], frame["has_time"])
