"""From headline to article: everything that is stored with the news, decided once."""

from __future__ import annotations

import gc
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from catalyst.data.calendar import market_state
from catalyst.data.enrichment.clusters import WINDOW_NS, Clusters, Membership
from catalyst.data.enrichment.identity import news_id
from catalyst.data.enrichment.readings import Reading, read_headline, readings_frame, text_lists
from catalyst.data.enrichment.schema import (
    ENRICHED,
    GIVEN,
    REQUIRED,
    SETTLED,
    SETTLED_REQUIRED,
    STATE,
    conformed,
)
from catalyst.data.enrichment.sources import source_tier
from catalyst.data.enrichment.text import word_set, words_of
from catalyst.data.enrichment.tickers import company_names, contradicts
from catalyst.data.enrichment.versions import Content, Link, Version, kept_versions
from catalyst.data.symbols import joined_symbol
from catalyst.errors import InputError
from catalyst.strategy.values import MarketState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MADE = frozenset({Link.CASHTAG, Link.NAME})
_PROVIDED = frozenset({Link.PROVIDER, Link.ACCEPTED})
_ADDED = frozenset(link.label for link in _MADE)
_LABELS = {link: link.label for link in Link}
_CONTENT = ("headline", "url", "author")
_NEVER_NS = 2**63 - 1
_ORDER = ("headline", "url", "author", "provider", "source", "id", "retweet_of_id", "raw")

_Key = tuple[str, str]
_Entry = tuple[int, str, str, int, Link]


@dataclass(frozen=True, slots=True, eq=False)
class Enriched:
    """Hold the result of `enrich`.

    Attributes
    ----------
    news
        One row per article, symbol and version, columns of ``schema.ENRICHED``, sorted by
        (known_at, news_id, symbol), which is a unique key.
    mislinked
        The given rows whose provider link is wrong, whole, in the order given.
    duplicates
        The given rows that only repeat another one, whole, in the order given.
    links_added
        How many rows of `news` enrichment added that weren't among the rows given.
    """

    news: pl.DataFrame
    mislinked: pl.DataFrame
    duplicates: pl.DataFrame
    links_added: int


def enrich(
    news: pl.DataFrame,
    *,
    symbols: frozenset[str] | None = None,
    names: Mapping[str, str] | None = None,
    earlier: pl.DataFrame | None = None,
) -> Enriched:
    """Turn reported headlines into articles.

    A pure function of its arguments and the tables: the order of rows doesn't matter, and removing
    rows known later changes no row known earlier. Running it over its own result changes nothing:
    a row whose `link` says that enrichment added it is read as an article without a provider's
    link, and the link is found again.

    Parameters
    ----------
    news
        One row per article and provider's link: `headline`, `published_at`, `known_at` (instants,
        UTC) and optionally `known_is_assumed`, `symbol` (the provider's, any spelling; null if
        none), `source`, `author`, `url`, `provider`, `raw`, `id`, `retweet_of_id`, and `link` (null
        for a new row, else as stored). Other columns come back in `mislinked` and `duplicates`.
    symbols
        Add links to these symbols only; None adds every cashtag and every company of the table.
    names
        Company names beyond the table, name -> symbol.
    earlier
        Rows of an earlier result, all known before those of `news`: they seed clusters and
        corrections. Exact if it holds the 24 hours before, every row whose article or original
        comes again, and all rows of their clusters. None if there is nothing before.

    Returns
    -------
    Enriched
        Rows imported = rows given - mislinked - duplicates, counted over rows without `link`; a
        row without a provider's link is imported under every symbol that its text names.

    Raises
    ------
    InputError
        If a column is missing or null where it may not be, or `earlier` isn't earlier.

    Notes
    -----
    A mislinked row loses its link, not its cashtags: the article stays under those. An article that
    speaks of no symbol has the symbol ``""`` and the link ``none``. A correction keeps cluster and
    rank of the first version, and tells the state of the cluster by its own time.
    ``tickers`` lists what the text names and the row's own symbol.
    """
    with _collector_at_rest():
        return _enriched(news, symbols, names, earlier)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    # Hundreds of thousands of small objects and no cycle among them: looking for one takes a
    # quarter of the time.
    resting = not gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not resting:
            gc.enable()


