"""Search a lake's news by words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import polars as pl

from catalyst.data.enrichment.schema import ENRICHED
from catalyst.data.enrichment.sources import normalised_source
from catalyst.data.enrichment.text import CUT, plain
from catalyst.data.lake import Lake
from catalyst.data.news_asof import asof_ns, day_begins_ns, day_ends_ns, days_back, published_ns
from catalyst.data.spans import bounded
from catalyst.data.stamps import Moment
from catalyst.data.symbols import joined_symbol
from catalyst.errors import InputError
from catalyst.strategy.params import CATEGORIES

#: Longest query, in characters.
LONGEST_QUERY = 1_000
#: Columns of the result.
COLUMNS = (
    "published_at",
    "known_at",
    "news_id",
    "symbols",
    "source",
    "tier",
    "categories",
    "sentiment",
    "cluster_rank",
    "headline",
    "url",
)
_TERM = re.compile(r'"([^"]*)"|(\S+)')


def search_news(
    lake: Lake,
    query: str = "",
    *,
    symbols: Sequence[str] | None = None,
    source: str | None = None,
    tier: int | None = None,
    category: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    asof: Moment | None = None,
    limit: int = 20,
) -> pl.DataFrame:
    """Find articles whose headline holds all words of a query.

    Words are whole, in any case and order; words in double quotes stand side by side. Nothing else
    in a query means anything: it is text, no expression of any language.

    Parameters
    ----------
    lake
        The lake.
    query
        The words; none matches every article. A cashtag such as ``$A`` matches that cashtag.
    symbols
        Only articles under one of these.
    source
        Only of this source, compared as tiers compare names.
    tier
        Only of this tier or a better one, 1 to 5.
    category
        Only of this category of `catalyst.strategy.params.CATEGORIES`.
    since, until
        Bounds of publication: a New York date, included; or an instant, `until` excluded.
    asof
        See only what was known then; see `catalyst.data.news_asof.asof_ns`.
    limit
        Most articles to return, at least 1.

    Returns
    -------
    DataFrame
        One row per article, as its last version known says, the newest known first: published_at,
        known_at (of that version), news_id, symbols (list), source, tier, categories, sentiment,
        cluster_rank (the least over its symbols), headline, url.

    Raises
    ------
    InputError
        If an argument is out of range; LakeError, its kin, if the lake holds no news.
    """
    keep = _filters(symbols, source, tier, category, since, until)
    if limit < 1:
        raise InputError(f"limit is {limit}; expected at least 1")
    matches = _matcher(query)
    found = [pl.DataFrame(schema=ENRICHED)]
    ids: set[str] = set()
    for day in days_back(lake, asof_ns(lake, asof)):
        if len(ids) < limit:
            rows = day.filter(keep)
            hits = [text for text in rows["headline"].unique() if matches(text)]
            rows = rows.filter(pl.col("headline").is_in(hits))
            ids.update(rows["news_id"])
        else:
            # Enough articles; what is missing are their rows known earlier, never before they
            # were published.
            oldest = pl.concat(found)["published_at"].min()
            if not day.height or day["known_at"].max() < oldest:  # type: ignore[operator]
                break
            rows = day.filter(pl.col("news_id").is_in(ids))
        found.append(rows)
    return _articles(pl.concat(found)).head(limit)


def _articles(rows: pl.DataFrame) -> pl.DataFrame:
    order = ["known_at", "news_id", "symbol"]
    last = rows.sort(order).unique(["news_id", "symbol"], keep="last").sort(order)
    firsts = [name for name in COLUMNS if name not in {"news_id", "symbols", "cluster_rank"}]
    articles = last.group_by("news_id").agg(
        *(pl.col(name).last() for name in firsts),
        pl.col("cluster_rank").min(),
        symbols=pl.col("symbol").filter(pl.col("symbol") != "").sort(),
    )
    return articles.select(COLUMNS).sort("known_at", "news_id", descending=[True, False])


def _matcher(query: str) -> Callable[[str], bool]:
    if len(query) > LONGEST_QUERY:
        raise InputError(
            f"the query has {len(query):,} characters; expected at most {LONGEST_QUERY:,}"
        )
    terms = [quoted or word for quoted, word in _TERM.findall(query)]
    patterns = [
        re.compile(rf"(?<![\w$]){re.escape(text)}(?!\w)")
        if text.startswith("$")
        else re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
        for text in (_searched(term) for term in terms)
        if text
    ]

    def matches(headline: str) -> bool:
        text = _searched(headline)
        return all(pattern.search(text) for pattern in patterns)

    return matches


def _searched(text: str) -> str:
    return plain(text).replace(CUT, " ").casefold()


def _filters(
    symbols: Sequence[str] | None,
    source: str | None,
    tier: int | None,
    category: str | None,
    since: Moment | None,
    until: Moment | None,
) -> pl.Expr:
    keep = pl.lit(value=True)
    if symbols is not None:
        keep &= pl.col("symbol").is_in(sorted({joined_symbol(symbol) for symbol in symbols}))
    if source is not None:
        wanted = normalised_source(source)
        same = pl.col("source").map_elements(
            lambda name: normalised_source(name) == wanted, return_dtype=pl.Boolean
        )
        keep &= same.fill_null(value=False)
    if tier is not None:
        if not 1 <= tier <= 5:
            raise InputError(f"tier is {tier}; expected 1 (newswires) to 5 (unknown)")
        keep &= pl.col("tier") <= tier
    if category is not None:
        if category not in CATEGORIES:
            raise InputError(f"category is '{category}'; expected one of {', '.join(CATEGORIES)}")
        keep &= pl.col("categories").list.contains(category)
    day, ns = bounded(since)
    if day is not None:
        keep &= (day_begins_ns(day) if ns is None else ns) <= published_ns()
    day, ns = bounded(until)
    if day is not None:
        keep &= (day_ends_ns(day) + 1 if ns is None else ns) > published_ns()
    return keep
