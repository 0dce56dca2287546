"""Given rows become reports: columns found, times read, links split, rules asked.

What holds for a whole file, such as which column is which, is decided once, by `news_reading`;
`read_reports` then reads block after block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.columns import NEWS_ALIASES, NEWS_REQUIRED, Columns, resolve_columns
from catalyst.data.given import Given, joined_text, time_columns
from catalyst.data.options import settled
from catalyst.data.stamps import NEW_YORK_NAME, Stamps, parse_stamps, zone_checked
from catalyst.data.symbols import joined_symbols
from catalyst.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_PROVIDER = "user"
# A table of news that a lake gave out, by `catalyst data export` or `Lake.news`.
_ENRICHED = frozenset({"news_id", "cluster_id", "link", "raw"})
_TEXTS = ("source", "author", "url", "provider", "id", "retweet_of_id")
_LIST_MARKS = r"[\[\]{}()'\"]"
_SEPARATORS = r"\s*[,;|]\s*"
_DAY_END_HOUR = 20
#: A text longer than this is no headline, nor a name, and may not enter replay: wires keep to 300
#: characters, posts to 280 or, where their authors pay for more, mostly to a few thousand.
MAX_CHARACTERS = 10_000
#: A row that names more symbols is a list of symbols, not news of them.
MAX_LINKS = 1_000
#: Mark of a link that stays although the text speaks against it, because the user said so.
ACCEPTED = "accepted"


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
    LENGTH = 5
    """The headline or another text is longer than 10,000 characters, or there are 1,000 links."""
    SYMBOL = 6
    """The row names a symbol, and it is no ticker."""
    MISLINKED = 7
    """The text speaks of other symbols than the one the provider filed it under."""
    CONFLICT = 8
    """Another row has the article, symbol and instant, and another headline, url or author."""

    @property
    def label(self) -> str:
        """Give the name used in quarantine and reports."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class NewsOptions:
    """Say how news is to be read; see `Lake.add_news` for each. None: not said."""

    mapping: Mapping[str, str] | None = None
    symbol: str | None = None
    tz: str | None = None
    source: str | None = None
    provider: str | None = None
    latency_s: float | None = None
    date_format: str | None = None
    midnight: str | None = None
    fetched_at_ns: int | None = None
    covered_until_ns: int | None = None
    accept_links: bool | None = None

    def __post_init__(self) -> None:
        if self.tz is not None:
            zone_checked(self.tz)
        if self.latency_s is not None and not 0 <= self.latency_s < 86_400 * 365:
            raise InputError(
                f"the latency of {self.latency_s} s is out of range; expected 0 s to a year"
            )
        if self.midnight not in {None, "date", "time"}:
            raise InputError(f"midnight '{self.midnight}' is unknown; expected date or time")


#: What holds where neither the user nor the format says otherwise.
NEWS_DEFAULTS = NewsOptions(tz=NEW_YORK_NAME, latency_s=60.0, midnight="date")


@dataclass(frozen=True, slots=True, eq=False)
class NewsReading:
    """Say how the news of one file is read.

    Attributes
    ----------
    columns : Columns
        Where its values are.
    times : tuple of str
        The columns that make the time of publication.
    options : NewsOptions
        As settled between the user, the format and the defaults.
    """

    columns: Columns
    times: tuple[str, ...]
    options: NewsOptions


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """Hold given news as enrichment takes it.

    Attributes
    ----------
    links : DataFrame
        One row per report and provider's link: row (position in the block), headline, published_at,
        known_at, known_is_assumed, symbol (null without a link), source, author, url, provider, id,
        retweet_of_id, raw (JSON), link (as in the news of a lake, null otherwise), text (JSON of
        the row as given if `raw` is not that).
    rule : int8[n]
        The first rule each given row breaks, a `NewsRule`.
    """

    links: pl.DataFrame
    rule: NDArray[np.int8]


def news_reading(head: Given, options: NewsOptions, preset: Mapping[str, Any]) -> NewsReading:
    """Find the columns of a file of news, and settle the options.

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
        If there is no column of headlines or of times.
    """
    frame = head.frame
    if set(frame.columns) >= _ENRICHED:
        # A lake gives instants out, whatever they were made of.
        preset = {"midnight": "time", **preset}
    options = settled(options, preset, NEWS_DEFAULTS)
    aliases = {
        name: known
        for name, known in NEWS_ALIASES.items()
        if name != "symbol" or not options.symbol
    }
    columns = resolve_columns(
        frame.columns, aliases, required=NEWS_REQUIRED, mapping=options.mapping, file=head.file
    )
    return NewsReading(columns, time_columns(frame, columns.names["published_at"]), options)


