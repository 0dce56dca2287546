"""Which companies a text speaks of: cashtags, company names, and links that are wrong."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from catalyst.data.enrichment.phrases import phrase_pattern
from catalyst.data.enrichment.tables import table
from catalyst.data.enrichment.text import CASHTAG, CUT
from catalyst.data.symbols import joined_symbol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# Behind a point or a sign of money, "3M" is the rest of a figure.
_NAME_EDGE = "@$€£."
_CLASSED = r"[A-Z]{1,5}(?:[.\-/][A-Z])?"
_SYMBOL = re.compile(_CLASSED)
_PARENTHESES = re.compile(rf"\(({_CLASSED}(?:,\s?{_CLASSED}){{0,200}})\)(?!\w)")
_EXCHANGE = re.compile(
    rf"\b(?:NYSE|NASDAQ|Nasdaq|AMEX)(?:\s?(?:MKT|ARCA|Arca|American))?\s?:\s?({_CLASSED})\b"
)
_TAIL = re.compile(rf":\s?({_CLASSED}(?:,\s?{_CLASSED}){{1,200}})(?=\s?(?:{CUT}|\.\.\.)?$)")
# What may stand between a name and its symbol: the firm's legal form.
_BEHIND = re.compile(
    r"(?:,?\s(?:Inc|Corp|Co|Ltd|plc|PLC|Corporation|Company|Group|Holdings|Limited|N\.V|S\.A|SA|AG)\b"
    r"\.?){0,3}(?:\s'?s)?\s?\((?:[A-Za-z ]{3,12}:\s?)?"
)
_REACH = 40
_NAMED = re.compile(r"[A-Z][\w.&'!-]*\s$")

_joined = lru_cache(maxsize=1 << 14)(joined_symbol)

#: Company name as written -> its symbols, ascending; an empty tuple hides what the name contains.
Names = dict[str, tuple[str, ...]]


def cashtags(plain_text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Find the cashtags of a text.

    A cashtag is ``$`` and one to six letters, perhaps with a share class, and touches no letter,
    digit, underscore or sign that stands for a letter: ``L$D``, ``A$AP``, ``W€$T``, ``$5M`` hold
    none.

    Parameters
    ----------
    plain_text
        Text of `catalyst.data.enrichment.text.plain`.

    Returns
    -------
    whole : tuple of str
        Joined symbols in order of first appearance.
    cut : tuple of str
        What is left of cashtags that the end of a cut text runs into (``$CAT…`` may have been
        ``$CATM``; in three of four such tweets it was something longer). They can agree with a
        provider's link, they don't make one.
    """
    if "$" not in plain_text:
        return (), ()
    whole: dict[str, None] = {}
    cut: dict[str, None] = {}
    for found in CASHTAG.finditer(plain_text):
        kind = cut if plain_text.startswith(CUT, found.end()) else whole
        kind[_joined(found[1])] = None
    return tuple(whole), tuple(cut)


def is_mislinked(symbol: str, plain_text: str) -> bool:
    """Tell whether a provider's link of a text to a symbol is wrong.

    Parameters
    ----------
    symbol
        Joined symbol.
    plain_text
        Text of `catalyst.data.enrichment.text.plain`.

    Returns
    -------
    bool
        True if the text has cashtags and the symbol is not among them, whatever the spelling of
        its share class; or if ``$SYM`` occurs only inside a longer word (``L$D``, ``A$AP``).
    """
    return contradicts(plain_text, *cashtags(plain_text), symbol=symbol)


def contradicts(
    plain_text: str, whole: Collection[str], cut: Collection[str], *, symbol: str
) -> bool:
    """Tell the same of a text whose cashtags are known; see `is_mislinked`."""
    if symbol in whole or symbol in cut:
        return False
    if whole:
        return True
    # No cashtag of its own is left, so wherever `$SYM` occurs it is part of a longer word.
    return "$" in plain_text and _spelling(symbol).search(plain_text) is not None


@lru_cache(maxsize=1 << 14)
def _spelling(symbol: str) -> re.Pattern[str]:
    return re.compile(r"\$" + re.escape(symbol).replace(r"\.", r"[.\-/]"), re.IGNORECASE)


