"""Take into the journal what was done by hand while nobody could write it."""

from __future__ import annotations

from pathlib import Path

from catalyst.live.events import Body, Control, Found
from catalyst.live.hand_acts import flattened_by_hand, put_aside
from catalyst.live.journal import Journal

_BY = "a person, with the broker alone"


def journal_hand_acts(state: Path, journal: Journal, *, at_ns: int) -> int:
    """Journal the acts of flattens that worked with the broker alone, and put their file aside.

    A flatten pauses: what was closed by hand is not opened again before somebody resumes. A crash
    in between journals the acts twice, which changes nothing.

    Parameters
    ----------
    state
        ``state`` under ``CATALYST_HOME``.
    at_ns
        Exchange time.

    Returns
    -------
    int
        The number of acts.
    """
    acts = flattened_by_hand(state, journal.account_id)
    if not acts:
        return 0
    bodies: list[Body] = [Control("flatten", _BY)]
    bodies += [Found("by_hand", act.symbol, f"by hand: {act.text}") for act in acts]
    journal.append(bodies, at_ns=at_ns)
    put_aside(state, journal.account_id)
    return len(acts)
