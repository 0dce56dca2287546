"""What kind of news it is: catalyst categories, keywords and the breaking flag."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from functools import cache

from catalyst.data.enrichment.phrases import Phrases, phrases_of, tokens_of
from catalyst.data.enrichment.tables import table
from catalyst.strategy.params import CATEGORIES

_FIGURES = ("figures",)
# What figures leave behind.
_FIGURE_TOKENS = frozenset({"q", "fy"})
_DIGIT = re.compile(r"\d")
_YEAR = re.compile(r"\bfy\s?'?\d{2,4}\b")
_QUARTER = re.compile(r"\b(?:q[1-4]|[1-4]q)(?:\s?'?\d{2,4})?\b")
_FIGURE = re.compile(
    r"[$€£]\s?\d[\d.,]{0,24}(?<=\d)(?:\s?(?:[kmb]|bn|mln|bln|million|billion)\b)?"
    r"|(?<![\w.])\d[\d.,]{0,24}\s?%"
    r"|(?<![\w.])\d[\d.,]{0,24}(?:[kmb]\b|\s(?:million|billion|mln|bln)\b)?(?=\s(?:of\s)?shares\b)"
    r"|(?<![\w.])\d[\d.,]{0,24}(?:[mb]|bn|\s(?:million|billion|mln|bln))\b"
)


def categories(
    prose: str, tokens: AbstractSet[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Find the catalyst categories that a text speaks of.

    Whole words only, any case. Where phrases overlap the longest at the leftmost place counts
    ("license agreement" is a partnership). Figures (EPS, revenue, a quarter) mean earnings unless
    the text speaks of what is to come before ("Sees Q1 EPS" is guidance).

    Parameters
    ----------
    prose
        Text without URLs, cashtags and mentions.
    tokens
        Its `catalyst.data.enrichment.phrases.tokens_of` in lower case, if they are known.

    Returns
    -------
    names : tuple of str
        In the order of `CATEGORIES`, each once.
    keywords : tuple of str
        The lower-case phrases that were found, in order of first appearance; ``#`` stands for a
        figure.
    """
    phrases, meaning, forecasting = _lexicon()
    # Lowered here rather than matched in any case: `re` lets a Turkish dotted I match an i.
    text = prose.lower()
    if tokens is None:
        tokens = tokens_of(text)
    if _DIGIT.search(text):
        tokens |= _FIGURE_TOKENS
        if "fy" in text:
            text = _YEAR.sub("fy", text)
        if "q" in text:
            text = _QUARTER.sub("q#", text)
        text = _FIGURE.sub("#", text)
    spoken: set[str] = set()
    keywords: dict[str, None] = {}
    ahead = False
    for keyword in phrases.found(text, tokens):
        names = meaning[keyword]
        ahead = ahead or keyword in forecasting
        if names == _FIGURES:
            names = () if ahead else ("earnings",)
        if names:
            spoken.update(names)
            keywords[keyword] = None
    return tuple(name for name in CATEGORIES if name in spoken), tuple(keywords)


def breaking_words(prose: str, tokens: AbstractSet[str] | None = None) -> tuple[str, ...]:
    """Find the words that mark news as breaking.

    Parameters
    ----------
    prose
        Text without URLs, cashtags and mentions.
    tokens
        Its `catalyst.data.enrichment.phrases.tokens_of` in lower case, if they are known.

    Returns
    -------
    tuple of str
        Lower-case phrases of ``breaking.yaml``: those that count in any case, and those that count
        only in capitals ("BREAKING"), because a chart that is breaking out is no news. Empty if it
        isn't breaking.
    """
    any_case, shouted = _breaking()
    text = prose.lower()
    if tokens is None:
        tokens = tokens_of(text)
    if any_case.starts.isdisjoint(tokens) and shouted.starts.isdisjoint(tokens):
        return ()
    shouts = (word.lower() for word in shouted.found(prose, tokens))
    return tuple(dict.fromkeys([*any_case.found(text, tokens), *shouts]))


@cache
def _lexicon() -> tuple[Phrases, dict[str, tuple[str, ...]], frozenset[str]]:
    content = table("categories")
    meaning: dict[str, tuple[str, ...]] = {}
    for name in CATEGORIES:
        for phrase in content[name]:
            meaning[phrase] = (*meaning.get(phrase, ()), name)
    meaning |= dict.fromkeys(content["figures"], _FIGURES)
    meaning |= dict.fromkeys(content["nothing"], ())
    forecasting = frozenset(content["forecasting"])
    for phrase in forecasting:
        meaning.setdefault(phrase, ())
    return phrases_of(meaning), meaning, forecasting


@cache
def _breaking() -> tuple[Phrases, Phrases]:
    words = table("breaking")
    return (
        phrases_of(words["any_case"]),
        phrases_of(words["capitals"]),
    )
