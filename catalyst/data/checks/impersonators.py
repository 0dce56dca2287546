"""Names of sources that look like an outlet's and aren't one of its own."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
from rapidfuzz.distance import OSA

from catalyst.data.checks.findings import Finding
from catalyst.data.checks.news_rows import shortened
from catalyst.data.enrichment.sources import UNKNOWN_TIER, source_tier
from catalyst.data.enrichment.tables import table

if TYPE_CHECKING:
    from catalyst.data.checks.thresholds import Thresholds

# Letters of other scripts that are drawn like a Latin one; NFKC leaves them as they are.
_ALIKE = str.maketrans(
    "абвгеёзікмноорстухѕјԁɡһԛԝѵӏΑαΒβΕεΗηΙιΚκΜμΝνΟοΡρΤτΥυΧχΖζıłøđʟʀɴᴄʙ",
    "abbreezikmhoopctyxsjdghqwvlaabbeehhiikkmmnvooppttyyxxzzilodlrncb",
)
_LEET = str.maketrans("0134578$@!", "oleastbsai")
_LEET_ONE = str.maketrans("013457$@!", "oieastsai")
_NO_LETTER = re.compile(r"[\W_]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Words with which accounts dress an outlet's name up.
_SHORT_DRESS = frozenset(
    {"fake", "real", "official", "breaking", "parody", "news", "alert", "alerts", "live"}
)
_DRESS = _SHORT_DRESS | frozenset(
    {"the", "now", "hq", "tv", "online", "daily", "wire", "feed", "update", "updates", "business"}
    | {"markets", "market", "money", "us", "usa", "uk", "world", "global", "desk", "network"}
    | {"press", "media", "app", "inc", "com", "co", "org", "net", "team", "not", "info", "today"}
    | {"latest", "flash", "headlines", "stocks", "trader", "trading"}
)
_WATCHED_TIERS = ("1", "2")
# Portals are imitated, too, but only their longer names are no words of the trade.
_PORTAL_TIERS = ("3",)
_TRADE_WORDS = frozenset(
    {"marketsinsider", "insiderbusiness", "thestreet", "morningstar", "businesswire"}
    | {"investingcom", "flyonthewall", "theflyonthewall", "cnnmoney", "usatoday"}
)


class _Likeness(NamedTuple):
    outlet: str
    how: str
    severity: int


def impersonator_findings(rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Find sources and authors named like an outlet of tier 1 to 3 that are none of its own."""
    found: dict[str, tuple[_Likeness, str]] = {}
    for column in ("source", "author"):
        for name in rows[column].cast(pl.String).unique().drop_nulls().sort().to_list():
            if name not in found and (like := likeness(name, t)) is not None:
                found[name] = (like, column)
    for name, (like, column) in sorted(found.items()):
        group = rows.filter(pl.col(column).cast(pl.String) == name)
        symbols = sorted(set(group["symbol"].cast(pl.String)) - {""})
        n = group["news_id"].n_unique()
        shown = shortened(name, 40)
        yield Finding(
            "impersonator",
            like.severity,
            "news",
            name,
            symbols[0] if len(symbols) == 1 else "",
            "",
            _instant(int(group["published"].min())),  # type: ignore[arg-type]
            _instant(int(group["published"].max())),  # type: ignore[arg-type]
            n,
            None,
            None,
            f"'{shown}' {like.how} {like.outlet} and is not one of its known names ({n} "
            f"article(s) on {', '.join(symbols[:8]) or 'no symbol'}): expected nobody to use it; "
            "don't believe it, or add it to the outlet's names if it is its own",
        )


