"""How many sessions what came of a decision may span: from the signal to the last exit."""

from __future__ import annotations

from collections.abc import Sequence

from catalyst.errors import InputError
from catalyst.strategy.params import Params

_DAY_HOURS = 24


def label_reach(variants: Sequence[Params], *, daily: bool) -> int:
    """Return the sessions that the longest label of some variants spans, the signal's included.

    Intraday, a variant that leaves every position before the close spans its own session. Daily, an
    entry waits for its bars, is held until the time stop, and leaves at the open after it. A
    position may stay longer where a bar has too little volume to fill its exit, or is halted.

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