def _enriched(
    news: pl.DataFrame,
    symbols: frozenset[str] | None,
    names: Mapping[str, str] | None,
    earlier: pl.DataFrame | None,
) -> Enriched:
    given = conformed(news, GIVEN, required=REQUIRED, name="news")
    rows = _Rows(given)
    names_known, pattern = company_names(names)
    distinct = given["headline"].unique(maintain_order=True)
    position = {headline: at for at, headline in enumerate(distinct)}
    readings = [read_headline(text, names=names_known, pattern=pattern) for text in distinct]
    reading_of = [position[headline] for headline in rows.headline]

    settled = _Settled(earlier, before_ns=min(rows.known_ns, default=_NEVER_NS))
    claims, wrong = _claims(rows, [readings[at] for at in reading_of], symbols)
    entries, repeated = _entries(rows, claims, settled.contents)
    words = _Words(readings, reading_of)
    clusters = _clusters(rows, entries, settled, words)

    taken = [entry[3] for entry in entries]
    stored = {
        (rows.article[row], rows.symbol[row], rows.known_ns[row])
        for row, link in enumerate(rows.link)
        if link in _ADDED
    }
    added = sum(
        link in _MADE and (article, symbol, known_ns) not in stored
        for known_ns, article, symbol, _, link in entries
    )
    frame = (
        given[taken]
        .drop("symbol", "link")
        .with_columns(
            pl.Series("news_id", [entry[1] for entry in entries], pl.String),
            pl.Series("symbol", [entry[2] for entry in entries], pl.String),
            pl.Series("link", [_LABELS[entry[4]] for entry in entries], pl.String),
            pl.Series("tier", [source_tier(rows.source[row]) for row in taken], pl.Int8),
            text_lists(_tickers(entries, readings, reading_of)).alias("tickers"),
            pl.Series("market_state", _states(rows, taken), pl.String),
            *_cluster_columns(clusters),
            pl.col("known_is_assumed").fill_null(value=False),
        )
    )
    spoken = readings_frame(readings)[[reading_of[row] for row in taken]]
    return Enriched(
        news=frame.hstack(spoken).select(list(ENRICHED)),
        mislinked=news[wrong],
        duplicates=news[repeated],
        links_added=added,
    )


class _Rows:
    """The given rows as lists: enrichment goes row by row through Python strings."""

    def __init__(self, given: pl.DataFrame) -> None:
        self.headline: list[str] = given["headline"].to_list()
        self.source: list[str | None] = given["source"].to_list()
        self.symbol: list[str] = [joined_symbol(s or "") for s in given["symbol"].to_list()]
        self.link: list[str | None] = given["link"].to_list()
        self.provided = [
            "" if link in _ADDED else symbol
            for symbol, link in zip(self.symbol, self.link, strict=True)
        ]
        self.id: list[str | None] = given["id"].to_list()
        self.retweet_of_id: list[str | None] = given["retweet_of_id"].to_list()
        self.known_ns: list[int] = given["known_at"].to_physical().to_list()
        self.published_ns: list[int] = given["published_at"].to_physical().to_list()
        self._given = given
        self._versions: list[tuple[Content, tuple[str, ...]]] | None = None
        self.article: list[str] = [
            news_id(headline, source, published_ns=published_ns)
            for headline, source, published_ns in zip(
                self.headline, self.source, self.published_ns, strict=True
            )
        ]

    def __len__(self) -> int:
        return len(self.headline)

    def version(self, row: int, link: Link) -> Version:
        # Most articles have one version, and need none of this.
        if self._versions is None:
            contents = self._given.select(_CONTENT).rows()
            orders = self._given.select(pl.col(_ORDER).fill_null("")).rows()
            self._versions = list(zip(contents, orders, strict=True))
        content, order = self._versions[row]
        new = "" if self.link[row] else "new"
        return Version(self.known_ns[row], link, (*order, self.provided[row], new), row, content)


class _Settled:
    """What is known from before: contents of versions, clusters of articles, firsts of clusters."""

    def __init__(self, earlier: pl.DataFrame | None, *, before_ns: int) -> None:
        self.contents: dict[_Key, list[Content]] = defaultdict(list)
        self.assigned: dict[_Key, tuple[str, int]] = {}  # cluster and rank
        self.clusters = Clusters()
        if earlier is None or earlier.is_empty():
            return
        frame = conformed(earlier, SETTLED, required=SETTLED_REQUIRED, name="earlier")
        frame = frame.sort("known_at", "news_id", "symbol")
        latest_ns = int(frame["known_at"].to_physical()[-1])
        if latest_ns >= before_ns:
            message = (
                f"earlier holds a row known at {latest_ns} ns, but news begins at {before_ns} ns; "
                "expected all of earlier before news: pass such rows as news"
            )
            raise InputError(message)
        for row in frame.with_columns(known_ns=pl.col("known_at").to_physical()).iter_rows(
            named=True
        ):
            key = (row["news_id"], row["symbol"])
            self.contents[key].append(tuple(row[column] for column in _CONTENT))
            if key in self.assigned:
                continue
            self.assigned[key] = (row["cluster_id"], row["cluster_rank"])
            joinable = row["cluster_rank"] == 0 and row["known_ns"] >= before_ns - WINDOW_NS
            self.clusters.remember(
                row["symbol"],
                row["known_ns"],
                cluster_id=row["cluster_id"],
                words=word_set(row["headline"]) if joinable else None,
                source=row["source"],
                post_id=row["id"],
                retweet_of_id=row["retweet_of_id"],
            )


