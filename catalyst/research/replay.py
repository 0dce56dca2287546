"""Replay: the strategy over a lake, session by session, exactly as live would have run it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.search_ledger import DEFAULT, Counting
from catalyst.research.result import Result
from catalyst.research.together import Progress, replay_together
from catalyst.strategy.params import Params

__all__ = ["Progress", "replay"]


def replay(
    lake: Lake,
    params: Params,
    *,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    progress: Progress | None = None,
    feed: Feed | None = None,
    ledger: Counting = DEFAULT,
) -> Result:
    """Replay a strategy over a lake.

    Parameters
    ----------
    lake
        Bars, news, actions and universe.
    params
        The variant.
    timeframe
        Base bars, such as ``5m`` or ``1d``; None takes the finest in the lake.
    start, end
        First and last session, both included; None for the lake's first and last. History before
        ``start`` is used, not traded.
    symbols
        Restrict bars and news to these.
    sources
        Where bars may come from, best first; None takes, of each symbol, the series that was known
        first (`catalyst.data.series.chosen_series`).
    progress
        Called after each session with sessions done, sessions in all, and the date.
    feed
        Another source of the same facts, such as one that moves the news.
    ledger
        Where the run is counted as a trial of this data; None for nowhere, which is for runs that
        nobody chooses by, such as an audit's.

    Returns
    -------
    Result
        Tables in a temporary folder until `Result.save` moves them.

    Raises
    ------
    LakeError
        If the lake has no such bars, symbols, sources or sessions, or is written to meanwhile.
    ConservationError
        If money or shares don't add up exactly.
    OutputError
        If the ledger can't be written.
    """
    return replay_together(
        lake,
        [params],
        timeframe=timeframe,
        start=start,
        end=end,
        symbols=symbols,
        sources=sources,
        progress=progress,
        feed=feed,
        ledger=ledger,
    )[0]