def company_symbols(plain_text: str, names: Names, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Find the companies that a text calls by name, or by a symbol written as one.

    Parameters
    ----------
    plain_text
        Text of `catalyst.data.enrichment.text.plain`.
    names, pattern
        From `company_names`.

    Returns
    -------
    tuple of str
        Symbols in order of appearance. Of names that overlap the longest counts ("Apple
        Hospitality" is not Apple). Mentions (``@Microsoft``) are accounts, not companies. Symbols
        count behind an exchange ("NYSE: VZ"), in parentheses behind a name or in a list ("Itron
        (ITRI)", "(AAWW, NICE)"), and in a list at the end ("Option Activity: FSLR, A, ISRG");
        other capitals don't. A symbol behind a name is stronger than the table ("Barrick (GOLD)").
    """
    found: dict[str, None] = {}
    written = written_symbols(plain_text)
    starts = {start for start, _ in written}
    called: list[tuple[int, tuple[str, ...]]] = []
    for match in pattern.finditer(plain_text):
        start, end = match.span()
        if (start and plain_text[start - 1] in _NAME_EDGE) or plain_text.startswith("$", end):
            continue
        if starts and (behind := _BEHIND.match(plain_text, end)) and behind.end() in starts:
            continue
        called.append((start, names[match[0]]))
    for _, symbols in sorted([*called, *written]):
        found.update(dict.fromkeys(symbols))
    return tuple(found)


def written_symbols(plain_text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Find the symbols that a text writes as such, without a dollar sign.

    Returns
    -------
    list of (int, tuple of str)
        Where each stands, and its joined symbol.
    """
    found: dict[int, str] = {}
    if "(" in plain_text:
        for match in _PARENTHESES.finditer(plain_text):
            listed = _SYMBOL.findall(match[1])
            # One alone stands behind a name, else it may be any abbreviation.
            start = match.start()
            if len(listed) > 1 or _NAMED.search(plain_text, max(start - _REACH, 0), start):
                _take(found, match.start(1), match[1])
    if ":" in plain_text:
        for match in _EXCHANGE.finditer(plain_text):
            found[match.start(1)] = match[1]
        tail = _TAIL.search(plain_text, plain_text.rfind(":"))
        if tail is not None:
            _take(found, tail.start(1), tail[1])
    hidden = _not_symbols()
    return [(at, (_joined(symbol),)) for at, symbol in found.items() if symbol not in hidden]


def _take(found: dict[int, str], start: int, listed: str) -> None:
    for match in _SYMBOL.finditer(listed):
        found[start + match.start()] = match[0]


def company_names(more: Mapping[str, str] | None = None) -> tuple[Names, re.Pattern[str]]:
    """Give the names known to the symbol table, and the pattern that finds them.

    Parameters
    ----------
    more
        Further names, company name -> symbol, for example those of a synthetic market.

    Returns
    -------
    names : dict
        Name, as written and in capitals, -> its symbols.
    pattern : re.Pattern
        Finds the names in plain text, as whole words.
    """
    if not more:
        return _known_names()
    names = dict(_known_names()[0])
    for name, symbol in more.items():
        for spelling in (name, name.upper()):
            names[spelling] = (joined_symbol(symbol),)
    return names, phrase_pattern(names)


@cache
def raters() -> frozenset[str]:
    """Give the symbols of the banks that rate other companies."""
    return frozenset(table("companies")["raters"])


@cache
def _not_symbols() -> frozenset[str]:
    return frozenset(table("companies")["not_symbols"])


@cache
def _known_names() -> tuple[Names, re.Pattern[str]]:
    content = table("companies")
    symbols: dict[str, set[str]] = {}
    for symbol, spoken in content["companies"].items():
        for name in spoken:
            for spelling in (name, name.upper()):
                symbols.setdefault(spelling, set()).add(symbol)
    names = {name: tuple(sorted(of)) for name, of in symbols.items()}
    for name in content["not_companies"]:
        names.update({name: (), name.upper(): ()})
    return names, phrase_pattern(names)
