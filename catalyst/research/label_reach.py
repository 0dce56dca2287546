"""How many sessions what came of a decision may span: from the signal to the last exit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from catalyst.errors import InputError
from catalyst.research.sweep_grid import Grid
from catalyst.research.sweep_points import searched
from catalyst.strategy.params import Params

_DAY_HOURS = 24


def label_reach(variants: Sequence[Params], *, daily: bool) -> int:
    """Return the sessions that the longest label of some variants spans, the signal's included.

    Intraday, a variant that leaves every position before the close spans its own session. Others
    are taken to hold as long as the time stop lets a loser be held: daily, an entry waits for its
    bars, and leaves at the open after. A winner may be held longer, and a position whose exit finds
    no volume; what they earn later is not seen, because a window that chooses is replayed on its
    own and ends at its last close.

    Parameters
    ----------
    variants
        All that may be chosen.
    daily
        Whether base bars are daily.

    Raises
    ------
    InputError
        If a variant may hold for ever: it neither flattens nor has a time stop.
    """
    return max(_reach(params, daily=daily) for params in variants)


def search_reach(grid: Grid, base: Params, *, daily: bool) -> int:
    """Return `label_reach` over all that a search may choose.

    Parameters
    ----------
    grid, base
        What is searched, laid over which variant.
    daily
        Whether base bars are daily.
    """
    if grid.search == "optuna":
        # What it will ask for is not known: the ends of what it may ask for are.
        corners = replace(
            grid,
            search="grid",
            axes=tuple(replace(a, values=a.values or (a.low, a.high)) for a in grid.axes),
        )
        points = next(searched(corners, base))
    else:
        points = next(searched(grid, base))
    return label_reach([p.params for p in points if p.params] or [base], daily=daily)


def _reach(params: Params, *, daily: bool) -> int:
    dated = [entry for _, entry in params.by_date]
    if dated:
        return max(_reach(entry, daily=daily) for entry in dated)
    exits = {component.name for component in params.exits}
    if not daily and "flatten" in exits and params.risk.flatten_at_close:
        return 1
    if "time_stop" not in exits:
        raise InputError(
            f"{params.variant} may hold a position for ever: it has no time stop among its exits; "
            "say with --reach how many sessions a trade may span"
        )
    if daily:
        return 1 + params.execution.entry_bars + params.risk.time_stop_bars + 1
    # The stop's hours run through the night; a weekend only makes the sessions fewer.
    return 2 + int(params.risk.time_stop_hours // _DAY_HOURS)
