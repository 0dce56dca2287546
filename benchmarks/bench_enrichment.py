"""Score enrichment on hand-labelled headlines beside keywords, and time it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median
from time import process_time

import polars as pl

from benchmarks.news_labels import SHARED, Item, Reading, Score, labelled, tasks
from catalyst.data.enrichment import enrich
from catalyst.data.enrichment.readings import read_headline
from catalyst.data.enrichment.text import plain
from catalyst.data.enrichment.tickers import company_names, is_mislinked
from catalyst.data.symbols import joined_symbol
from catalyst.strategy.news import sign
from catalyst.strategy.params import Params

ROUNDS = 3
_INSTANT = pl.Datetime("ns", "UTC")
_DIRECTION = {1: "pos", -1: "neg", 0: "neutral"}
# What one would write in ten minutes: looked for anywhere in the text, in any case.
_KEYWORDS = {
    "earnings": ("earnings", "eps", "revenue", "results", "profit"),
    "fda": ("fda", "drug", "trial", "phase"),
    "merger": ("merger", "acqui", "buyout", "takeover"),
    "analyst": ("analyst", "upgrade", "downgrade", "price target", "rating"),
    "insider": ("insider", "13d", "13f", "stake"),
    "legal": ("lawsuit", "sue", "court", "sec", "probe", "settle"),
    "product": ("launch", "unveil", "introduce", "new product", "recall"),
    "guidance": ("guidance", "outlook", "forecast", "sees"),
    "partnership": ("partner", "agreement", "collaborat", "joint venture"),
    "ipo": ("ipo", "public offering"),
    "bankruptcy": ("bankrupt", "chapter 11"),
    "dividend": ("dividend",),
}
_GOOD = ("beat", "up", "gain", "rise", "higher", "upgrade", "buy", "strong", "growth", "raise")
_BAD = ("miss", "down", "loss", "fall", "lower", "downgrade", "sell", "weak", "cut", "lawsuit")


def main() -> None:
    """Print scores on the items not read while the tables were written, then headlines a second."""
    if not SHARED.is_dir():
        print(f"the labelled texts are not here ({SHARED} is no folder): nothing to score or time")
        return
    items = labelled()
    again = {item.row_id: item.label for item in labelled("news_labels_b")}
    unseen = [item for item in items if not item.tuned]
    tuned = [item for item in items if item.tuned]
    print(f"{len(unseen)} headlines not read while the tables were written; 90 % intervals of F1")
    print(
        f"{'':20} {'n':>4}  {'precision recall F1':32} {'keywords':>9} {'2nd reader':>10} "
        f"{'tuned':>6}"
    )
    columns = zip(
        tasks(unseen, enriched),
        tasks(unseen, keywords),
        tasks(unseen, lambda item: again[item.row_id]),
        tasks(tuned, enriched),
        strict=True,
    )
    for (name, ours), (_, theirs), (_, second), (_, before) in columns:
        print(
            f"{name:20} {ours.support:>4}  {_shown(ours):32} {theirs.f1:>9.2f} "
            f"{second.f1:>10.2f} {before.f1:>6.2f}"
        )
    for name, frame in texts():
        distinct = frame["headline"].n_unique()
        seconds = median(_seconds(frame) for _ in range(ROUNDS))
        print(
            f"{name}: {frame.height:,} rows with {distinct:,} headlines in {seconds:.1f} s of one "
            f"processor: {frame.height / seconds:,.0f} rows/s, "
            f"{distinct / seconds:,.0f} headlines/s"
        )


def enriched(item: Item) -> Reading:
    """Read an item as enrichment does."""
    names, pattern = company_names()
    found = read_headline(item.headline, names=names, pattern=pattern)
    # Two classes of one company are one answer, as they are in the labels.
    companies = {frozenset(symbols) for symbols in names.values() if len(symbols) > 1}
    tickers = set(found.tickers)
    grouped = {group for group in companies if group <= tickers}
    single = tickers - set().union(*grouped)
    return Reading(
        categories=frozenset(found.categories),
        tickers=frozenset({*grouped, *(frozenset({symbol}) for symbol in single)}),
        wrong_link=is_mislinked(joined_symbol(item.symbol), plain(item.headline)),
        direction=_DIRECTION[sign(found.sentiment, _PARAMS)],
    )


_PARAMS = Params()


def keywords(item: Item) -> Reading:
    """Read an item as a plain list of keywords does."""
    text = item.headline.lower()
    tickers = set(re.findall(r"\b[A-Z]{1,5}\b", item.headline))
    balance = sum(text.count(word) for word in _GOOD) - sum(text.count(word) for word in _BAD)
    return Reading(
        categories=frozenset(
            name for name, words in _KEYWORDS.items() if any(word in text for word in words)
        ),
        tickers=frozenset(frozenset({symbol}) for symbol in tickers),
        wrong_link=item.symbol not in tickers and bool(tickers),
        direction="pos" if balance > 0 else "neg" if balance < 0 else "neutral",
    )


def texts() -> Iterator[tuple[str, pl.DataFrame]]:
    """Give real news as enrichment takes it: newswire, then tweets."""
    for folder in ("benzinga_headlines", "stocknet"):
        frame = pl.read_parquet(SHARED / folder / "news.parquet").filter(
            pl.col("ts_utc").is_not_null()
        )
        retweet = "retweet_of_id" if "retweet_of_id" in frame.columns else pl.lit(None, pl.String)
        published = pl.col("ts_utc").cast(_INSTANT)
        yield (
            folder,
            frame.select(
                "headline",
                "symbol",
                "source",
                "id",
                retweet_of_id=retweet,
                published_at=published,
                known_at=published + pl.duration(seconds=60),
                known_is_assumed=True,
            ),
        )


def _seconds(frame: pl.DataFrame) -> float:
    plain.cache_clear()
    started = process_time()
    enrich(frame)
    return process_time() - started


def _shown(score: Score) -> str:
    return (
        f"{score.precision:>5.2f} {score.recall:>5.2f} {score.f1:>5.2f} "
        f"[{score.low:.2f}, {score.high:.2f}]"
    )


if __name__ == "__main__":
    main()
