"""Stories passed on in floods, copies, accounts that repeat themselves, and old news as new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from catalyst.data import calendar
from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.news_rows import headline_of, shortened

if TYPE_CHECKING:
    from catalyst.data.checks.thresholds import Thresholds
    from catalyst.data.lake import Lake

_HOUR_NS = 60 * calendar.MINUTE_NS
_NAMED = 8
_KNOWN_TIERS = 4


def flood_findings(lake: Lake, rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Find one story many times on one symbol within a day.

    A story is the post that was passed on, or else the same words.
    """
    told = rows.filter((pl.col("symbol") != "") & (pl.col("words") >= t.flood_least_words))
    story = pl.coalesce("original", "text").alias("story")
    # The post itself has the words of its retweets; those with an original go by that.
    told = told.with_columns(story)
    least = min(t.flood_copies, t.flood_burst_copies)
    sizes = told.group_by("symbol", "story").len().filter(pl.col("len") >= least)
    found = told.join(sizes.select("symbol", "story"), on=["symbol", "story"]).sort(
        "symbol", "story", "published"
    )
    window = int(t.flood_hours * _HOUR_NS)
    key = ["symbol", "story"]
    published = pl.col("published")
    found = found.with_columns(
        span=published - published.shift(t.flood_copies - 1).over(key),
        burst=published - published.shift(t.flood_burst_copies - 1).over(key),
    )
    dense = found.group_by(key, maintain_order=True).agg(
        pl.col("span", "burst").min(),
        n=pl.len(),
        first=pl.col("published").min(),
        last=pl.col("published").max(),
        retweets=pl.col("retweet").mean(),
        authors=pl.col("source").n_unique(),
        source=pl.col("source").cast(pl.String).mode().sort().first(),
        provider=pl.col("provider").cast(pl.String).first(),
        news_id=pl.col("news_id").first(),
    )
    minutes = int(t.flood_burst_minutes * calendar.MINUTE_NS)
    dense = dense.filter((pl.col("span") <= window) | (pl.col("burst") <= minutes))
    by_story = dense.sort("n", descending=True).group_by("story", maintain_order=True)
    # A tweet stands under every symbol it names; it is one flood.
    merged = by_story.agg(
        pl.col("symbol").cast(pl.String),
        pl.exclude("symbol").first(),
    )
    for row in merged.sort("n", "story", descending=[True, False]).iter_rows(named=True):
        yield _flood(lake, row, t)


def _flood(lake: Lake, row: dict[str, object], t: Thresholds) -> Finding:
    symbols = [str(one) for one in row["symbol"]]  # type: ignore[attr-defined]
    n, authors = int(str(row["n"])), int(str(row["authors"]))
    retweets = float(str(row["retweets"])) > 0.5
    first, last = int(str(row["first"])), int(str(row["last"]))
    headline = shortened(headline_of(lake, first, str(row["news_id"])))
    named = ", ".join(symbols[:_NAMED])
    kind = "retweet_flood" if retweets else "copy_flood"
    span = row["span"]
    slow = span is not None and int(str(span)) <= t.flood_hours * _HOUR_NS
    dense = f"{t.flood_burst_copies} of them within {t.flood_burst_minutes:g} minutes"
    if slow:
        dense = f"{t.flood_copies} of them within {t.flood_hours:g} hours"
    how = "passed on" if retweets else "repeated word for word"
    return Finding(
        kind,
        bounded_severity((35 if retweets else 45) + 12 * (n / t.flood_copies) ** 0.5, most=85),
        "news",
        str(row["provider"] if authors > 1 else row["source"]),
        named,
        "",
        _instant(first),
        _instant(last),
        n,
        float(n),
        float(t.flood_copies),
        f"'{headline}' on {named} was {how} {n} times by {authors} account(s) from "
        f"{_instant(first)} to {_instant(last)}, at least {dense}: one story, count its cluster "
        "once",
    )


