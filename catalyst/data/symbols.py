"""One spelling for every ticker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_SHARE_CLASS = r"^([A-Z]+)[-/.]([A-Z]{1,2})$"
_SHARE_CLASS_JOIN = "${1}.${2}"
# Digits and signs as in AAA.1, ^GSPC or BTC=F; never a space, a quote or a comma.
_SYMBOL = r"^[A-Z0-9^][A-Z0-9^.\-/=_]{0,19}$"
_ASCII = r"^[!-~]+$"
_FILE_SUFFIXES = r"(?i)(?:\.(?:csv|tsv|txt|gz|zip))+$"


def joined_symbol(symbol: str) -> str:
    """Spell a ticker as the lake does: upper case, share classes with a dot (``BRK.B``)."""
    return re.sub(_SHARE_CLASS, r"\1.\2", symbol.strip().upper())


def joined_symbols(symbols: pl.Expr) -> pl.Expr:
    """Spell a text column of tickers as the lake does; what is no ticker becomes null.

    A ticker has 1 to 20 letters, digits or signs of ``^.-/=_``. ``NAN``, ``INF`` and ``TRUE`` are
    tickers.
    """
    import polars as pl

    given = symbols.cast(pl.String).str.strip_chars()
    spelled = given.str.to_uppercase().str.replace(_SHARE_CLASS, _SHARE_CLASS_JOIN)
    # Asked of what was given too: the upper case of a dotless i is I, of a ligature FI.
    is_symbol = given.str.contains(_ASCII) & spelled.str.contains(_SYMBOL)
    return pl.when(is_symbol).then(spelled).otherwise(None)


def symbol_in_name(name: str) -> str | None:
    """Take a ticker from the name of a file (``BRK-B.csv``, ``^GSPC (1).csv.gz``); None if none."""
    stem = re.sub(_FILE_SUFFIXES, "", name)
    symbol = joined_symbol(re.sub(r" ?\(\d+\)$", "", stem))
    return symbol if stem.isascii() and re.fullmatch(_SYMBOL, symbol) else None
