"""Which column of a file is which: told by the user, or guessed from its name and said so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalyst.data.messages import listed, shown
from catalyst.errors import ImportFileError

# Names as `_plain` gives them. Order matters: the first alias present wins.
_TIME_ALIASES = ("ts", "tsutc", "datetime", "timestamp", "dateandtime", "time", "date", "t", "dt")
_SYMBOL_ALIASES = ("symbol", "ticker", "sym", "stock", "instrument", "symbolticker")
_KNOWN_ALIASES = ("knownat", "collectedat", "receivedat", "fetchedat", "firstseen", "firstseenat")

BAR_ALIASES: dict[str, tuple[str, ...]] = {
    "ts": _TIME_ALIASES,
    "symbol": _SYMBOL_ALIASES,
    "open": ("open", "o", "openprice", "openusd"),
    "high": ("high", "h", "highprice", "highusd", "max"),
    "low": ("low", "l", "lowprice", "lowusd", "min"),
    "close": ("close", "c", "closeprice", "closeusd", "last"),
    "volume": ("volume", "v", "vol", "qty", "quantity", "totalvolume"),
    "timeframe": ("timeframe", "interval", "resolution", "barsize"),
    "source": ("source",),
    "adjustment": ("adjustment",),
    "known_at": _KNOWN_ALIASES,
    "known_is_assumed": ("knownisassumed",),
}
BAR_REQUIRED = ("ts", "open", "high", "low", "close", "volume")

NEWS_ALIASES: dict[str, tuple[str, ...]] = {
    "headline": ("headline", "title", "text", "tweet", "news"),
    "published_at": (
        "publishedat",
        "publishedutc",
        "published",
        "createdat",
        "timepublished",
        "pubdate",
        *_TIME_ALIASES,
    ),
    "date": ("date",),
    "known_at": _KNOWN_ALIASES,
    "known_is_assumed": ("knownisassumed",),
    "symbol": (*_SYMBOL_ALIASES, "symbols", "tickers", "stocks", "related"),
    "source": ("source", "publisher", "sourcename", "outlet"),
    "author": ("author", "authors", "byline"),
    "url": ("url", "link", "newsurl"),
    "provider": ("provider", "vendor"),
    "id": ("id", "newsid", "uuid", "guid", "articleid"),
    "is_retweet": ("isretweet",),
    "retweet_of_source": ("retweetofsource",),
    "retweet_of_id": ("retweetofid",),
}
NEWS_REQUIRED = ("headline", "published_at")

ACTION_ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": _SYMBOL_ALIASES,
    "ex_date": ("exdate", "date", "exdividenddate", "effectivedate"),
    "kind": ("kind", "type", "action", "actiontype", "event"),
    "value": ("value", "amount", "ratio", "rate"),
    "new_symbol": ("newsymbol", "newticker"),
    "source": ("source",),
    "known_at": _KNOWN_ALIASES,
    "known_is_assumed": ("knownisassumed",),
}
ACTION_REQUIRED = ("symbol", "ex_date", "kind")

UNIVERSE_ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": _SYMBOL_ALIASES,
    "from": ("from", "start", "fromdate", "startdate", "added"),
    "to": ("to", "end", "todate", "enddate", "removed"),
    "known_at": _KNOWN_ALIASES,
    "known_is_assumed": ("knownisassumed",),
    "date": _TIME_ALIASES,
}
UNIVERSE_REQUIRED = ("symbol",)


@dataclass(frozen=True, slots=True)
class Columns:
    """Say which given column holds each canonical one.

    Attributes
    ----------
    names : dict
        Canonical name to the names of the given columns, in order; several are joined by a space
        (a date and a time of day).
    notes : tuple of str
        What was guessed and what is ignored.
    """

    names: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]

    def __contains__(self, canonical: str) -> bool:
        return canonical in self.names

    def one(self, canonical: str) -> str | None:
        """Give the given column of a canonical one, None if there is none."""
        return self.names[canonical][0] if canonical in self.names else None


def resolve_columns(
    given: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    *,
    required: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    file: str,
) -> Columns:
    """Match the columns of a file with those of a table.

    Parameters
    ----------
    given
        Names of the file's columns.
    aliases
        For each canonical column the names it is known by, best first, in lower case without
        spaces and signs.
    required
        Canonical columns that must be found.
    mapping
        What the user said: canonical name to given name, or to two joined by ``+`` (``Date+Time``).
    file
        Name of the file, for messages.

    Raises
    ------
    ImportFileError
        If the mapping names a column that does not exist on either side, or a required one is not
        found.
    """
    names = _told(given, aliases, mapping=mapping or {}, file=file)
    told = {column for columns in names.values() for column in columns}
    plain: dict[str, str] = {}
    for column in given:
        plain.setdefault(_plain(column), column)
    guesses = []
    for canonical, candidates in aliases.items():
        if canonical in names:
            continue
        for candidate in candidates:
            found = plain.get(candidate)
            if found is not None and found not in told:
                names[canonical] = (found,)
                if found != canonical:
                    guesses.append(f"{canonical}={found}")
                break
    missing = [canonical for canonical in required if canonical not in names]
    if missing:
        raise ImportFileError(
            f"{shown(file)} has no column for {', '.join(missing)}; its columns are "
            f"{listed(given) or 'none'}; name it with --map {missing[0]}=COLUMN"
        )
    used = {column for columns in names.values() for column in columns}
    ignored = [column for column in given if column not in used and column]
    notes = []
    if guesses:
        notes.append(f"columns guessed by name: {listed(guesses)}")
    if ignored:
        notes.append(f"columns not used: {listed(ignored)}")
    return Columns(names, tuple(notes))


def _told(
    given: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    *,
    mapping: Mapping[str, str],
    file: str,
) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for canonical, told in mapping.items():
        if canonical not in aliases:
            raise ImportFileError(
                f"--map names the column '{shown(canonical)}', which this table has not; "
                f"expected one of {', '.join(aliases)}"
            )
        columns = (told,) if told in given else tuple(part.strip() for part in told.split("+"))
        for column in columns:
            if column not in given:
                raise ImportFileError(
                    f"--map {canonical}={shown(told)} names a column that {shown(file)} has not; "
                    f"its columns are {listed(given) or 'none'}"
                )
        names[canonical] = columns
    return names


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