def likeness(name: str, t: Thresholds) -> _Likeness | None:
    """Say which outlet a name looks like; None if it is a known name or looks like none."""
    if not name or source_tier(name) < UNKNOWN_TIER:
        return None
    folded = unicodedata.normalize("NFKC", name).translate(_ALIKE)
    folded = unicodedata.normalize("NFKD", folded)
    folded = "".join(letter for letter in folded if not unicodedata.combining(letter))
    bare = _bare(folded)
    spellings = dict.fromkeys(
        _NO_LETTER.sub("", form.casefold().translate(_ALIKE))
        for form in (bare, folded, bare.translate(_LEET), bare.translate(_LEET_ONE))
    )
    by_letters = _outlets()
    for spelling in spellings:
        if spelling in by_letters:
            return _Likeness(by_letters[spelling], "is drawn like", 92)
    dressed = _dressed(folded, t) or _contained(tuple(spellings), t)
    if dressed is not None:
        return dressed
    return _misspelt(tuple(spellings), t)


def _bare(text: str) -> str:
    return _NO_LETTER.sub("", text.casefold().replace("$", "s").replace("@", "a").replace("!", "i"))


def _dressed(folded: str, t: Thresholds) -> _Likeness | None:
    """Take a name apart: an outlet's name beside words such as fake, news or a number."""
    words = [
        word.casefold() for part in re.split(r"[\W_]+", folded) for word in _PART.findall(part)
    ]
    by_letters = _outlets()
    for first in range(len(words)):
        for last in range(first + 1, len(words) + 1):
            middle = "".join(words[first:last])
            rest = words[:first] + words[last:]
            if middle not in by_letters or not rest:
                continue
            short = len(middle) < t.impersonator_least_letters
            dress = _SHORT_DRESS if short else _DRESS
            if short and not any(word in dress for word in rest):
                continue
            if all(word in _DRESS or word.isdigit() for word in rest):
                return _Likeness(by_letters[middle], "dresses up as", 88)
    return None


def _contained(spellings: tuple[str, ...], t: Thresholds) -> _Likeness | None:
    by_letters = _outlets()
    for spelling in spellings:
        for letters in sorted(by_letters, key=len, reverse=True):
            if len(letters) < t.impersonator_least_letters or letters not in spelling:
                continue
            rest = spelling.replace(letters, "", 1)
            rest_words = rest.strip("0123456789")
            if rest_words in _DRESS or not rest_words:
                return _Likeness(by_letters[letters], "dresses up as", 86)
            if letters in _names():
                return _Likeness(by_letters[letters], "contains the name of", 35)
    return None


def _misspelt(spellings: tuple[str, ...], t: Thresholds) -> _Likeness | None:
    for spelling in spellings:
        if len(spelling) < t.impersonator_misspelt_letters:
            continue
        for letters in sorted(_names()):
            if abs(len(letters) - len(spelling)) > t.impersonator_edit:
                continue
            if len(letters) < t.impersonator_misspelt_letters or letters == spelling:
                continue
            if spelling in {f"{letters}s", f"{letters}r", letters.removesuffix("s")}:
                continue
            if OSA.distance(spelling, letters, score_cutoff=t.impersonator_edit) <= (
                t.impersonator_edit
            ):
                return _Likeness(_outlets()[letters], "is a letter away from", 80)
    return None


@cache
def _outlets() -> dict[str, str]:
    """Map the bare letters of every known name of the watched outlets to the outlet."""
    found: dict[str, str] = {}
    for tier, outlets in table("sources").items():
        if tier not in _WATCHED_TIERS + _PORTAL_TIERS:
            continue
        least = 8 if tier in _PORTAL_TIERS else 2
        for outlet, aliases in outlets.items():
            for alias in (outlet, *aliases):
                letters = _bare(alias)
                if len(letters) >= least and letters not in _TRADE_WORDS:
                    found.setdefault(letters, outlet)
    return found


@cache
def _names() -> frozenset[str]:
    """Give the names that are no ordinary words: an owl that watches markets is no outlet."""
    ordinary = {"theeconomist", "economist", "dealbook", "marketwatch", "financialtimes"}
    return frozenset(letters for letters in _outlets() if letters not in ordinary)


def _instant(ns: int) -> str:
    return dt.datetime.fromtimestamp(ns // 1_000_000_000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
