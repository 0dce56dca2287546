"""Trials: how a search runs many variants over one span."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from catalyst.data.lake import Lake
from catalyst.data.search_ledger import DEFAULT, Counting
from catalyst.research.outcome import Outcome, outcome_of
from catalyst.research.together import Progress, replay_together
from catalyst.strategy.params import Params

_TOGETHER = 32
"""Variants a pass: each keeps its account's rows in memory until they are written."""


def run_trials(
    lake: Lake,
    variants: Sequence[Params],
    *,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    progress: Progress | None = None,
    ledger: Counting = DEFAULT,
) -> list[Outcome]:
    """Run variants over one span of a lake, in this process.

    Parameters
    ----------
    lake, timeframe, start, end, symbols, sources, ledger
        As in `catalyst.research.replay.replay`.
    variants
        In any number.
    progress
        Called with sessions done, sessions in all passes, and the date.

    Returns
    -------
    list of Outcome
        In the order of the variants; each a function of its parameters, the lake and the span, not
        of what else was tried.

    Raises
    ------
    LakeError
        If the lake has no such bars, symbols, sources or sessions, or is written to meanwhile.
    OutputError
        If the ledger can't be written.
    """
    out: list[Outcome] = []
    passes = range(0, len(variants), _TOGETHER)
    for number, first in enumerate(passes):
        results = replay_together(
            lake,
            variants[first : first + _TOGETHER],
            timeframe=timeframe,
            start=start,
            end=end,
            symbols=symbols,
            sources=sources,
            tables="money",
            progress=_part(progress, number, len(passes)),
            ledger=ledger,
        )
        out += [outcome_of(result) for result in results]
    return out


def _part(progress: Progress | None, number: int, passes: int) -> Progress | None:
    if progress is None:
        return None
    tell = progress

    def told(done: int, total: int, day: dt.date) -> None:
        tell(number * total + done, passes * total, day)

    return told
