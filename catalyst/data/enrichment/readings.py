"""What one headline says, whoever published it and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from catalyst.data.enrichment.categories import breaking_words, categories
from catalyst.data.enrichment.noise import ADVERT, LIST, ROUNDUP, noise
from catalyst.data.enrichment.phrases import tokens_of
from catalyst.data.enrichment.sentiment import sentiment
from catalyst.data.enrichment.text import plain, prose
from catalyst.data.enrichment.tickers import Names, cashtags, company_symbols, raters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
        In [-1, 1]; 0.0 for adverts, round-ups, and lists that name no company.
    breaking
        Whether it is marked as breaking.
    text
        Of `catalyst.data.enrichment.text.plain`.
    whole, cut
        Its cashtags, of `catalyst.data.enrichment.tickers.cashtags`.
    """

    tickers: tuple[str, ...]
    named: bool
    categories: tuple[str, ...]
    keywords: tuple[str, ...]
    sentiment: float
    breaking: bool
    text: str
    whole: tuple[str, ...]
    cut: tuple[str, ...]


def read_headline(headline: str, *, names: Names, pattern: re.Pattern[str]) -> Reading:
    """Read one headline; `names` and `pattern` are those of `company_names`."""
    text = plain(headline)
    words = prose(text)
    whole, cut = cashtags(text)
    named = not (whole or cut)
    tickers = company_symbols(text, names, pattern) if named else whole
    lower = words.lower()
    tokens = tokens_of(lower)
    useless = noise(lower, tokens)
    kinds, keywords = ((), ()) if ADVERT in useless else categories(words, tokens)
    if named and "analyst" in kinds:
        tickers = tuple(symbol for symbol in tickers if symbol not in raters())
    breaking = breaking_words(words, tokens)
    toneless = ADVERT in useless or ROUNDUP in useless or (LIST in useless and not tickers)
    return Reading(
        tickers=tickers,
        named=named,
        categories=kinds,
        keywords=tuple(dict.fromkeys((*keywords, *breaking))) if breaking else keywords,
        sentiment=0.0 if toneless else sentiment(words, tokens),
        breaking=bool(breaking),
        text=text,
        whole=whole,
        cut=cut,
    )


def readings_frame(readings: Iterable[Reading]) -> pl.DataFrame:
    """Lay out readings as columns categories, keywords, sentiment, breaking; one row each."""
    rows = list(readings)
    return pl.DataFrame(
        {
            "categories": text_lists([row.categories for row in rows]),
            "keywords": text_lists([row.keywords for row in rows]),
            "sentiment": pl.Series([row.sentiment for row in rows], dtype=pl.Float64),
            "breaking": pl.Series([row.breaking for row in rows], dtype=pl.Boolean),
        }
    )


def text_lists(rows: Sequence[Sequence[str]]) -> pl.Series:
    """Lay out sequences of text as a column of lists, whole; polars goes through each by itself."""
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    values = pa.array([text for row in rows for text in row], pa.large_string())
    lists = pa.LargeListArray.from_arrays(pa.array(ends), values)
    return pl.Series(lists).cast(pl.List(pl.String))
