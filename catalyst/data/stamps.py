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

from catalyst.errors import ImportFileError, InputError

if TYPE_CHECKING:
    import polars as pl

#: A date or time as a caller may write it; see `stamp_ns`.
Moment = dt.datetime | dt.date | str | int

NEW_YORK_NAME = "America/New_York"

# Seconds have up to 11 digits until the year 5138, milliseconds up to 14, microseconds up to 17.
_EPOCH_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
_LARGEST_NS = 2**63 - 1
_YYYYMMDD = (19000101, 21001231)
_FAST_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
_DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%m/%d/%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y",
    "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%Y.%m.%d", "%d.%m.%Y",
)  # fmt: skip
_TIME_FORMATS = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_ZONE_SECONDS = {"Z": 0, "UTC": 0, "GMT": 0, "EST": -18000, "EDT": -14400}
_WEEKDAY = r"^(?i)(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+"
_ZONE = r"(?i)(?:(?:[0-9]|am|pm)\s*)(Z|UTC|GMT|EST|EDT|ET|[+-]\d{2}:?\d{2}|[+-]\d{2})$"
_TIME = r"(?i)[T\s,—–-]+(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s*([ap]\.?m\.?)?$"
# The year after the time of day, as Twitter and asctime write it.
_YEAR_LAST = r"^([A-Za-z]{3} +\d{1,2}) (\d{2}:\d{2}:\d{2})(?: ([+-]\d{4}|UTC|GMT))? (\d{4})$"
_YEAR_FIRST = "${1} ${4} ${2} ${3}"
_COMPACT = r"^(\d{8})[T ]?(\d{2})(\d{2})(\d{2})?(Z?)$"


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """Hold the parsed stamps of a column.

    Attributes
    ----------
    ns : Series of Int64
        Instants, ns UTC; null where the text is no time, or names a local time that does not exist
        or exists twice. For a date without a time of day its midnight, in the zone of the file.
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
        parts = _text(column, date_format=date_format)
    elif isinstance(dtype, pl.Datetime):
        parts = _typed(column, zone=dtype.time_zone)
    elif dtype == pl.Date:
        parts = pl.DataFrame({"local": column.cast(pl.Datetime("ns"), strict=False)}).with_columns(
            offset=pl.lit(None, pl.Int64), has_time=pl.lit(value=False)
        )
    elif dtype.is_numeric():
        parts = _numbers(column)
    elif dtype == pl.Null:
        parts = _nothing(len(column))
    else:
        raise ImportFileError(
            f"the time column '{column.name}' holds {dtype}; expected text, numbers, dates or times"
        )
    return _resolved(parts, tz=tz, days=days)


def zone_checked(tz: str) -> str:
    """Give the name of a time zone back if it is one, else raise ImportFileError."""
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
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


# Each reader gives three columns: the local time without a zone, its offset from UTC in seconds
# (null: the zone of the file) and whether a time of day was written.


def _typed(column: pl.Series, *, zone: str | None) -> pl.DataFrame:
    import polars as pl

    exact = column.cast(pl.Datetime("ns", zone), strict=False)
    local = exact if zone is None else exact.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    frame = pl.DataFrame({"local": local})
    if zone is None:
        offset = pl.lit(None, pl.Int64)
    else:
        utc = exact.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        offset = pl.lit((local - utc).dt.total_seconds().cast(pl.Int64))
    return frame.with_columns(offset=offset, has_time=pl.lit(value=True))


def _numbers(column: pl.Series) -> pl.DataFrame:
    import polars as pl

    number = pl.col("n")
    whole = pl.col("n").cast(pl.Int64, strict=False)
    exact = pl.DataFrame({"n": column})
    if column.dtype.is_float():
        exact = exact.with_columns(n=pl.when(number.is_finite()).then(number))
    size = number.abs()
    ns = whole
    for limit, factor in reversed(_EPOCH_UNITS):
        scaled = (
            (number * factor).round(0).cast(pl.Int64, strict=False)
            if column.dtype.is_float()
            else whole * factor
        )
        held = pl.when(size < _LARGEST_NS // factor).then(scaled)
        ns = pl.when(size < limit).then(held).otherwise(ns)
    is_date = number.is_between(*_YYYYMMDD)
    date = whole.cast(pl.String).str.to_datetime("%Y%m%d", time_unit="ns", strict=False)
    return exact.select(
        local=pl.when(is_date).then(date).otherwise(ns.cast(pl.Datetime("ns"))),
        offset=pl.when(~is_date).then(pl.lit(0, pl.Int64)),
        has_time=~is_date,
    )


def _nothing(n: int) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        {
            "local": pl.Series([None] * n, dtype=pl.Datetime("ns")),
            "offset": pl.Series([None] * n, dtype=pl.Int64),
            "has_time": pl.Series([False] * n, dtype=pl.Boolean),
        }
    )


def _text(column: pl.Series, *, date_format: str | None) -> pl.DataFrame:
    import polars as pl

    text = column.str.strip_chars()
    if date_format is not None:
        return _by_format(text, date_format=date_format)
    fast = _text_fast(text)
    unread = fast["local"].is_null() & text.is_not_null()
    if not unread.any():
        return fast
    distinct = text.filter(unread).unique()
    slow = _text_slowly(distinct).with_columns(text=distinct)
    joined = fast.with_columns(text=text).join(
        slow, on="text", how="left", maintain_order="left", suffix="_slow"
    )
    return joined.select(
        pl.coalesce("local", "local_slow"),
        pl.coalesce("offset", "offset_slow"),
        (pl.col("has_time") | pl.col("has_time_slow")).fill_null(value=False),
    )


def _text_fast(text: pl.Series) -> pl.DataFrame:
    import polars as pl

    # Most files are written in one plain format, and one pass of it is ten times as fast as taking
    # each text to pieces.
    first = text.drop_nulls().head(1)
    for form in _FAST_FORMATS:
        for written, offset in ((form, None), (form + "Z", 0), (form + " UTC", 0)):
            if len(first) and not first.str.to_datetime(written, strict=False).has_nulls():
                local = text.str.to_datetime(written, time_unit="ns", strict=False)
                return pl.DataFrame({"local": local}).with_columns(
                    offset=pl.lit(offset, pl.Int64), has_time=pl.col("local").is_not_null()
                )
        zoned = form + "%:z"
        if len(first) and not first.str.to_datetime(zoned, strict=False).has_nulls():
            utc = text.str.to_datetime(zoned, time_unit="ns", strict=False)
            utc = utc.dt.replace_time_zone(None)
            clock = text.str.head(text.str.len_chars().cast(pl.Int64) - len("+00:00"))
            local = clock.str.to_datetime(form, time_unit="ns", strict=False)
            both = pl.DataFrame({"local": local, "utc": utc}).with_columns(
                local=pl.when(pl.col("utc").is_not_null()).then("local")
            )
            return both.select(
                "local",
                offset=(pl.col("local") - pl.col("utc")).dt.total_seconds().cast(pl.Int64),
                has_time=pl.col("local").is_not_null(),
            )
    return _nothing(len(text))


def _by_format(text: pl.Series, *, date_format: str) -> pl.DataFrame:
    import polars as pl

    try:
        if not any(letter in date_format for letter in ("%H", "%I", "%s", "%T", "%X", "%R", "%c")):
            local = text.str.to_date(date_format, strict=False).cast(
                pl.Datetime("ns"), strict=False
            )
            return pl.DataFrame({"local": local}).with_columns(
                offset=pl.lit(None, pl.Int64), has_time=pl.lit(value=False)
            )
        found = text.str.to_datetime(date_format, time_unit="ns", strict=False)
    except pl.exceptions.PolarsError as error:
        raise ImportFileError(
            f"--date-format '{date_format}' can't be used: {str(error).splitlines()[0]}; expected "
            "strftime letters such as %d.%m.%Y %H:%M"
        ) from None
    return _typed(found, zone=getattr(found.dtype, "time_zone", None))


def _text_slowly(text: pl.Series) -> pl.DataFrame:
    import polars as pl

    whole = pl.col("text")
    frame = pl.DataFrame({"text": text}).with_columns(
        rest=whole.str.replace(_WEEKDAY, "")
        .str.replace(_YEAR_LAST, _YEAR_FIRST)
        .str.strip_chars_end(),
        compact=whole.str.extract_groups(_COMPACT),
    )
    frame = frame.with_columns(zone=pl.col("rest").str.extract(_ZONE).str.to_uppercase())
    # A date's own last part (2014-06-09) looks like an offset; without a time of day there is none.
    clock = pl.col("rest").str.contains(r"\d:\d{2}")
    frame = frame.with_columns(zone=pl.when(clock).then("zone"))
    cut = pl.col("rest").str.len_chars().cast(pl.Int64) - pl.col("zone").str.len_chars()
    frame = frame.with_columns(
        rest=pl.when(pl.col("zone").is_not_null())
        .then(pl.col("rest").str.slice(0, cut).str.strip_chars_end())
        .otherwise("rest")
    )
    frame = frame.with_columns(
        hour=pl.col("rest").str.extract(_TIME, 1).str.replace(",", ".", literal=True),
        half=pl.col("rest").str.extract(_TIME, 2).str.replace_all(".", "", literal=True),
        date=pl.col("rest").str.replace(_TIME, "").str.strip_chars(),
    )
    hour = pl.concat_str("hour", "half", separator=" ", ignore_nulls=True)
    frame = frame.with_columns(
        date=pl.coalesce(pl.col("date").str.to_date(form, strict=False) for form in _DATE_FORMATS),
        time=pl.coalesce(hour.str.to_time(form, strict=False) for form in _TIME_FORMATS),
        compact_local=_compact("compact"),
    )
    # Not strict: an int64 of ns ends in the year 2262, and a date beyond it is no time.
    midnight = pl.col("date").cast(pl.Datetime("ns"), strict=False)
    frame = frame.with_columns(
        local=pl.when(pl.col("hour").is_null())
        .then(midnight)
        .otherwise(midnight + pl.col("time").cast(pl.Duration("ns"))),
        numeric=whole.cast(pl.Float64, strict=False),
    )
    return _with_numbers(frame).select("local", "offset", "has_time")


def _compact(groups: str) -> pl.Expr:
    import polars as pl

    group = pl.col(groups).struct
    joined = pl.concat_str(
        group.field("1"), group.field("2"), group.field("3"), group.field("4").fill_null("00")
    )
    return joined.str.to_datetime("%Y%m%d%H%M%S", time_unit="ns", strict=False)


def _with_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    numbers = _numbers(frame["text"].cast(pl.Int64, strict=False))
    if frame["numeric"].count() != numbers["local"].count():
        fractions = _numbers(frame["numeric"])
        numbers = numbers.with_columns(
            *(pl.coalesce(name, fractions[name].alias("f")) for name in ("local", "offset"))
        )
    compact = pl.col("compact_local").is_not_null()
    number = pl.col("n_local").is_not_null() & ~compact & pl.col("local").is_null()
    named = pl.col("zone").replace_strict(_ZONE_SECONDS, default=None, return_dtype=pl.Int64)
    eastern = pl.col("local").dt.replace_time_zone(
        NEW_YORK_NAME, ambiguous="earliest", non_existent="null"
    )
    eastern_seconds = (eastern.dt.base_utc_offset() + eastern.dt.dst_offset()).dt.total_seconds()
    zone = pl.when(pl.col("zone") == "ET").then(eastern_seconds).otherwise(named)
    digits = pl.col("zone").str.extract_groups(r"^([+-])(\d{2}):?(\d{2})?$").struct
    seconds = digits.field("2").cast(pl.Int64) * 3600 + (
        digits.field("3").cast(pl.Int64).fill_null(0) * 60
    )
    signed = pl.when(digits.field("1") == "-").then(-seconds).otherwise(seconds)
    zulu = pl.col("compact").struct.field("5") == "Z"
    return frame.with_columns(n_local=numbers["local"], n_offset=numbers["offset"]).with_columns(
        local=pl.when(compact)
        .then("compact_local")
        .otherwise(pl.when(number).then("n_local").otherwise("local")),
        offset=pl.when(compact)
        .then(pl.when(zulu).then(pl.lit(0, pl.Int64)))
        .otherwise(pl.when(number).then("n_offset").otherwise(pl.coalesce(zone, signed))),
        has_time=pl.when(number)
        .then(pl.col("n_offset").is_not_null())
        .otherwise(compact | pl.col("hour").is_not_null()),
    )


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
