"""What one headline says, whoever published it and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from catalyst.data.enrichment.categories import breaking_words, categories
from catalyst.data.enrichment.noise import is_advert, is_list, is_roundup
from catalyst.data.enrichment.sentiment import sentiment
from catalyst.data.enrichment.text import plain, prose
from catalyst.data.enrichment.tickers import Names, cashtags, company_symbols, raters

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold what a headline says.

    Attributes
    ----------
    tickers
        Joined symbols in order of appearance: the cashtags, or, in a text without any, the
        companies called by name.
    named
        True if `tickers` come from names.
    categories, keywords
        Catalyst categories, and the phrases that showed them or marked the news as breaking.
    sentiment
        In [-1, 1].
    breaking
        Whether it is marked as breaking.
    """

    tickers: tuple[str, ...]
    named: bool
    categories: tuple[str, ...]
    keywords: tuple[str, ...]
    sentiment: float
    breaking: bool


def read_headline(headline: str, *, names: Names, pattern: re.Pattern[str]) -> Reading:
    """Read one headline; `names` and `pattern` are those of `company_names`."""
    text = plain(headline)
    words = prose(text)
    whole, cut = cashtags(text)
    named = not (whole or cut)
    tickers = company_symbols(text, names, pattern) if named else whole
    advert = is_advert(words)
    kinds, keywords = ((), ()) if advert else categories(words)
    if named and "analyst" in kinds:
        tickers = tuple(symbol for symbol in tickers if symbol not in raters())
    breaking = breaking_words(words)
    toneless = advert or is_roundup(words) or (not tickers and is_list(words))
    return Reading(
        tickers=tickers,
        named=named,
        categories=kinds,
        keywords=tuple(dict.fromkeys((*keywords, *breaking))),
        sentiment=0.0 if toneless else sentiment(words),
        breaking=bool(breaking),
    )


def readings_frame(readings: Iterable[Reading]) -> pl.DataFrame:
    """Lay out readings as columns categories, keywords, sentiment, breaking; one row each."""
    rows = list(readings)
    return pl.DataFrame(
        {
            "categories": [list(row.categories) for row in rows],
            "keywords": [list(row.keywords) for row in rows],
            "sentiment": [row.sentiment for row in rows],
            "breaking": [row.breaking for row in rows],
        },
        schema={
            "categories": pl.List(pl.String),
            "keywords": pl.List(pl.String),
            "sentiment": pl.Float64,
            "breaking": pl.Boolean,
        },
    )
