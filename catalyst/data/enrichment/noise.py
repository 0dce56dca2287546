"""Texts that say nothing about one company: adverts, round-ups, and lists that name none."""

from __future__ import annotations

import re
from functools import cache

from catalyst.data.enrichment.phrases import phrase_pattern
from catalyst.data.enrichment.tables import table

_COUNTED = re.compile(
    r"(?:(?:the|top|best|these|here are|top ranked|meet the(?: only)?) )?\d{1,3} "
    r"(?:\S{1,40} ){0,6}?"
    r"(?:stocks|companies|etfs|names|plays|picks|reasons|funds|ways|things|ideas)\b"
)


def is_advert(prose: str) -> bool:
    """Tell whether a text advertises, by the phrases of ``noise.yaml``."""
    return _pattern("adverts").search(prose.lower()) is not None


def is_roundup(prose: str) -> bool:
    """Tell whether a text tells of several companies at once, by the phrases of ``noise.yaml``."""
    return _pattern("roundups").search(prose.lower()) is not None


def is_list(prose: str) -> bool:
    """Tell whether a text is a list: by its phrases, or because it begins by counting stocks."""
    text = prose.lower()
    return _COUNTED.match(text) is not None or _pattern("lists").search(text) is not None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return phrase_pattern(table("noise")[name])
