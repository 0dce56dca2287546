"""Times as text, numbers or types, taken apart into local time and offset from UTC.

Each reader gives three columns: ``local``, the time without a zone; ``offset`` from UTC in seconds
(null: the zone of the file); ``has_time``, whether a time of day was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from catalyst.errors import ImportFileError

if TYPE_CHECKING:
    import polars as pl

    _Text = TypeVar("_Text", pl.Series, pl.Expr)

_EASTERN = "America/New_York"
# Seconds have up to 11 digits until the year 5138, milliseconds up to 14, microseconds up to 17.
_EPOCH_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
_LARGEST_NS = 2**63 - 1
_YYYYMMDD = (19000101, 21001231)
# With what is allowed to stand there: strptime alone takes "9:3", ":60" and years of six digits.
_FAST_FORMATS = {
    "%Y-%m-%d %H:%M:%S": r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]",
    "%Y-%m-%dT%H:%M:%S": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]",
    "%Y-%m-%d %H:%M": r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}",
}
# No place is further from Greenwich than 14 hours.
_OFFSET = r"([+-])(0[0-9]|1[0-4]):?([0-5][0-9])?$"
_DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%m/%d/%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y",
    "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%Y.%m.%d", "%d.%m.%Y",
)  # fmt: skip
_TIME_FORMATS = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_ZONE_SECONDS = {"Z": 0, "UTC": 0, "GMT": 0, "EST": -18000, "EDT": -14400}
_WEEKDAY = r"^(?i)(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+"
_ZONE = r"(?i)(?:(?:[0-9]|am|pm)\s*)(Z|UTC|GMT|EST|EDT|ET|[+-]\d{2}:?\d{2}|[+-]\d{2})$"
_TIME = r"(?i)[T\s,—–-]+(\d{1,2}:\d{2}(?::[0-5]\d(?:[.,]\d+)?)?)\s*([ap]\.?m\.?)?$"
# The year after the time of day, as Twitter and asctime write it.
_YEAR_LAST = r"^([A-Za-z]{3} +\d{1,2}) (\d{2}:\d{2}:\d{2})(?: ([+-]\d{4}|UTC|GMT))? (\d{4})$"
_YEAR_FIRST = "${1} ${4} ${2} ${3}"
_COMPACT = r"^(\d{8})[T ]?(\d{2})(\d{2})([0-5]\d)?(Z?)$"


def datetimes(text: _Text, form: str) -> _Text:
    """Read text by strftime letters; null where it is not so written or beyond the year 2262.

    Parameters
    ----------
    text : Series or Expr of String
        The text.
    form
        How it is written: fractions of a second, if any, to the microsecond.
    """
    import polars as pl

    # Read as ns, a year beyond the range of int64 would wrap around to one inside: 2598 to 2014.
    return text.str.to_datetime(form, time_unit="us", strict=False).cast(
        pl.Datetime("ns", "UTC" if "%z" in form or "%:z" in form else None), strict=False
    )


def read_typed(column: pl.Series, *, zone: str | None) -> pl.DataFrame:
    """Take times of a type apart."""
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


def read_numbers(column: pl.Series) -> pl.DataFrame:
    """Take numbers apart: ``yyyymmdd``, else seconds to nanoseconds since 1970 by their size."""
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
    date = datetimes(whole.cast(pl.String), "%Y%m%d")
    return exact.select(
        local=pl.when(is_date).then(date).otherwise(ns.cast(pl.Datetime("ns"))),
        offset=pl.when(~is_date).then(pl.lit(0, pl.Int64)),
        has_time=~is_date,
    )


def read_nothing(n: int) -> pl.DataFrame:
    """Give `n` times that are none."""
    import polars as pl

    return pl.DataFrame(
        {
            "local": pl.Series([None] * n, dtype=pl.Datetime("ns")),
            "offset": pl.Series([None] * n, dtype=pl.Int64),
            "has_time": pl.Series([False] * n, dtype=pl.Boolean),
        }
    )


def read_text(column: pl.Series, *, date_format: str | None) -> pl.DataFrame:
    """Take text apart, by `date_format` if it is given, in strftime letters.

    Raises
    ------
    ImportFileError
        If `date_format` can't be used.
    """
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
    for form, pattern in _FAST_FORMATS.items():
        for end, offset in (("", None), ("Z", 0), (" UTC", 0)):
            if len(first) and first.str.contains(f"{pattern}{end}$").all():
                written = text.str.contains(f"{pattern}{end}$")
                local = pl.DataFrame({"local": datetimes(text, form + end), "written": written})
                return _fast(local.with_columns(offset=pl.lit(offset, pl.Int64)))
        if len(first) and first.str.contains(pattern + _OFFSET).all():
            utc = datetimes(text, form + "%:z").dt.replace_time_zone(None)
            clock = text.str.head(text.str.len_chars().cast(pl.Int64) - len("+00:00"))
            written = text.str.contains(pattern + _OFFSET) & text.str.contains(":..$")
            both = pl.DataFrame({"local": datetimes(clock, form), "utc": utc, "written": written})
            offset_s = (pl.col("local") - pl.col("utc")).dt.total_seconds().cast(pl.Int64)
            return _fast(both.with_columns(offset=offset_s))
    return read_nothing(len(text))


def _fast(read: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    known = pl.col("written") & pl.col("local").is_not_null()
    # What this format does not fit is read slowly: it has a zone of its own, or none.
    return read.select(
        pl.when(known).then("local"),
        pl.when(known).then("offset"),
        has_time=known.fill_null(value=False),
    )


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
        coarse = text.str.to_datetime(date_format, time_unit="us", strict=False)
    except pl.exceptions.PolarsError as error:
        raise ImportFileError(
            f"--date-format '{date_format}' can't be used: {str(error).splitlines()[0]}; expected "
            "strftime letters such as %d.%m.%Y %H:%M"
        ) from None
    # As in `datetimes`; a format of the user's may ask for nanoseconds.
    held = coarse.cast(found.dtype, strict=False).is_not_null()
    both = pl.DataFrame({"t": found, "held": held}).select(pl.when("held").then("t"))
    return read_typed(both.to_series(), zone=getattr(found.dtype, "time_zone", None))


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
    return _withread_numbers(frame).select("local", "offset", "has_time")


def _compact(groups: str) -> pl.Expr:
    import polars as pl

    group = pl.col(groups).struct
    joined = pl.concat_str(
        group.field("1"), group.field("2"), group.field("3"), group.field("4").fill_null("00")
    )
    return datetimes(joined, "%Y%m%d%H%M%S")


def _withread_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    numbers = read_numbers(frame["text"].cast(pl.Int64, strict=False))
    if frame["numeric"].count() != numbers["local"].count():
        fractions = read_numbers(frame["numeric"])
        numbers = numbers.with_columns(
            *(pl.coalesce(name, fractions[name].alias("f")) for name in ("local", "offset"))
        )
    compact = pl.col("compact_local").is_not_null()
    number = pl.col("n_local").is_not_null() & ~compact & pl.col("local").is_null()
    named = pl.col("zone").replace_strict(_ZONE_SECONDS, default=None, return_dtype=pl.Int64)
    eastern = pl.col("local").dt.replace_time_zone(_EASTERN, ambiguous="null", non_existent="null")
    eastern_seconds = (eastern.dt.base_utc_offset() + eastern.dt.dst_offset()).dt.total_seconds()
    zone = pl.when(pl.col("zone") == "ET").then(eastern_seconds).otherwise(named)
    digits = pl.col("zone").str.extract_groups(f"^{_OFFSET}").struct
    seconds = digits.field("2").cast(pl.Int64) * 3600 + (
        digits.field("3").cast(pl.Int64).fill_null(0) * 60
    )
    signed = pl.when(digits.field("1") == "-").then(-seconds).otherwise(seconds)
    own = pl.coalesce(zone, signed)
    # A zone that says nothing, such as +99:99, is not the file's zone.
    local = pl.when(pl.col("zone").is_null() | own.is_not_null()).then("local")
    zulu = pl.col("compact").struct.field("5") == "Z"
    return frame.with_columns(n_local=numbers["local"], n_offset=numbers["offset"]).with_columns(
        local=pl.when(compact)
        .then("compact_local")
        .otherwise(pl.when(number).then("n_local").otherwise(local)),
        offset=pl.when(compact)
        .then(pl.when(zulu).then(pl.lit(0, pl.Int64)))
        .otherwise(pl.when(number).then("n_offset").otherwise(own)),
        has_time=pl.when(number)
        .then(pl.col("n_offset").is_not_null())
        .otherwise(compact | pl.col("hour").is_not_null()),
    )