def _claims(
    rows: _Rows, readings: list[Reading], symbols: frozenset[str] | None
) -> tuple[dict[_Key, list[tuple[int, Link]]], list[int]]:
    """Collect which row links which article to which symbol, and the rows that do it wrongly."""
    claims: dict[_Key, list[tuple[int, Link]]] = {}
    wrong: list[int] = []
    for row, reading in enumerate(readings):
        article = rows.article[row]
        provided = rows.provided[row]
        if provided:
            accepted = rows.link[row] == Link.ACCEPTED.label
            against = contradicts(reading.text, reading.whole, reading.cut, symbol=provided)
            if against and not accepted:
                wrong.append(row)
            else:
                kept = Link.ACCEPTED if accepted else Link.PROVIDER
                claims.setdefault((article, provided), []).append((row, kept))
        link = Link.NAME if reading.named else Link.CASHTAG
        found = [s for s in reading.tickers if symbols is None or s in symbols]
        for symbol in found:
            if symbol != provided:
                claims.setdefault((article, symbol), []).append((row, link))
        if not provided and not found:
            claims.setdefault((article, ""), []).append((row, Link.NONE))
    return claims, wrong


def _entries(
    rows: _Rows,
    claims: dict[_Key, list[tuple[int, Link]]],
    settled: dict[_Key, list[Content]],
) -> tuple[list[_Entry], list[int]]:
    """Choose the claims that become rows, in order; and the given rows that became none."""
    entries: list[_Entry] = []
    unused: set[int] = set()
    used: set[int] = set()
    for (article, symbol), claimed in claims.items():
        before = settled.get((article, symbol), [])
        if len(claimed) == 1 and not before:
            kept = claimed
        else:
            versions = [rows.version(row, link) for row, link in claimed]
            kept = [(v.row, v.link) for v in kept_versions(versions, settled=before)]
        entries.extend((rows.known_ns[row], article, symbol, row, link) for row, link in kept)
        chosen = {row for row, _ in kept}
        for row, link in claimed:
            # A row with a provider's link answers for that link; one without, for all it brought.
            if rows.link[row] not in _ADDED and (link in _PROVIDED or not rows.symbol[row]):
                (used if row in chosen else unused).add(row)
    return sorted(entries), sorted(unused - used)


class _Words:
    """The word sets of the rows, each made once and when it is asked for."""

    def __init__(self, readings: list[Reading], reading_of: list[int]) -> None:
        self._readings = readings
        self._reading_of = reading_of
        self._made: list[frozenset[str] | None] = [None] * len(readings)

    def of(self, row: int) -> frozenset[str]:
        at = self._reading_of[row]
        made = self._made[at]
        if made is None:
            made = self._made[at] = words_of(self._readings[at].text)
        return made


def _clusters(
    rows: _Rows, entries: list[_Entry], settled: _Settled, words: _Words
) -> list[Membership]:
    assigned = settled.assigned
    clusters = settled.clusters
    result: list[Membership] = []
    for known_ns, article, symbol, row, _ in entries:
        key = (article, symbol)
        before = assigned.get(key)
        if before is not None:
            cluster_id, rank = before
            result.append(clusters.state(symbol, cluster_id, rank=rank))
            continue
        member = clusters.assign(
            symbol,
            known_ns,
            news_id=article,
            words=words.of(row),
            source=rows.source[row],
            post_id=rows.id[row],
            retweet_of_id=rows.retweet_of_id[row],
        )
        assigned[key] = member.cluster_id, member.rank
        result.append(member)
    return result


def _cluster_columns(members: list[Membership]) -> list[pl.Series]:
    columns: list[Sequence[Any]] = list(zip(*members, strict=True)) or [()] * len(
        Membership._fields
    )
    names = ("cluster_id", "cluster_rank", *STATE)
    return [
        pl.Series(name, values, ENRICHED[name]) for name, values in zip(names, columns, strict=True)
    ]


def _tickers(
    entries: list[_Entry], readings: list[Reading], reading_of: list[int]
) -> list[list[str]]:
    return [
        sorted({*readings[reading_of[row]].tickers, symbol} - {""})
        for _, _, symbol, row, _ in entries
    ]


def _states(rows: _Rows, taken: list[int]) -> list[str]:
    published_ns = np.array([rows.published_ns[row] for row in taken], dtype=np.int64)
    labels = np.array([state.label for state in MarketState], dtype=object)
    states: list[str] = labels[market_state(published_ns)].tolist()
    return states
