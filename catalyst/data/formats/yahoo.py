"""Yahoo Finance's history of one symbol: Date,Open,High,Low,Close,Adj Close,Volume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from catalyst.data.formats.content import Content
from catalyst.data.formats.opened import Opened
from catalyst.data.formats.tables import text_blocks
from catalyst.data.given import Given
from catalyst.data.stamps import NEW_YORK_NAME
from catalyst.data.symbols import symbol_in_name

FORMAT = "yahoo-csv"
#: The header, lower case.
HEADER = ("date", "open", "high", "low", "close", "adj close", "volume")

_NOTES = (
    "yahoo-csv: prices are adjusted for splits as of the download, and are stored as such",
    "yahoo-csv: Adj Close is not used, since it is adjusted for dividends as well",
)
_NAMED = (
    "yahoo-csv: the bars are of the symbol that the file's name gives, unless --symbol is given"
)


def is_yahoo(names: Sequence[str]) -> bool:
    """Tell whether these are the columns that Yahoo writes."""
    return tuple(name.strip().lower() for name in names) == HEADER


def open_yahoo(content: Content, names: Sequence[str], notes: Sequence[str]) -> Opened:
    """Open a file in Yahoo's form.

    Its prices are adjusted for splits as of the download; its ``Adj Close`` is not read. The symbol
    is the file's name.
    """
    file = str(content.path)
    written = dict(zip(HEADER, names, strict=True))
    preset = {
        "mapping": {
            "ts": written["date"],
            **{name: written[name] for name in ("open", "high", "low", "close", "volume")},
        },
        "timeframe": "1d",
        "tz": NEW_YORK_NAME,
        "adjustment": "split",
        "source": "yahoo",
    }
    symbol = symbol_in_name(content.name)
    said = (*notes, *_NOTES)
    if symbol is not None:
        preset["symbol"] = symbol
        said = (*said, _NAMED)

    def read() -> Iterator[Given]:
        for block in text_blocks(content):
            yield block.given(file)

    return Opened(file, FORMAT, content.size_bytes, said, read, preset)
