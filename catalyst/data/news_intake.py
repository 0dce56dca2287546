"""Given rows become reports: columns found, times read, links split, rules asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.columns import NEWS_ALIASES, NEWS_REQUIRED, Columns, resolve_columns
from catalyst.data.given import Given, joined_text, time_columns
from catalyst.data.stamps import NEW_YORK_NAME, Stamps, parse_stamps, zone_checked
from catalyst.data.symbols import joined_symbols
from catalyst.errors import InputError

if TYPE_CHECKING:
    import polars as pl

# A table of news that a lake gave out, by `catalyst data export` or `Lake.news`.
_ENRICHED = frozenset({"news_id", "cluster_id", "link", "raw"})
_TEXTS = ("source", "author", "url", "provider", "id", "retweet_of_id")
_LIST_MARKS = r"[\[\]{}()'\"]"
_SEPARATORS = r"\s*[,;|]\s*"
_DAY_END_HOUR = 20
_PROVIDER = "user"


class NewsRule(IntEnum):
    """Name the rules in the order in which they are asked; the first one broken is recorded."""

    KEPT = 0
    COLUMNS = 1
    """The row has more or fewer columns than the header."""
    STAMP = 2
    """No time of publication, or none that names one instant (``14 HOURS AGO``)."""
    CALENDAR = 3
    """The time lies outside the exchange calendar (1990 to 2049)."""
    HEADLINE = 4
    """The headline is empty."""
    SYMBOL = 5
    """The row names a symbol, and it is no ticker."""
    MISLINKED = 6
    """The text speaks of other symbols than the one the provider filed it under."""

    @property
    def label(self) -> str:
        """Give the name used in quarantine and reports."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class NewsOptions:
    """Say how news is to be read; see `Lake.add_news` for each."""

    mapping: Mapping[str, str] | None = None
    symbol: str | None = None
    tz: str = NEW_YORK_NAME
    source: str | None = None
    provider: str | None = None
    latency_s: float = 60.0
    date_format: str | None = None

    def __post_init__(self) -> None:
        zone_checked(self.tz)
        if not 0 <= self.latency_s < 86_400 * 365:
            raise InputError(
                f"the latency of {self.latency_s} s is out of range; expected 0 s to a year"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """Hold given news as enrichment takes it.

    Attributes
    ----------
    given : Given
        The rows.
    columns : Columns
        Where their values are.
    links : DataFrame
        One row per report and provider's link: row (position in `given`), headline, published_at,
        known_at, known_is_assumed, symbol (null without a link), source, author, url, provider, id,
        retweet_of_id, raw (JSON), link (as in the news of a lake, null otherwise).
    rule : int8[n]
        The first rule each given row breaks, a `NewsRule`.
    """

    given: Given
    columns: Columns
    links: pl.DataFrame
    rule: NDArray[np.int8]


def read_reports(given: Given, options: NewsOptions) -> Reports:
    """Find the columns of given news, read the times, split the links.

    A time without a time of day, be it in one row or in the whole column, is not known at midnight:
    publication and knowledge are then set to 20:00 New York time of that date, the end of extended
    hours.

    Raises
    ------
    ImportFileError
        If there is no column of headlines or of times.
    """
    import polars as pl

    frame = given.frame
    aliases = {
        name: known
        for name, known in NEWS_ALIASES.items()
        if name != "symbol" or not options.symbol
    }
    columns = resolve_columns(
        frame.columns, aliases, required=NEWS_REQUIRED, mapping=options.mapping, file=given.file
    )
    rule = np.zeros(frame.height, np.int8)
    published_ns, bare = _published(frame, columns, options)
    _break(rule, published_ns.is_null(), NewsRule.STAMP)
    first = calendar.date_to_day(calendar.FIRST) * calendar.DAY_NS
    last = (calendar.date_to_day(calendar.LAST) + 1) * calendar.DAY_NS
    _break(rule, ~published_ns.fill_null(first).is_between(first, last - 1), NewsRule.CALENDAR)
    known_ns, assumed = _known(frame, columns, published_ns, bare, options)
    _break(rule, ~known_ns.fill_null(first).is_between(first, last - 1), NewsRule.CALENDAR)
    headline = _text(frame, columns.one("headline"))
    empty = headline.is_null() | (headline.str.strip_chars().str.len_bytes() == 0)
    _break(rule, empty.fill_null(value=True), NewsRule.HEADLINE)
    symbols, wrong = _symbols(frame, columns, options)
    _break(rule, wrong, NewsRule.SYMBOL)
    instant = pl.Datetime("ns", "UTC")
    links = pl.DataFrame(
        {
            "row": np.arange(frame.height),
            "headline": headline,
            "published_at": published_ns.cast(instant),
            "known_at": known_ns.cast(instant),
            "known_is_assumed": assumed,
            "symbol": symbols,
        }
    ).with_columns(_text(frame, columns.one(name)).alias(name) for name in _TEXTS)
    links = links.with_columns(
        pl.col("source").fill_null(pl.lit(options.source, pl.String)),
        pl.col("provider").fill_null(options.provider or options.source or _PROVIDER),
        *_origin(given),
    )
    kept = links.filter(pl.Series(rule == NewsRule.KEPT)).explode("symbol", empty_as_null=True)
    return Reports(given, columns, kept, rule)


def _published(
    frame: pl.DataFrame, columns: Columns, options: NewsOptions
) -> tuple[pl.Series, pl.Series]:
    import polars as pl

    names = time_columns(frame, columns.names["published_at"])
    stamps = _stamps(frame, names, options)
    ns, bare = _end_of_bare_dates(stamps)
    fallback = columns.one("date")
    if fallback is not None and names != (fallback,) and ns.has_nulls():
        # Some vendors give the time where they know it, and the date in a column of its own.
        dates, dated = _end_of_bare_dates(_stamps(frame, (fallback,), options))
        bare = bare | (ns.is_null() & dated)
        ns = pl.select(pl.coalesce(ns, dates)).to_series()
    return ns, bare


def _stamps(frame: pl.DataFrame, names: tuple[str, ...], options: NewsOptions) -> Stamps:
    column = joined_text(frame, names)
    return parse_stamps(column, tz=options.tz, date_format=options.date_format)


def _end_of_bare_dates(stamps: Stamps) -> tuple[pl.Series, pl.Series]:
    import polars as pl

    read = stamps.ns.is_not_null()
    # A column of midnights is a column of dates that some tool gave a time of day.
    bare = ~stamps.has_time if (stamps.has_time & ~stamps.is_label & read).any() else read
    midnight = stamps.day.cast(pl.Date).cast(pl.Datetime("ns"), strict=False)
    evening = midnight.dt.offset_by(f"{_DAY_END_HOUR}h")
    end_ns = evening.dt.replace_time_zone(NEW_YORK_NAME).dt.timestamp("ns")
    dated = bare & stamps.day.is_not_null()
    return pl.select(pl.when(dated).then(end_ns).otherwise(stamps.ns)).to_series(), dated


def _known(
    frame: pl.DataFrame,
    columns: Columns,
    published_ns: pl.Series,
    bare: pl.Series,
    options: NewsOptions,
) -> tuple[pl.Series, pl.Series]:
    import polars as pl

    latency_ns = round(options.latency_s * calendar.SECOND_NS)
    # The end of the day is late enough for any latency.
    assumed_ns = published_ns + latency_ns * (~bare).cast(pl.Int64)
    name = columns.one("known_at")
    if name is None:
        return assumed_ns, pl.repeat(value=True, n=frame.height, dtype=pl.Boolean, eager=True)
    collected = parse_stamps(frame[name], tz=options.tz, date_format=options.date_format).ns
    parts = pl.DataFrame({"collected": collected, "published": published_ns, "assumed": assumed_ns})
    # A collection time before publication is a clock that is wrong: the later of both counts.
    known = pl.max_horizontal("collected", "published")
    absent = pl.col("collected").is_null()
    flag = columns.one("known_is_assumed")
    said = pl.lit(value=False)
    if flag is not None:
        said = pl.lit(frame[flag].cast(pl.String).str.to_lowercase().is_in(["true", "1"]))
    found = parts.select(
        known=pl.when(absent).then("assumed").otherwise(known),
        flag=absent | said.fill_null(value=False),
    )
    return found["known"], found["flag"]


def _symbols(
    frame: pl.DataFrame, columns: Columns, options: NewsOptions
) -> tuple[pl.Series, pl.Series]:
    import polars as pl

    name = columns.one("symbol")
    if name is None:
        one = [options.symbol] if options.symbol else []
        column = pl.Series("symbol", [one] * frame.height, dtype=pl.List(pl.String))
    elif isinstance(frame[name].dtype, pl.List | pl.Array):
        column = frame[name].cast(pl.List(pl.String))
    else:
        # Text may hold several, as a list in whatever brackets: ['AAPL', 'MSFT'] or AAPL;MSFT.
        plain = frame[name].cast(pl.String).str.replace_all(_LIST_MARKS, "")
        column = plain.str.replace_all(_SEPARATORS, ",").str.strip_chars(" ,").str.split(",")
    named = column.list.eval(
        pl.element().filter(pl.element().str.strip_chars().str.len_bytes() > 0)
    )
    spelled = named.list.eval(joined_symbols(pl.element()).drop_nulls().unique().sort())
    given = named.list.len().fill_null(0) > 0
    return spelled, given & (spelled.list.len().fill_null(0) == 0)


def _text(frame: pl.DataFrame, name: str | None) -> pl.Series:
    import polars as pl

    if name is None:
        return pl.repeat(None, frame.height, dtype=pl.String, eager=True)
    column = frame[name]
    if isinstance(column.dtype, pl.List):
        return column.cast(pl.List(pl.String)).list.join(", ")
    text = column.cast(pl.String)
    # An empty cell of a text file says nothing, as a null of a typed one.
    return text.to_frame("t").select(pl.when(pl.col("t").str.len_bytes() > 0).then("t")).to_series()


def _origin(given: Given) -> list[pl.Series]:
    import polars as pl

    if set(given.frame.columns) >= _ENRICHED:
        # What was given first stays the origin, and links that enrichment made stay its own.
        return [_text(given.frame, name).alias(name) for name in ("raw", "link")]
    texts = given.texts(np.arange(given.frame.height))
    nothing = pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    return [pl.Series("raw", texts, dtype=pl.String), nothing.alias("link")]


def _break(rule: NDArray[np.int8], broken: pl.Series, which: NewsRule) -> None:
    rule[broken.to_numpy() & (rule == NewsRule.KEPT)] = which