def read_reports(given: Given, reading: NewsReading) -> Reports:
    """Read the times of a block of news, split the links.

    A date without a time of day is not known at midnight, nor is a time of exactly midnight, unless
    the options say that it is one: publication and knowledge are then set to 20:00 New York time of
    that date, the end of extended hours.
    """
    import polars as pl

    frame, columns, options = given.frame, reading.columns, reading.options
    rule = np.zeros(frame.height, np.int8)
    published_ns, bare = _published(frame, reading)
    _break(rule, published_ns.is_null(), NewsRule.STAMP)
    first = calendar.date_to_day(calendar.FIRST) * calendar.DAY_NS
    last = (calendar.date_to_day(calendar.LAST) + 1) * calendar.DAY_NS
    _break(rule, ~published_ns.fill_null(first).is_between(first, last - 1), NewsRule.CALENDAR)
    known_ns, assumed = _known(frame, columns, published_ns, bare, options)
    if options.fetched_at_ns is not None and options.covered_until_ns is not None:
        # What was not there when this span was fetched is known from now; what was, tells nothing
        # new now, and is a duplicate at whatever instant.
        late = (known_ns <= options.covered_until_ns).fill_null(value=False)
        then = pl.max_horizontal(pl.lit(known_ns), pl.lit(options.fetched_at_ns))
        known_ns = pl.select(pl.when(late).then(then).otherwise(pl.lit(known_ns))).to_series()
        assumed = assumed & ~late
    _break(rule, ~known_ns.fill_null(first).is_between(first, last - 1), NewsRule.CALENDAR)
    headline = _text(frame, columns.one("headline"))
    empty = headline.is_null() | (headline.str.strip_chars().str.len_bytes() == 0)
    _break(rule, empty.fill_null(value=True), NewsRule.HEADLINE)
    symbols, wrong = _symbols(frame, columns, options)
    texts = [_text(frame, columns.one(name)).alias(name) for name in _TEXTS]
    for text in (headline, *texts):
        _break(
            rule, (text.str.len_chars() > MAX_CHARACTERS).fill_null(value=False), NewsRule.LENGTH
        )
    _break(rule, (symbols.list.len() > MAX_LINKS).fill_null(value=False), NewsRule.LENGTH)
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
    ).with_columns(texts)
    links = links.with_columns(
        pl.col("source").fill_null(pl.lit(options.source, pl.String)),
        pl.col("provider").fill_null(options.provider or options.source or _PROVIDER),
    )
    kept = np.flatnonzero(rule == NewsRule.KEPT)
    links = links[kept].with_columns(_origin(given, kept))
    if options.accept_links:
        links = links.with_columns(link=pl.lit(ACCEPTED))
    return Reports(links.explode("symbol", empty_as_null=True), rule)


def _published(frame: pl.DataFrame, reading: NewsReading) -> tuple[pl.Series, pl.Series]:
    import polars as pl

    options = reading.options
    stamps = _stamps(frame, reading.times, options)
    is_dated = options.midnight == "date"
    ns, bare = _end_of_bare_dates(stamps, is_dated=is_dated)
    fallback = reading.columns.one("date")
    if fallback is not None and reading.times != (fallback,) and ns.has_nulls():
        # Some vendors give the time where they know it, and the date in a column of its own.
        stamps = _stamps(frame, (fallback,), options)
        dates, dated = _end_of_bare_dates(stamps, is_dated=is_dated)
        bare = bare | (ns.is_null() & dated)
        ns = pl.select(pl.coalesce(ns, dates)).to_series()
    return ns, bare


def _stamps(frame: pl.DataFrame, names: tuple[str, ...], options: NewsOptions) -> Stamps:
    column = joined_text(frame, names)
    return parse_stamps(column, tz=str(options.tz), date_format=options.date_format)


def _end_of_bare_dates(stamps: Stamps, *, is_dated: bool) -> tuple[pl.Series, pl.Series]:
    import polars as pl

    bare = ~stamps.has_time | stamps.is_label if is_dated else ~stamps.has_time
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

    latency_ns = round(float(options.latency_s or 0) * calendar.SECOND_NS)
    # The end of the day is late enough for any latency.
    assumed_ns = published_ns + latency_ns * (~bare).cast(pl.Int64)
    name = columns.one("known_at")
    if name is None:
        return assumed_ns, pl.repeat(value=True, n=frame.height, dtype=pl.Boolean, eager=True)
    collected = parse_stamps(frame[name], tz=str(options.tz), date_format=options.date_format).ns
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


def _origin(given: Given, rows: NDArray[np.int64]) -> list[pl.Series]:
    import polars as pl

    texts = pl.Series("raw", given.texts(rows), dtype=pl.String)
    nothing = pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    if set(given.frame.columns) >= _ENRICHED:
        # What was given first stays the origin, and links that enrichment made stay its own.
        origin = [_text(given.frame[rows], name).alias(name) for name in ("raw", "link")]
        return [*origin, texts.alias("text")]
    return [texts, nothing.alias("link"), nothing.alias("text")]


def _break(rule: NDArray[np.int8], broken: pl.Series, which: NewsRule) -> None:
    rule[broken.to_numpy() & (rule == NewsRule.KEPT)] = which
