"""News on its way into the lake: enriched as it comes, and again wherever it changes what follows.

What is stored is a function of the set of reports that were given, not of the order in which they
came: a story known earlier than stored ones may become the first of their cluster, so the stored
rows of its symbols from its day on are enriched again. A day of news is the smallest piece.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.news_fates import (
    STORED_ROW,
    NewsCounts,
    account,
    article_ids,
    fates,
    reject_stored,
    without_conflicts,
)
from catalyst.data.news_store import FOLDER, read_news_files
from catalyst.data.partition import PART, Transaction
from catalyst.data.quarantine import Rejected
from catalyst.data.spill import Spill, batches

if TYPE_CHECKING:
    import polars as pl

# Enrichment holds a few Python objects a row; this many rows take about half a gigabyte.
_CHUNK_ROWS = 100_000
_CHUNK_BYTES = 128 * 2**20
_IDENTITY = ("id", "retweet_of_id")


@dataclass(slots=True)
class WaitingNews:
    """Hold reports that passed the rules until all are read.

    Attributes
    ----------
    scratch : Path
        Folder for those that memory does not hold.
    files : list of (str, str)
        Name of each file, and how it was read.
    first_ns : int
        When the first of them became known.
    """

    scratch: Path
    files: list[tuple[str, str]] = field(default_factory=list)
    first_ns: int = 2**63 - 1
    spill: Spill = field(init=False)

    def __post_init__(self) -> None:
        self.spill = Spill(self.scratch, "news")

    def add(self, links: pl.DataFrame, *, lines: NDArray[np.int64], first_row: int) -> None:
        """Add reports of the file added last.

        Parameters
        ----------
        links
            As `catalyst.data.news_intake.Reports` has them; ``row`` counts from `first_row` in the
            whole import.
        lines
            Line of each row of the block.
        first_row
            Number of the block's first row.
        """
        import polars as pl

        if not links.height:
            return
        known_ns = links["known_at"].dt.timestamp("ns").to_numpy()
        self.first_ns = min(self.first_ns, int(known_ns.min()))
        frame = links.with_columns(
            pl.col("row") + first_row,
            pl.Series("line", lines[links["row"].to_numpy()]),
            pl.lit(len(self.files) - 1, pl.Int32).alias("file"),
        )
        self.spill.add(frame, known_ns // calendar.DAY_NS)


def merge_news(
    change: Transaction,
    waiting: WaitingNews,
    *,
    rejected: Rejected,
    on_rows: Callable[[int], None] = lambda _: None,
) -> NewsCounts:
    """Merge reports into the lake and enrich what they change.

    Parameters
    ----------
    change
        Receives the files.
    waiting
        Reports that passed the rules.
    rejected
        Receives the rows whose only link is wrong, and those that contradict another.
    on_rows
        Called with the number of rows done, for progress.
    """
    import polars as pl

    from catalyst.data.enrichment import enrich

    counts = NewsCounts()
    spill, first_ns = waiting.spill, waiting.first_ns
    if not len(spill):
        return counts
    held = {
        calendar.date_to_day(date): date
        for date in change.dates(FOLDER)
        if date >= _date_of(first_ns)
    }
    touched = _touched(spill) if held else []
    sizes, weights = spill.sizes(), spill.weights()
    for day, date in held.items():
        rows, size = _measured(change, date)
        sizes[day] = sizes.get(day, 0) + rows
        weights[day] = weights.get(day, 0) + size
    for first, last in batches(sizes, _CHUNK_ROWS, weights=weights, weight=_CHUNK_BYTES):
        dates = [_date(day) for day in sorted(sizes) if first <= day <= last]
        stored = read_news_files(_paths(change, dates))
        again = (pl.col("known_at").dt.timestamp("ns") >= first_ns) & pl.col("symbol").is_in(
            touched
        )
        new = spill.read(first, last).sort("row", maintain_order=True)
        fed_new, against = without_conflicts(new, stored)
        # Stored rows come first: between equals the first one stays.
        fed = pl.concat(
            [
                stored.filter(again).with_columns(row=pl.lit(STORED_ROW, pl.Int64)),
                fed_new.drop("file", "line", "text"),
            ],
            how="diagonal",
        )
        if fed.height:
            found = enrich(fed, earlier=_earlier(change, fed))
            wrong, repeated = fates(found.mislinked, found.duplicates, fed_new, stored)
            kept = found.news
            if held:
                kept = pl.concat(
                    [stored.filter(~again), kept.filter(pl.col("symbol").is_in(touched))]
                )
            _write_days(change, dates, stored, kept)
            counts.links_added += found.links_added
            reject_stored(rejected, found.mislinked, dates[0])
        else:
            wrong = repeated = []
        if new.height:
            account(new, wrong, repeated, against, waiting.files, counts, rejected)
            on_rows(new["row"].n_unique())
    return counts


def enrich_again(
    change: Transaction, *, rejected: Rejected, on_rows: Callable[[int], None] = lambda _: None
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
    sizes: dict[int, int] = {}
    weights: dict[int, int] = {}
    for date in change.dates(FOLDER):
        day = calendar.date_to_day(date)
        sizes[day], weights[day] = _measured(change, date)
    for first, last in batches(sizes, _CHUNK_ROWS, weights=weights, weight=_CHUNK_BYTES):
        dates = [_date(day) for day in sorted(sizes) if first <= day <= last]
        stored = read_news_files(_paths(change, dates), any_age=True)
        found = enrich(stored, earlier=_earlier(change, stored))
        reject_stored(rejected, found.mislinked, dates[0])
        changed += _write_days(change, dates, stored, found.news)
        rows += found.news.height
        on_rows(stored.height)
    return rows, changed


def _touched(spill: Spill) -> list[str]:
    """List the symbols that given reports stand under or speak of."""
    from catalyst.data.enrichment.text import plain
    from catalyst.data.enrichment.tickers import cashtags, company_names, company_symbols

    names, pattern = company_names(None)
    symbols = {""}
    for first, last in batches(spill.sizes(), _CHUNK_ROWS):
        links = spill.read(first, last).select("symbol", "headline")
        symbols.update(links["symbol"].drop_nulls().unique())
        for headline in links["headline"].unique():
            text = plain(headline)
            whole, cut = cashtags(text)
            symbols.update(whole if whole or cut else company_symbols(text, names, pattern))
    return sorted(symbols)


def _earlier(change: Transaction, fed: pl.DataFrame) -> pl.DataFrame | None:
    import polars as pl

    from catalyst.data.enrichment.schema import SETTLED

    before_ns = int(fed["known_at"].dt.timestamp("ns").min())  # type: ignore[arg-type]
    last = _date_of(before_ns)
    paths = _paths(change, [date for date in change.dates(FOLDER) if date <= last])
    if not paths:
        return None
    before = pl.scan_parquet(paths, hive_partitioning=False, glob=False).select(list(SETTLED))
    return what_bears_on(fed, before)


def what_bears_on(fed: pl.DataFrame, before: pl.LazyFrame) -> pl.DataFrame | None:
    """Select the stored rows that can matter to reports that are to be enriched.

    Parameters
    ----------
    fed
        The reports, as `catalyst.data.enrichment.enrich` takes them.
    before
        Columns of `catalyst.data.enrichment.schema.SETTLED`.

    Returns
    -------
    DataFrame or None
        What was known before the first of them: a day of stories, versions of the same articles,
        originals and retweets of the same posts, and the rest of their clusters, which says what
        was known of them. None if there is nothing.
    """
    import polars as pl

    from catalyst.data.enrichment.clusters import WINDOW_NS

    before_ns = int(fed["known_at"].dt.timestamp("ns").min())  # type: ignore[arg-type]
    known_ns = pl.col("known_at").dt.timestamp("ns")
    before = before.filter(known_ns < before_ns)
    posts = pl.concat([fed[name].drop_nulls() for name in _IDENTITY]).unique()
    same_post = pl.any_horizontal(pl.col(name).is_in(posts.implode()) for name in _IDENTITY)
    same_post = same_post.fill_null(value=False) if len(posts) else pl.lit(value=False)
    articles = article_ids(fed).unique()
    told = pl.col("news_id").is_in(articles.implode())
    again = before.filter(same_post | told)
    clusters = again.select(pl.col("cluster_id").unique()).collect().to_series()
    member = pl.col("cluster_id").is_in(clusters.implode())
    near = known_ns >= before_ns - WINDOW_NS
    found = before.filter(near | told | same_post | member).collect()
    return found if found.height else None


def _write_days(
    change: Transaction, dates: Sequence[dt.date], stored: pl.DataFrame, kept: pl.DataFrame
) -> int:
    order = ("known_at", "news_id", "symbol")
    kept_by_day = _by_day(kept.sort(order))
    stored_by_day = _by_day(stored)
    changed = 0
    for date in dates:
        now, before = kept_by_day.get(date), stored_by_day.get(date)
        inside = f"{FOLDER}/date={date}"
        relative = f"{inside}/{PART}"
        if now is None:
            if before is not None:
                change.remove(relative)
                changed += 1
        elif before is None or not now.equals(before, null_equal=True):
            change.write_table(relative, table=now.to_arrow())
            changed += 1
    return changed


def _by_day(frame: pl.DataFrame) -> dict[dt.date, pl.DataFrame]:
    import polars as pl

    dated = frame.with_columns(pl.col("known_at").dt.date().alias("day"))
    found = dated.partition_by("day", as_dict=True, include_key=False)
    return {day: rows for (day,), rows in found.items()}


def _measured(change: Transaction, date: dt.date) -> tuple[int, int]:
    """Count the rows of a stored day, and about their bytes in memory."""
    import pyarrow.parquet as pq

    rows = size = 0
    for path in change.parts(f"{FOLDER}/date={date}").values():
        metadata = pq.read_metadata(path)
        rows += metadata.num_rows
        size += sum(
            metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups)
        )
    return rows, size


def _paths(change: Transaction, dates: Sequence[dt.date]) -> list[Path]:
    return [path for date in dates for path in change.parts(f"{FOLDER}/date={date}").values()]


def _date(day: int) -> dt.date:
    return calendar.day_to_date(day)


def _date_of(ns: int) -> dt.date:
    return calendar.day_to_date(ns // calendar.DAY_NS)
