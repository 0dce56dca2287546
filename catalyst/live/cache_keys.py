"""Names and lifetimes of what lies in Redis, and which of it belongs to one symbol."""

from __future__ import annotations

#: Lifetimes in seconds. Sources: documents 5.1 (patterns, indicators, sentiment: the newest), 4.1
#: (news), 4.2 and 5.2 (candidates, and the longer life of what was warmed before the open).
PATTERN_S = 300
INDICATORS_S = 300
SENTIMENT_S = 600
NEWS_S = 3_600
WARM_NEWS_S = 7_200
TOP_CANDIDATES_S = 300
ACTIVE_CANDIDATES_S = 1_800
#: The documents give a symbol's set of articles no end; it has that of the longest-lived article.
NEWS_OF_SYMBOL_S = WARM_NEWS_S
#: The documents' default, for what they name without a lifetime.
POSITIONS_S = 300
HEALTH_S = 300

ACTIVE_CANDIDATES = "candidates:active"
#: Everything that is ours.
FAMILIES = (
    "pattern:*",
    "indicators:*",
    "sentiment:*",
    "news:*",
    "candidates:*",
    "positions:*",
    "health:*",
)

_SPECIAL = frozenset("\\*?[]^-")


def pattern_key(symbol: str, pattern: str) -> str:
    """Name the last detection of a pattern."""
    return f"pattern:{symbol}:{_last(pattern)}"


def indicators_key(symbol: str, timeframe: str) -> str:
    """Name the last indicators of a timeframe."""
    return f"indicators:{symbol}:{_last(timeframe)}"


def sentiment_key(symbol: str) -> str:
    """Name what the news of the last day says of a symbol."""
    return f"sentiment:{symbol}"


def news_key(news_id: object) -> str:
    """Name an article."""
    return f"news:{news_id}"


def news_of_symbol_key(symbol: str) -> str:
    """Name the set of a symbol's articles, by id."""
    return f"news:symbol:{symbol}"


def top_candidates_key(n: int) -> str:
    """Name the best candidates of the last hour."""
    return f"candidates:top:{n}"


def positions_key(account: str) -> str:
    """Name what an account holds."""
    return f"positions:{account}"


def health_key(account: str) -> str:
    """Name how the services of an account do."""
    return f"health:{account}"


def escaped(text: str) -> str:
    """Write a text for a match pattern of SCAN, so that it stands for itself alone."""
    return "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in text)


def symbol_patterns(symbol: str) -> tuple[str, str]:
    """Give the match patterns that find every pattern and every indicator of a symbol.

    They may find more, where another symbol begins with this one and a colon: ask `is_of_symbol`.
    """
    return f"indicators:{escaped(symbol)}:*", f"pattern:{escaped(symbol)}:*"


def is_of_symbol(key: str, symbol: str) -> bool:
    """Tell whether a key that a pattern found is of that symbol and no other.

    The last part never holds a colon, so whatever stands between the first and the last is the
    symbol.
    """
    return key.partition(":")[2].rpartition(":")[0] == symbol


def _last(part: str) -> str:
    if ":" in part:
        raise ValueError(f"{part!r} ends the name of a key; expected no colon in it")
    return part
