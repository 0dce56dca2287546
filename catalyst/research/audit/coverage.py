"""What a look-ahead audit covered and what it did not, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from catalyst.research.audit.differences import clock
from catalyst.research.audit.lockstep import Walk
from catalyst.research.audit.worlds import NEAR_SESSIONS
from catalyst.strategy.params import Params


def shortcomings(walk: Walk) -> str:
    """Say what of the data was assumed or adjusted before it came into the lake; empty if none."""
    counts, feed = walk.market.counts, walk.feed
    bars = max(counts.bars, 1)
    shares = (
        (feed.assumed_articles / max(feed.articles, 1), "of news times are assumed"),
        (counts.assumed_bars / bars, "of bar times are assumed"),
        (counts.adjusted_bars / bars, "of bars were adjusted by their vendor, as of later"),
    )
    return ", ".join(f"{share:.0%} {what}" for share, what in shares if share > 0)


def coverage(walk: Walk, replays: Sequence[int], components: int) -> str:
    """Say what was covered and what was not, a sentence a line.

    Parameters
    ----------
    walk
        After its run.
    replays
        Instants before which whole replays were made from scratch.
    components
        Number of the user's own components.
    """
    plugs = walk.plugs
    n, of = walk.instants, walk.decision_times
    lines = [
        (
            f"Looked at {n:,} of {of:,} decision times; at each, all that was known later was cut "
            "off, and made otherwise with late facts about the past planted (bars, news, splits, "
            "dividends, memberships)."
        ),
    ]
    if n < of:
        missed = (1 - 0.01) ** n
        lines.append(
            "A leak that shows at a share p of decision times is missed with probability "
            f"(1 - p)^{n}: {missed:.0%} for one that shows at 1 in 100; --sample all looks at "
            "every one."
        )
    compared = ["survey", "view", "fills", "decision"]
    if plugs.loader is not None:
        near = walk.told is not None and walk.told.near
        compared.insert(
            0, "the loader's rows" + (f" of the last {NEAR_SESSIONS} sessions" if near else "")
        )
    exact = "to the bit" if plugs.loader is None and plugs.view_builder is None else "to 1e-9"
    lines.append(f"Compared: {', '.join(compared)}, {exact}.")
    if plugs.loader is not None and walk.own is None:
        lines.append(
            "Fills were not held against the lake's own bars: it has none of "
            f"{walk.feed.timeframe}."
        )
    elif walk.own is not None and walk.own.altered:
        lines.append(
            f"The loader alters bars (in {walk.own.altered:,} sessions of a symbol): fills on them "
            "are not vouched for."
        )
    if not plugs.plant(walk.original):
        lines.append("No bar of the lake arrived late or was corrected, so no such were planted.")
    if walk.original.universe.is_empty():
        lines.append("The lake has no memberships, so none were planted.")
    if components:
        lines.append(
            f"Components ({components}) were judged by their code and what they hold, and asked "
            "twice; hindsight written down as a number can't be found."
        )
    if not isinstance(plugs.params, Params):
        lines.append("The fit was called anew with what was known before the first decision.")
    lines.append(
        "Symbols, series of bars and the timeframe are the run's own; of the future they are seen "
        "by the replays from scratch only."
    )
    if replays:
        when = ", ".join(clock(at) for at in replays)
        lines.append(
            f"Replayed from scratch over a lake on disk that ends at {when} New York time: every "
            "decision until then was compared."
        )
    else:
        lines.append("There was no replay from scratch over a lake cut on disk.")
    if short := shortcomings(walk):
        lines.append(f"Not to be seen by remaking the lake: {short}.")
    return "\n".join(lines)
