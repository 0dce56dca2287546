"""All checks of news."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from catalyst.data.checks import floods, impersonators, links, outages, signatures, stamps
from catalyst.data.checks.news_rows import read_news_rows

if TYPE_CHECKING:
    from catalyst.data.checks.findings import Finding
    from catalyst.data.checks.thresholds import Thresholds
    from catalyst.data.lake import Lake


def news_findings(
    lake: Lake,
    t: Thresholds,
    *,
    symbols: Sequence[str] | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> Iterator[Finding]:
    """Look at the news of a lake.

    Parameters
    ----------
    lake, t
        What to look at, and what to decide by.
    symbols
        Only news of these. Outages and stamps of a provider are judged by what is left.
    start, end
        UTC days of publication, both included.
    """
    rows = read_news_rows(lake, symbols=symbols, start=start, end=end)
    if not rows.height:
        return
    yield from outages.outage_findings(rows, t)
    yield from floods.flood_findings(lake, rows, t)
    yield from floods.author_findings(rows, t)
    yield from floods.stale_findings(rows, t)
    yield from floods.republished_findings(rows, t)
    yield from links.link_findings(lake, rows, t)
    yield from signatures.misfiled_findings(lake, t, symbols=symbols, start=start, end=end)
    yield from impersonators.impersonator_findings(rows, t)
    yield from stamps.date_only_findings(rows, t)
    yield from stamps.shifted_findings(rows, t)
