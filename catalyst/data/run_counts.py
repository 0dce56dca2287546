"""What a run met in its data, counted for its reader."""

from __future__ import annotations

from dataclasses import dataclass, field

from catalyst.data.metrics import Jump


@dataclass
class Counts:
    """Count what a run met in its data.

    Attributes
    ----------
    bars, assumed_bars, adjusted_bars
        All of them, those whose ``known_at`` is an assumption, and those adjusted by their vendor.
    late_bars, old_share_bars
        Those known too late to fill anything, and those left out on a split's ex-date.
    newsless_sessions
        Sessions in which no article about any symbol of the run became known.
    jumps
        Closes that moved like a split where none is recorded.
    """

    bars: int = 0
    assumed_bars: int = 0
    adjusted_bars: int = 0
    late_bars: int = 0
    old_share_bars: int = 0
    newsless_sessions: int = 0
    jumps: list[Jump] = field(default_factory=list)
