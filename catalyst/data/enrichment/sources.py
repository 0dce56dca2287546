"""Who said it: the tier of a source."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

from catalyst.data.enrichment.tables import table
from catalyst.data.enrichment.text import entities_undone

#: Tier of a source that the table doesn't know.
UNKNOWN_TIER = 5


@lru_cache(maxsize=1 << 16)
def normalised_source(name: str) -> str:
    """Give the form in which source names are compared.

    Entities undone, case folded, spaces collapsed, no leading ``@``. Punctuation and compatibility
    characters stay on purpose: ``C_N_B_C`` and a full-width CNBC are not CNBC.
    """
    text = unicodedata.normalize("NFC", entities_undone(name)).casefold()
    return " ".join(text.split()).removeprefix("@")


@lru_cache(maxsize=1 << 16)
def source_tier(name: str | None) -> int:
    """Rank a source from 1 (newswire) to 5 (unknown).

    Parameters
    ----------
    name
        Outlet or screen name as given. For a retweet, the account that retweets: it is the one
        whose word is taken.

    Returns
    -------
    int
        The tier of ``sources.yaml`` if the whole normalised name is in it (``fakeCNBC`` is not
        CNBC), else 5; None is 5.
    """
    return UNKNOWN_TIER if name is None else _tiers().get(normalised_source(name), UNKNOWN_TIER)


@cache
def _tiers() -> dict[str, int]:
    return {
        normalised_source(alias): int(tier)
        for tier, outlets in table("sources").items()
        for outlet, aliases in outlets.items()
        for alias in (outlet, *aliases)
    }
