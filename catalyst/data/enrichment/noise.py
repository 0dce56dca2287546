"""Texts that say nothing about one company: adverts, round-ups, and lists that name none."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from functools import cache

from catalyst.data.enrichment.phrases import Phrases, phrases_of
from catalyst.data.enrichment.tables import table

_NOTHING: frozenset[str] = frozenset()
# Where a list that counts its stocks has its number.
_COUNTS = frozenset("0123456789")
_SOON = 20
ADVERT, ROUNDUP, LIST = "adverts", "roundups", "lists"

_COUNTED = re.compile(
    r"(?:(?:the|top|best|these|here are|top ranked|meet the(?: only)?) )?\d{1,3} "
    r"(?:\S{1,40} ){0,6}?"
    r"(?:stocks|companies|etfs|names|plays|picks|reasons|funds|ways|things|ideas)\b"
)


def noise(lower_prose: str, tokens: AbstractSet[str]) -> frozenset[str]:
    """Tell in which ways a text says nothing about one company.

    Parameters
    ----------
    lower_prose
        Lower-case text without URLs, cashtags and mentions.
    tokens
        Its words, of `catalyst.data.enrichment.phrases.tokens_of`.

    Returns
    -------
    frozenset of str
        ``adverts``, ``roundups``, ``lists``, as the phrases of ``noise.yaml`` say; a text that
        begins by counting stocks is a list. Where phrases overlap the longest counts.
    """
    phrases, kinds = _phrases()
    listed = phrases.found(lower_prose, tokens)
    counted = not _COUNTS.isdisjoint(lower_prose[:_SOON])
    if not listed and not counted:
        return _NOTHING
    found = {kinds[phrase] for phrase in listed}
    if counted and _COUNTED.match(lower_prose):
        found.add(LIST)
    return frozenset(found)


@cache
def _phrases() -> tuple[Phrases, dict[str, str]]:
    kinds = {phrase: kind for kind, listed in table("noise").items() for phrase in listed}
    return phrases_of(kinds), kinds