def author_findings(rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Find accounts that mostly repeat their own words, or post one text in a burst."""
    articles = rows.unique(["news_id"], keep="first", maintain_order=True)
    articles = articles.filter((pl.col("tier") > _KNOWN_TIERS) & (pl.col("source") != ""))
    articles = articles.sort("source", "text", "published")
    key = ["source", "text"]
    last = pl.col("published").shift(t.copies_same_author - 1).over(key)
    articles = articles.with_columns(
        again=pl.col("text").cum_count().over(key) > 1,
        own_words=(pl.col("text").cum_count().over(key) > 1)
        & ~pl.col("retweet")
        & (pl.col("words") >= t.republished_least_words),
        burst=(pl.col("published") - last <= t.flood_hours * _HOUR_NS)
        & (pl.col("words") >= t.flood_least_words),
    )
    by_author = articles.group_by("source").agg(
        pl.len().alias("n"),
        pl.col("again", "own_words").sum(),
        pl.col("burst").fill_null(value=False).sum(),
        first=pl.col("published").min(),
        last=pl.col("published").max(),
        texts=pl.col("text").n_unique(),
    )
    robots = (pl.col("n") >= t.author_rows) & (
        pl.col("again") >= t.author_repeat_frac * pl.col("n")
    )
    monotonous = (pl.col("n") >= t.author_few_rows) & (
        pl.col("own_words") >= t.author_few_frac * pl.col("n")
    )
    found = by_author.filter(robots | monotonous | (pl.col("burst") > 0))
    # An article has a row for each symbol it speaks of.
    theirs = rows.join(found.select("source"), on="source", how="semi").group_by("source")
    found = found.join(
        theirs.agg(symbols=pl.col("symbol").cast(pl.String).unique().sort()), on="source"
    ).with_columns(pl.col("source").cast(pl.String))
    for row in found.sort("again", "source", descending=[True, False]).iter_rows(named=True):
        symbols = ", ".join(row["symbols"][:_NAMED])
        yield Finding(
            "repeating_author",
            bounded_severity(25 + 30 * row["again"] / row["n"] + row["n"] ** 0.5, most=70),
            "news",
            row["source"],
            row["symbols"][0] if len(row["symbols"]) == 1 else "",
            "",
            _instant(row["first"]),
            _instant(row["last"]),
            row["again"],
            round(row["again"] / row["n"], 4),
            None,
            f"{row['source']} wrote {row['n']} article(s) of {row['texts']} text(s) on {symbols}, "
            f"{row['again']} of them its own words again: expected new ones; a robot, leave it out "
            "or count it once",
        )


def stale_findings(rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Find old posts passed on, old words told again by others, and articles known long after."""
    articles = rows.unique(["news_id"], keep="first", maintain_order=True)
    day_ns = calendar.DAY_NS
    age = (pl.col("published") - pl.col("original_ns")) / day_ns
    old = articles.filter(age > t.stale_days).with_columns(days=age)
    yield from _stale(old, "pass on posts that are older than", "drop retweets of old posts", t)
    long = articles.filter(pl.col("words") >= t.republished_least_words)
    long = long.sort("published")
    again = long.with_columns(
        first=pl.col("published").first().over("text"),
        teller=pl.col("source").first().over("text"),
        times=pl.len().over("text"),
        tier_of_teller=pl.col("tier").first().over("text"),
    )
    # What an outlet wrote is a story; what accounts write in the same words may be a phrase.
    again = again.filter(
        (pl.col("words") >= t.retold_least_words)
        & (pl.col("tier_of_teller") <= _KNOWN_TIERS)
        & ((pl.col("published") - pl.col("first")) > t.stale_days * day_ns)
        & (pl.col("teller") != pl.col("source"))
        & (pl.col("times") <= t.republished_most)
        & pl.col("original_ns").is_null()
    ).with_columns(days=(pl.col("published") - pl.col("first")) / day_ns)
    yield from _stale(
        again, "tell in the same words what others told before, by more than", "drop them", t
    )
    late = articles.filter(
        ~pl.col("assumed") & (pl.col("known") - pl.col("published") > t.late_days * day_ns)
    ).with_columns(days=(pl.col("known") - pl.col("published")) / day_ns)
    for (provider,), group in late.partition_by("provider", as_dict=True).items():
        of = articles.filter(pl.col("provider").cast(pl.String) == str(provider)).height
        share = group.height / of
        median = float(group["days"].median())  # type: ignore[arg-type]
        yield Finding(
            "stale_news",
            bounded_severity(40 + 40 * share),
            "news",
            str(provider),
            _only(group),
            "",
            _instant(int(group["published"].min())),  # type: ignore[arg-type]
            _instant(int(group["published"].max())),  # type: ignore[arg-type]
            group.height,
            round(median, 3),
            t.late_days,
            f"{group.height} of {of} article(s) of {provider} ({_symbols(group)}) became known "
            f"more than {t.late_days:g} day(s) after publication, {median:.1f} days in the median: "
            "expected minutes; they were fetched later, and a replay sees them only then",
        )


def _stale(old: pl.DataFrame, what: str, do: str, t: Thresholds) -> Iterator[Finding]:
    for (provider,), group in old.partition_by("provider", as_dict=True).items():
        most = float(group["days"].max())  # type: ignore[arg-type]
        yield Finding(
            "stale_news",
            bounded_severity(38 + 6 * len(str(group.height))),
            "news",
            str(provider),
            _only(group),
            "",
            _instant(int(group["published"].min())),  # type: ignore[arg-type]
            _instant(int(group["published"].max())),  # type: ignore[arg-type]
            group.height,
            round(most, 1),
            t.stale_days,
            f"{group.height} article(s) of {provider} ({_symbols(group)}) {what} "
            f"{t.stale_days:g} days, {most:.0f} days at most: old news isn't news; {do}",
        )


def republished_findings(rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Find the same words of the same source again after days, as new."""
    articles = rows.unique(["news_id"], keep="first", maintain_order=True)
    articles = articles.filter(
        (pl.col("words") >= t.republished_least_words) & pl.col("original").is_null()
    ).sort("source", "text", "published")
    key = ["source", "text"]
    articles = articles.with_columns(
        times=pl.len().over(key),
        lag=pl.col("published") - pl.col("published").shift(1).over(key),
    ).drop_nulls("lag")
    # Many articles again after one and the same time are a file that was sent again.
    articles = articles.with_columns(
        gap=pl.col("lag") / calendar.DAY_NS, together=pl.len().over("provider", "lag")
    )
    sent_again = (pl.col("together") >= t.republished_together) & (pl.col("lag") >= _HOUR_NS)
    found = articles.filter(
        (pl.col("gap").is_between(t.republished_days, t.republished_longest_days) | sent_again)
        & (pl.col("times") <= t.republished_most)
    )
    sizes = found.group_by("source").len()
    found = found.join(sizes, on="source")
    many = found.filter(pl.col("len") >= t.republished_named)
    for (source,), group in many.partition_by("source", as_dict=True).items():
        yield _republished(str(source), group)
    few = found.filter(pl.col("len") < t.republished_named)
    for (provider,), group in few.partition_by("provider", as_dict=True).items():
        yield _republished(str(provider), group)


def _republished(who: str, group: pl.DataFrame) -> Finding:
    most = float(group["gap"].max())  # type: ignore[arg-type]
    sources = group["source"].cast(pl.String).value_counts(sort=True)["source"][:_NAMED].to_list()
    by = "" if sources == [who] else f" by {', '.join(sources)}"
    return Finding(
        "republished",
        bounded_severity(36 + 7 * len(str(group.height))),
        "news",
        who,
        _only(group),
        "",
        _instant(int(group["published"].min())),  # type: ignore[arg-type]
        _instant(int(group["published"].max())),  # type: ignore[arg-type]
        group.height,
        round(most, 1),
        0.0,
        f"{group.height} article(s) of {who}{by} ({_symbols(group)}) repeat the source's own words "
        f"of before, {most:.0f} days at most: expected new ones; don't take them for news",
    )


def _symbols(group: pl.DataFrame) -> str:
    counts = group["symbol"].cast(pl.String).value_counts(sort=True)
    named = [name or "no symbol" for name in counts["symbol"].to_list()]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more


def _only(group: pl.DataFrame) -> str:
    names = group["symbol"].cast(pl.String).unique().to_list()
    return names[0] if len(names) == 1 else ""


def _instant(ns: int) -> str:
    return dt.datetime.fromtimestamp(ns // 1_000_000_000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
