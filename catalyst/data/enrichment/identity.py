"""What makes two reports one article."""

from __future__ import annotations

import hashlib

from catalyst.data.enrichment.text import normalised

_HASH_BYTES = 8


def news_id(headline: str, source: str | None, *, published_ns: int) -> str:
    """Name an article by what it says, who said it and when.

    Parameters
    ----------
    headline, source
        As given; both are normalised (entities undone, NFKC, case folded, spaces collapsed). No
        source counts as an empty one.
    published_ns
        Publication, nanoseconds UTC.

    Returns
    -------
    str
        16 lower-case hexadecimal characters of BLAKE2b. The same article from two calls has one
        id, whatever its symbol, and whatever the tables say.
    """
    # The unit separator counts as a space to `str.split`, so no normalised part contains it.
    content = f"{normalised(headline)}\x1f{normalised(source or '')}\x1f{published_ns}"
    return hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=_HASH_BYTES).hexdigest()
