"""Articles as they came in become rows of a lake, enriched exactly as an import enriches them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from catalyst.data.enrichment import enrich
from catalyst.data.enrichment.clusters import WINDOW_NS
from catalyst.data.enrichment.schema import ENRICHED, SETTLED
from catalyst.data.given import Given
from catalyst.data.lake import Lake
from catalyst.data.lake_files import dated_folders, parts
from catalyst.data.news_intake import NewsOptions, news_reading, read_reports
from catalyst.data.news_merge import what_bears_on
from catalyst.data.news_store import FOLDER
from catalyst.data.vendors.alpaca_pages import news_rows

_INSTANT = pl.Datetime("ns", "UTC")
_OPTIONS = NewsOptions(tz="UTC", midnight="time", latency_s=0.0)


class Report(NamedTuple):
    """Hold one article as a source told it.

    Attributes
    ----------
    known_ns
        When it came in, ns UTC; never before its publication.
    poll
        Number of the answer that it came with.
    provider
        Who delivered it.
    article
        Fields of Alpaca's REST: id, headline, source, author, url, created_at, symbols, ...
    """

    known_ns: int
    poll: int
    provider: str
    article: Mapping[str, Any]


class Tally(NamedTuple):
    """Count what became of the articles of one answer."""

    given: int
    new: int
    duplicates: int
    refused: int


@dataclass
class NewsReader:
    """Enrich articles in the order in which they became known.

    What was known before, in the lake and since, says which of them are new, which correct another
    and which cluster they belong to.

    Parameters
    ----------
    lake
        Live's own lake: what was known before `begin_ns`.
    begin_ns
        When live begins to see for itself, ns UTC.

    Attributes
    ----------
    latest_ns
        When the last row became known that was read, 0 before; what is read next must be later.
    """

    lake: Lake
    begin_ns: int
    latest_ns: int = field(init=False, default=0)
    _rows: pl.DataFrame = field(init=False, repr=False)
    _whole_since_ns: int = field(init=False)

    def __post_init__(self) -> None:
        # The window before the first article that comes, and a day more for those that come late.
        self._whole_since_ns = self.begin_ns - 2 * WINDOW_NS
        first, last = _date(self._whole_since_ns), _date(self.begin_ns)
        paths = [
            path
            for day, folder in dated_folders(self.lake.root / FOLDER)
            if first <= day <= last
            for path in parts(folder)
        ]
        seen = pl.col("known_at").dt.timestamp("ns") <= self.begin_ns
        rows = _settled(paths).filter(seen).collect() if paths else pl.DataFrame(schema=SETTLED)
        self._rows = rows
        self._note()

    def remember(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows that an earlier process of this session gave out, as `read` gives them."""
        frame = news_frame(rows).select(list(SETTLED))
        self._rows = pl.concat([self._rows, frame])
        self._note()

    @staticmethod
    def warm() -> None:
        """Load and compile what reading needs: a third of a second that no decision shall wait."""
        said = {"headline": "$AA rises", "created_at": "2000-01-03T15:00:00Z", "symbols": ["AA"]}
        enrich(_links([Report(946_911_600_000_000_000, 0, "nobody", said)]))

    def read(self, reports: Sequence[Report]) -> tuple[list[dict[str, Any]], dict[int, Tally]]:
        """Turn reports into rows; what is known already makes none.

        Parameters
        ----------
        reports
            All known after `latest_ns`.

        Returns
        -------
        rows
            Columns of `catalyst.data.enrichment.schema.ENRICHED`, with ``known_ns`` and
            ``published_ns`` (ns UTC) in the places of the instants; ascending by (known_ns,
            news_id, symbol).
        tallies
            By number of the answer.
        """
        if not reports:
            return [], {}
        links = _links(reports)
        gone: Counter[int] = Counter()
        news = pl.DataFrame(schema=ENRICHED)
        if links.height:
            found = enrich(links, earlier=self._earlier(links))
            news = found.news
            gone.update(found.duplicates["row"].to_list())
            gone.update(found.mislinked["row"].to_list())
            self._rows = pl.concat([self._rows, news.select(list(SETTLED))])
            self._note()
        tallies = _tallies(reports, Counter(links["row"].to_list()), gone)
        return news_dicts(news), tallies

    def _earlier(self, links: pl.DataFrame) -> pl.DataFrame | None:
        before = self._rows.lazy()
        # An article that was known before the rows at hand was published before them; a retweet
        # may be of any age.
        late = pl.col("published_at").dt.timestamp("ns") < self._whole_since_ns
        if links.select((late | pl.col("retweet_of_id").is_not_null()).any()).item():
            first = _date(self._whole_since_ns)
            older = [
                path
                for day, folder in dated_folders(self.lake.root / FOLDER)
                if day < first
                for path in parts(folder)
            ]
            if older:
                before = pl.concat([_settled(older), before])
        return what_bears_on(links, before)

    def _note(self) -> None:
        if self._rows.height:
            latest_ns = self._rows["known_at"].dt.timestamp("ns").max()
            self.latest_ns = max(self.latest_ns, int(latest_ns))  # type: ignore[arg-type]


def _links(reports: Sequence[Report]) -> pl.DataFrame:
    """Read articles as an import does, but for when they were known: that we saw ourselves."""
    frame, raw = news_rows([report.article for report in reports])
    frame = frame.with_columns(
        known_at=pl.Series([report.known_ns for report in reports]).cast(_INSTANT),
        known_is_assumed=pl.lit(value=False),
        provider=pl.Series([report.provider for report in reports], dtype=pl.String),
    )
    given = Given(frame, "live news", raw=raw)
    return read_reports(given, news_reading(given, _OPTIONS, {})).links.drop("text")


def news_dicts(news: pl.DataFrame) -> list[dict[str, Any]]:
    """Give rows of a lake's news as dictionaries, instants as ``known_ns`` and ``published_ns``."""
    told = news.select(
        pl.col(name).dt.timestamp("ns").alias(_NS[name]) if name in _NS else pl.col(name)
        for name in ENRICHED
    )
    return told.to_dicts()


def news_frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Lay rows that `news_dicts` gave out as a lake's news again."""
    schema = {
        _NS.get(name, name): pl.Int64 if name in _NS else kind for name, kind in ENRICHED.items()
    }
    frame = pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)
    return frame.select(
        pl.col(_NS[name]).cast(_INSTANT).alias(name) if name in _NS else pl.col(name)
        for name in ENRICHED
    )


_NS = {"known_at": "known_ns", "published_at": "published_ns"}


def _settled(paths: Sequence[str]) -> pl.LazyFrame:
    found = pl.scan_parquet(list(paths), hive_partitioning=False, glob=False)
    return found.select(pl.col(name).cast(kind) for name, kind in SETTLED.items())


def _date(ns: int) -> dt.date:
    return dt.datetime.fromtimestamp(ns // 10**9, dt.UTC).date()


def _tallies(
    reports: Sequence[Report], links: Mapping[int, int], gone: Mapping[int, int]
) -> dict[int, Tally]:
    counts: dict[int, list[int]] = {}
    for row, report in enumerate(reports):
        count = counts.setdefault(report.poll, [0, 0, 0, 0])
        count[0] += 1
        if not links.get(row):
            count[3] += 1
        elif gone.get(row, 0) < links[row]:
            count[1] += 1
        else:
            count[2] += 1
    return {poll: Tally(*count) for poll, count in counts.items()}
