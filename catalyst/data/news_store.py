"""News on disk: enriched as it comes, and again wherever a new article changes what follows it.

A file holds the news of one UTC day of `known_at`. What is stored is a function of the set of
reports that were given, not of the order in which they came: a story known earlier than stored
ones may become the first of their cluster, so the stored rows of its symbols from its day on are
enriched again.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalyst.data import calendar
from catalyst.data.news_intake import NewsRule, Reports
from catalyst.data.partition import (
    PART,
    dated_folders,
    install,
    parts,
    prepare_table,
    remove,
)
from catalyst.data.quarantine import Rejected
from catalyst.errors import LakeError

if TYPE_CHECKING:
    import polars as pl

FOLDER = "news"

# Enrichment holds a few Python objects a row; this many rows take about half a gigabyte.
_CHUNK_ROWS = 100_000
_STORED_ROW = -1
_IDENTITY = ("id", "retweet_of_id")


@dataclass(slots=True)
class NewsCounts:
    """Count what became of the rows of an import."""

    imported: int = 0
    duplicates: int = 0
    links_added: int = 0
    links_dropped: int = 0


@dataclass(slots=True)
class _Fates:
    """How many links of each given row are wrong, and how many only repeat what is known."""

    wrong: Counter[int] = field(default_factory=Counter)
    repeated: Counter[int] = field(default_factory=Counter)


def store_news(
    root: Path,
    reports: Sequence[Reports],
    *,
    rejected: Rejected,
    on_rows: Callable[[int], None] | None = None,
) -> NewsCounts:
    """Merge reports into the lake and enrich what they change.

    Parameters
    ----------
    root
        The lake's folder; the caller holds its lock.
    reports
        Given news of one or more files.
    rejected
        Receives the rows that break a rule, and those whose only link is wrong.
    on_rows
        Called with the number of rows done, for progress.
    """
    import polars as pl

    starts = np.cumsum([0, *(one.given.frame.height for one in reports)]).tolist()
    links = pl.concat(
        one.links.with_columns(pl.col("row") + start)
        for one, start in zip(reports, starts, strict=False)
    )
    fates, counts = _Fates(), NewsCounts()
    if links.height:
        for rows, added in _enrich_from(root, links, fates=fates):
            counts.links_added += added
            if on_rows is not None:
                on_rows(rows)
    per_row = links.group_by("row").len()
    n_links = dict(zip(per_row["row"].to_list(), per_row["len"].to_list(), strict=True))
    for one, start in zip(reports, starts, strict=False):
        rejected.add(one.given.file, one.given.broken)
        rule = one.rule.copy()
        for row in np.flatnonzero(rule == NewsRule.KEPT).tolist():
            wrong, repeated = fates.wrong[start + row], fates.repeated[start + row]
            # A row of several links is imported if one of them is.
            if n_links[start + row] > wrong + repeated:
                counts.imported += 1
            elif repeated:
                counts.duplicates += 1
            else:
                rule[row] = NewsRule.MISLINKED
                continue
            counts.links_dropped += wrong
        broken = np.flatnonzero(rule)
        labels = [NewsRule(code).label for code in rule[broken].tolist()]
        lines = one.given.lines(broken).tolist()
        rejected.add(one.given.file, zip(lines, labels, one.given.texts(broken), strict=True))
    return counts


def enrich_again(
    root: Path, *, rejected: Rejected, on_rows: Callable[[int], None] | None = None
) -> tuple[int, int]:
    """Enrich all stored news anew, as after a change of the tables or rules.

    A link that is wrong now leaves the table for quarantine, its article stays under its other
    symbols.

    Returns
    -------
    (int, int)
        Rows of news, and files that changed.
    """
    from catalyst.data.enrichment import enrich

    rows = changed = 0
    held = dict(dated_folders(root / FOLDER))
    for dates in _chunks({date: _height(folder) for date, folder in held.items()}):
        stored = _read([held[date] for date in dates], any_age=True)
        found = enrich(stored, earlier=_earlier(root, stored))
        rejected.add(
            f"{FOLDER}/date={dates[0]}",
            ((0, NewsRule.MISLINKED.label, raw or "{}") for raw in found.mislinked["raw"]),
        )
        changed += _write_days(root, dates, stored, found.news)
        rows += found.news.height
        if on_rows is not None:
            on_rows(stored.height)
    return rows, changed


def read_news(
    root: Path, *, first: dt.date | None = None, last: dt.date | None = None
) -> pl.DataFrame:
    """Read the news known on the UTC days from `first` to `last`, both included.

    Returns
    -------
    DataFrame
        The columns of `catalyst.data.enrichment.schema.ENRICHED`, by known_at, news_id, symbol.
    """
    return _read(
        [
            folder
            for date, folder in dated_folders(root / FOLDER)
            if (first is None or date >= first) and (last is None or date <= last)
        ]
    )


def read_news_of(root: Path, date: dt.date) -> pl.DataFrame:
    """Read the news known on one UTC day; see `read_news`."""
    return _read([root / FOLDER / f"date={date}"])


def news_symbols(root: Path) -> list[str]:
    """List the symbols that have news, ascending."""
    import polars as pl

    paths = [path for _, folder in dated_folders(root / FOLDER) for path in parts(folder)]
    if not paths:
        return []
    symbols = pl.scan_parquet(paths, hive_partitioning=False).select(pl.col("symbol").unique())
    found: list[str] = symbols.filter(pl.col("symbol") != "").collect().to_series().sort().to_list()
    return found


def _enrich_from(root: Path, links: pl.DataFrame, *, fates: _Fates) -> Iterator[tuple[int, int]]:
    import polars as pl

    from catalyst.data.enrichment import enrich

    first_ns = int(links["known_at"].dt.timestamp("ns").min())  # type: ignore[arg-type]
    links = links.with_columns(day=pl.col("known_at").dt.date())
    held = {
        date: folder for date, folder in dated_folders(root / FOLDER) if date >= _day_of(first_ns)
    }
    touched = _symbols_of(links) if held else []
    sizes = dict(links.group_by("day").len().rows())
    for date, folder in held.items():
        sizes[date] = sizes.get(date, 0) + _height(folder)
    for dates in _chunks(sizes):
        stored = _read([held[date] for date in dates if date in held])
        again = (pl.col("known_at").dt.timestamp("ns") >= first_ns) & pl.col("symbol").is_in(
            touched
        )
        new = links.filter(pl.col("day").is_in(dates))
        # Stored rows come first: between equals the first one stays.
        fed = pl.concat(
            [stored.filter(again).with_columns(row=pl.lit(_STORED_ROW, pl.Int64)), new],
            how="diagonal",
        )
        if not fed.height:
            continue
        found = enrich(fed, earlier=_earlier(root, fed))
        fates.wrong.update(found.mislinked["row"].to_list())
        fates.repeated.update(found.duplicates["row"].to_list())
        fates.repeated.update(_made_again(new, stored))
        kept = found.news
        if held:
            kept = pl.concat([stored.filter(~again), kept.filter(pl.col("symbol").is_in(touched))])
        _write_days(root, dates, stored, kept)
        yield new["row"].n_unique(), found.links_added


def _made_again(new: pl.DataFrame, stored: pl.DataFrame) -> list[int]:
    """Find the given links that enrichment once made, where the lake or a row before has them."""
    import polars as pl

    key = ["news_id", "symbol", "known_at"]
    made = new.filter(pl.col("link").is_in(["cashtag", "name"]).fill_null(value=False))
    if not made.height:
        return []
    made = made.with_columns(_article_ids(made))
    again = made.join(stored.select(key), on=key, how="semi")["row"].to_list()
    twice = made.filter(pl.struct(key).is_first_distinct().not_())["row"].to_list()
    return sorted({*again, *twice})


def _symbols_of(links: pl.DataFrame) -> list[str]:
    from catalyst.data.enrichment.text import plain
    from catalyst.data.enrichment.tickers import cashtags, company_names, company_symbols

    names, pattern = company_names(None)
    symbols = {*links["symbol"].drop_nulls().unique(), ""}
    for headline in links["headline"].unique():
        text = plain(headline)
        whole, cut = cashtags(text)
        symbols.update(whole if whole or cut else company_symbols(text, names, pattern))
    return sorted(symbols)


def _earlier(root: Path, fed: pl.DataFrame) -> pl.DataFrame | None:
    import polars as pl

    from catalyst.data.enrichment.clusters import WINDOW_NS
    from catalyst.data.enrichment.schema import SETTLED

    before_ns = int(fed["known_at"].dt.timestamp("ns").min())  # type: ignore[arg-type]
    paths = [
        path
        for date, folder in dated_folders(root / FOLDER)
        if date <= _day_of(before_ns)
        for path in parts(folder)
    ]
    if not paths:
        return None
    known_ns = pl.col("known_at").dt.timestamp("ns")
    before = pl.scan_parquet(paths, hive_partitioning=False).select(list(SETTLED))
    before = before.filter(known_ns < before_ns)
    posts = pl.concat([fed[name].drop_nulls() for name in _IDENTITY]).unique()
    same_post = pl.any_horizontal(pl.col(name).is_in(posts.implode()) for name in _IDENTITY)
    same_post = same_post.fill_null(value=False) if len(posts) else pl.lit(value=False)
    articles = _article_ids(fed).unique()
    told = pl.col("news_id").is_in(articles.implode())
    # What can matter: a day of stories, versions of the same articles, originals and retweets of
    # the same posts, and the rest of their clusters, which says what was known of them.
    again = before.filter(same_post | told)
    clusters = again.select(pl.col("cluster_id").unique()).collect().to_series()
    member = pl.col("cluster_id").is_in(clusters.implode())
    near = known_ns >= before_ns - WINDOW_NS
    found = before.filter(near | told | same_post | member).collect()
    return found if found.height else None


def _article_ids(fed: pl.DataFrame) -> pl.Series:
    import polars as pl

    from catalyst.data.enrichment import news_id

    columns = fed.select("headline", "source", pl.col("published_at").dt.timestamp("ns")).rows()
    ids = [news_id(headline, source, published_ns=ns) for headline, source, ns in columns]
    return pl.Series("news_id", ids, dtype=pl.String)


def _chunks(sizes: Mapping[dt.date, int]) -> Iterator[list[dt.date]]:
    chunk: list[dt.date] = []
    rows = 0
    for date, size in sorted(sizes.items()):
        if chunk and rows + size > _CHUNK_ROWS:
            yield chunk
            chunk, rows = [], 0
        chunk.append(date)
        rows += size
    if chunk:
        yield chunk


def _write_days(
    root: Path, dates: Sequence[dt.date], stored: pl.DataFrame, kept: pl.DataFrame
) -> int:
    order = ("known_at", "news_id", "symbol")
    kept_by_day = _by_day(kept.sort(order))
    stored_by_day = _by_day(stored)
    written = []
    changed = 0
    for date in dates:
        now, before = kept_by_day.get(date), stored_by_day.get(date)
        relative = f"{FOLDER}/date={date}/{PART}"
        if now is None:
            if before is not None:
                remove(root, relative)
                changed += 1
        elif before is None or not now.equals(before, null_equal=True):
            prepare_table(root, relative, table=now.to_arrow())
            written.append(relative)
    install(root, written)
    return changed + len(written)


def _by_day(frame: pl.DataFrame) -> dict[dt.date, pl.DataFrame]:
    import polars as pl

    dated = frame.with_columns(pl.col("known_at").dt.date().alias("day"))
    found = dated.partition_by("day", as_dict=True, include_key=False)
    return {day: rows for (day,), rows in found.items()}


def _read(folders: Sequence[Path], *, any_age: bool = False) -> pl.DataFrame:
    import polars as pl

    from catalyst.data.enrichment.schema import ENRICHED

    paths = [path for folder in folders for path in parts(folder)]
    if not paths:
        return pl.DataFrame(schema=ENRICHED)
    # Files of an older catalyst lack columns: enriching them again fills these in.
    found = pl.scan_parquet(
        paths,
        schema=dict(ENRICHED),
        missing_columns="insert" if any_age else "raise",
        hive_partitioning=False,
    )
    try:
        return found.collect()
    except pl.exceptions.ColumnNotFoundError as error:
        root = folders[0].parents[1]
        raise LakeError(
            f"the news of {root} was stored by an older catalyst and lacks columns; run "
            f"`catalyst data enrich --lake {root}` once"
        ) from error


def _height(folder: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in parts(folder))


def _day_of(ns: int) -> dt.date:
    return calendar.day_to_date(ns // calendar.DAY_NS)
