"""What kind of news it is: catalyst categories, keywords and the breaking flag."""

from __future__ import annotations

import re
from functools import cache

from catalyst.data.enrichment.phrases import phrase_pattern
from catalyst.data.enrichment.tables import table
from catalyst.strategy.params import CATEGORIES


def categories(prose: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Find the catalyst categories that a text speaks of.

    Whole words only, any case. Where phrases overlap the longest at the leftmost place counts
    ("license agreement" is a partnership).

    Parameters
    ----------
    prose
        Text without URLs, cashtags and mentions.

    Returns
    -------
    names : tuple of str
        In the order of `CATEGORIES`, each once.
    keywords : tuple of str
        The lower-case phrases that were found, in order of first appearance.
    """
    pattern, meaning = _lexicon()
    # Lowered here rather than matched in any case: `re` lets a Turkish dotted I match an i.
    keywords = tuple(dict.fromkeys(pattern.findall(prose.lower())))
    spoken = {name for keyword in keywords for name in meaning[keyword]}
    return tuple(name for name in CATEGORIES if name in spoken), keywords


def breaking_words(prose: str) -> tuple[str, ...]:
    """Find the words that mark news as breaking.

    Parameters
    ----------
    prose
        Text without URLs, cashtags and mentions.

    Returns
    -------
    tuple of str
        Lower-case phrases of ``breaking.yaml``: those that count in any case, and those that count
        only in capitals ("BREAKING"), because a chart that is breaking out is no news. Empty if it
        isn't breaking.
    """
    any_case, shouted = _breaking()
    shouts = (word.lower() for word in shouted.findall(prose))
    return tuple(dict.fromkeys([*any_case.findall(prose.lower()), *shouts]))


@cache
def _lexicon() -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    meaning: dict[str, list[str]] = {}
    for name in CATEGORIES:
        for phrase in table("categories")[name]:
            meaning.setdefault(phrase, []).append(name)
    return (
        phrase_pattern(meaning),
        {phrase: tuple(names) for phrase, names in meaning.items()},
    )


@cache
def _breaking() -> tuple[re.Pattern[str], re.Pattern[str]]:
    words = table("breaking")
    return (
        phrase_pattern(words["any_case"]),
        phrase_pattern(words["capitals"]),
    )
