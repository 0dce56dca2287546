"""FNSPID's lists of headlines, and its wide table of articles.

A list is Date, Headline, URL, its symbol in the name of the file (``headlines_aapl.csv``); dates
are days, or relative to a download nobody knows the time of ("14 HOURS AGO"), which are no times.
The wide table has Date, Article_title, Stock_symbol, Url, Publisher and the article's text, which
is not stored. Source: https://github.com/Zdong104/FNSPID_Financial_News_Dataset
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from catalyst.data.formats.content import Content
from catalyst.data.formats.opened import Opened
from catalyst.data.formats.tables import Header, text_blocks
from catalyst.data.given import Given
from catalyst.data.stamps import NEW_YORK_NAME
from catalyst.data.symbols import symbol_in_name

if TYPE_CHECKING:
    import polars as pl

FORMAT = "fnspid-csv"

_LIST = ("date", "headline", "url")
_WIDE = frozenset({"date", "article_title", "stock_symbol"})
_TEXTS = ("article", "lsa_summary", "luhn_summary", "textrank_summary", "lexrank_summary")
_NAMED = re.compile(r"(?i)^headlines_([a-z0-9.\-]+?)\.(?:csv|txt)(?:\.gz)?$")
_SITE = r"(?i)^https?://(?:www\.)?([^/:?#\s]+)"
_SOURCE = "source"


def is_fnspid(names: Sequence[str]) -> bool:
    """Tell whether these are the columns of one of the two layouts."""
    told = tuple(name.strip().lower() for name in names)
    return told == _LIST or set(told) >= _WIDE


def open_fnspid(content: Content, header: Header, notes: Sequence[str]) -> Opened:
    """Open a list of headlines or the table of articles; the source is the site of the address."""
    file = str(content.path)
    written = {name.strip().lower(): name for name in header.names}
    preset: dict[str, object] = {"provider": "fnspid", "tz": NEW_YORK_NAME}
    told = {"published_at": written["date"], "source": _SOURCE}
    said = list(notes)
    if "article_title" in written:
        told |= {"headline": written["article_title"], "symbol": written["stock_symbol"]}
        if any(name in written for name in _TEXTS):
            said.append("fnspid-csv: the texts of the articles are not stored")
    else:
        told["headline"] = written["headline"]
        symbol = _symbol(content.name)
        if symbol is not None:
            preset["symbol"] = symbol
    if "url" in written:
        told["url"] = written["url"]
    preset["mapping"] = told

    def read() -> Iterator[Given]:
        for block in text_blocks(content):
            yield block.given(file, _with_source(block.frame, written))

    return Opened(file, FORMAT, content.size_bytes, tuple(said), read, preset)


def _symbol(name: str) -> str | None:
    found = _NAMED.match(name)
    if found:
        return symbol_in_name(found[1])
    symbol = symbol_in_name(name)
    # A name in lower case is a word (news.csv) as often as a ticker.
    return symbol if symbol is not None and name.startswith(symbol) else None


def _with_source(frame: pl.DataFrame, written: dict[str, str]) -> pl.DataFrame:
    import polars as pl

    site = pl.lit(None, pl.String)
    if "url" in written:
        site = pl.col(written["url"]).str.extract(_SITE, 1).str.to_lowercase()
    if "publisher" in written:
        publisher = pl.col(written["publisher"]).str.strip_chars()
        site = pl.when(publisher.str.len_bytes() > 0).then(publisher).otherwise(site)
    texts = [written[name] for name in _TEXTS if name in written]
    # The columns that tell the source stay as they are, so that the row is kept as given.
    return frame.drop(texts).with_columns(site.alias(_SOURCE))
