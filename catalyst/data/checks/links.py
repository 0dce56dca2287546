"""Articles filed under symbols that they don't speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.checks.rejected import fields_of, symbol_of
from catalyst.data.lake_files import dated_folders, parts

if TYPE_CHECKING:
    from catalyst.data.checks.thresholds import Thresholds
    from catalyst.data.lake import Lake

_RULE = "mislinked"
_BATCH_FILES = 60
# What a reader would take for a ticker and what is a word everywhere else.
_SHORT = 2


def link_findings(lake: Lake, rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Compare, for each symbol, the provider's links that are wrong with those that hold.

    Wrong are those in quarantine, and, for symbols of one or two letters, stored ones whose text
    has neither the cashtag nor the company's name, where most of the provider's texts have one.
    """
    wrong, sources = _rejected(lake)
    linked = rows.filter(pl.col("link").cast(pl.String) == "provider")
    stored = dict(linked.group_by(pl.col("symbol").cast(pl.String)).len().iter_rows())
    said = linked.select(pl.col("symbol", "provider").cast(pl.String))
    usual = said["provider"].mode().sort().to_list()
    for symbol, n in sorted(wrong.items()):
        total = n + stored.get(symbol, 0)
        share = n / total
        if n < t.mislinked_least or share < t.mislinked_frac:
            continue
        # A row kept as it was given need not say who delivered it; its symbol's others do.
        of = said.filter(pl.col("symbol") == symbol)["provider"].mode().sort().to_list()
        who = next(iter([*sources.get(symbol, ()), *of, *usual]), "")
        yield _finding(
            symbol,
            who,
            n,
            share,
            f"{n} of {total} article(s) that the provider files under {symbol} don't speak of it "
            f"({share:.0%}, in quarantine): expected under 2 %; its ticker is a word, trust "
            "cashtags and names there and not the provider's links",
        )
    yield from _unspoken(lake, linked, t)


def _rejected(lake: Lake) -> tuple[Counter[str], dict[str, Counter[str]]]:
    frame = lake.quarantine().filter((pl.col("table") == "news") & (pl.col("rule") == _RULE))
    wrong: Counter[str] = Counter()
    sources: dict[str, Counter[str]] = {}
    for text in frame["row"]:
        fields = fields_of(text)
        if symbol := symbol_of(fields):
            wrong[symbol] += 1
            if who := fields.get("provider"):
                sources.setdefault(symbol, Counter())[str(who)] += 1
    return wrong, sources


def _unspoken(lake: Lake, linked: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    short = linked.filter(pl.col("symbol").cast(pl.String).str.len_chars() <= _SHORT)
    sizes = short.group_by(pl.col("symbol").cast(pl.String)).len()
    wanted = sizes.filter(pl.col("len") >= t.mislinked_least)["symbol"].sort().to_list()
    if not wanted:
        return
    silent, totals, tagged = _counted(lake, wanted)
    for symbol in wanted:
        for provider, total in sorted(totals.get(symbol, Counter()).items()):
            n = silent.get(symbol, Counter())[provider]
            share = n / total
            # A newswire writes no cashtags; there their absence says nothing.
            if tagged[provider] < t.mislinked_tagged_frac:
                continue
            if n >= t.mislinked_least and share >= t.mislinked_unspoken_frac:
                yield _finding(
                    symbol,
                    provider,
                    n,
                    share,
                    f"{n} of {total} article(s) that {provider} files under {symbol} have neither "
                    f"${symbol} nor the company's name ({share:.0%}): expected most of them to; "
                    "its ticker is a word, don't trust these links",
                )


def _counted(
    lake: Lake, wanted: list[str]
) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]], dict[str, float]]:
    from catalyst.data.enrichment.text import plain
    from catalyst.data.enrichment.tickers import cashtags, company_names, company_symbols

    names, pattern = company_names(None)
    silent: dict[str, Counter[str]] = {}
    totals: dict[str, Counter[str]] = {}
    seen: Counter[str] = Counter()
    with_tag: Counter[str] = Counter()
    paths = [path for _, folder in dated_folders(lake.root / "news") for path in parts(folder)]
    for first in range(0, len(paths), _BATCH_FILES):
        frame = pl.scan_parquet(
            paths[first : first + _BATCH_FILES], hive_partitioning=False, glob=False
        )
        frame = frame.filter(pl.col("link") == "provider")
        cashtag = pl.col("headline").str.contains(r"\$[A-Za-z]{1,6}\b")
        for provider, n, tags in (
            frame.group_by("provider").agg(pl.len(), cashtag.sum().alias("tags")).collect()
        ).iter_rows():
            seen[provider] += n
            with_tag[provider] += tags
        some = frame.filter(pl.col("symbol").is_in(wanted))
        found = some.select("symbol", "provider", "headline").collect()
        for symbol, provider, headline in found.iter_rows():
            text = plain(headline)
            whole, cut = cashtags(text)
            totals.setdefault(symbol, Counter())[provider] += 1
            spoken = {*whole, *cut, *company_symbols(text, names, pattern)}
            if symbol not in spoken:
                silent.setdefault(symbol, Counter())[provider] += 1
    return silent, totals, {name: with_tag[name] / n for name, n in seen.items()}


def _finding(symbol: str, source: str, n: int, share: float, text: str) -> Finding:
    return Finding(
        "mislinked",
        bounded_severity(45 + 45 * share),
        "news",
        source,
        symbol,
        "",
        "",
        "",
        n,
        round(share, 4),
        0.02,
        text,
    )
