"""Variants as a lake makes them: those that learn are fitted on it, the others are as they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from catalyst.data.lake import Lake
from catalyst.data.timeframes import NAMES
from catalyst.data.variants import fitted, load, unfitted
from catalyst.research.together import Progress
from catalyst.strategy.params import Params


def contender(
    source: str | Path,
    lake: Lake,
    *,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    settings: Sequence[str] = (),
    progress: Progress | None = None,
) -> Params:
    """Return the parameters that a variant has on a lake.

    Parameters
    ----------
    source, settings
        As for `catalyst.data.variants.load`.
    lake
        What a variant that says ``fitted: monthly`` is fitted on, so that its parameters take
        effect by date: those of a day know nothing of that day, or of a later one.
    timeframe
        Base bars; None takes the lake's finest. ``1d`` lays the numbers of ``daily`` under it.
    start, end, symbols, sources
        As for `catalyst.replay`.
    progress
        As for `catalyst.replay`; called while a variant is fitted.

    Raises
    ------
    ParamsError
        If there is no such variant, or a field is unknown or out of range.
    LakeError
        If the lake has no such bars, symbols, sources or sessions.
    """
    length = timeframe or next((name for name in NAMES if name in lake.timeframes()), None)
    if fitted(source) is None:
        return load(source, timeframe=length, settings=settings)
    from catalyst.research.learning import learned_params

    return learned_params(
        lake,
        unfitted(source, timeframe=length, settings=settings),
        timeframe=length,
        start=start,
        end=end,
        symbols=symbols,
        sources=sources,
        progress=progress,
    )
