"""The whole check of a lake: what is in it, and what is suspicious, worst first."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catalyst.data.checks import (
    agreement,
    gaps,
    rejected,
    repeats,
    scales,
    shifts,
    slots,
    spikes,
    splits,
    volumes,
)
from catalyst.data.checks.findings import Finding, worst_first
from catalyst.data.checks.kinds import BAR_KINDS, KINDS, NEWS_KINDS, QUARANTINE_KINDS
from catalyst.data.checks.known import read_known
from catalyst.data.checks.panel import read_panel
from catalyst.data.checks.thresholds import DEFAULTS, Thresholds
from catalyst.data.symbols import joined_symbol
from catalyst.errors import InputError

if TYPE_CHECKING:
    from catalyst.data.checks.known import Known
    from catalyst.data.checks.panel import Panel
    from catalyst.data.lake import Lake

TABLES = ("bars", "news", "quarantine")
_Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Check:
    """Hold the answer of a check.

    Attributes
    ----------
    in_lake : dict
        See `catalyst.data.summaries.summarised`.
    findings : tuple of Finding
        Worst first.
    """

    in_lake: dict[str, Any]
    findings: tuple[Finding, ...]

    @property
    def by_kind(self) -> dict[str, int]:
        """Count findings by kind, in the order of the kinds."""
        counts = Counter(one.kind for one in self.findings)
        return {kind: counts[kind] for kind in KINDS if counts[kind]}


def check(
    lake: Lake,
    *,
    tables: Sequence[str] = TABLES,
    symbols: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    thresholds: Thresholds = DEFAULTS,
    tell: _Tell = lambda _: None,
) -> Check:
    """Look for what is suspicious in a lake; nothing is changed.

    Bars are read once, session by session. Memory grows with the number of symbols times sessions
    (350 bytes each) and of articles (200 bytes each), not with the number of bars.

    Parameters
    ----------
    lake
        What to look at.
    tables
        Of bars, news, quarantine.
    symbols
        Only these.
    kinds
        Only findings of these kinds.
    start, end
        Sessions of bars, and New York days of news; both included.
    thresholds
        What every check decides by.
    tell
        Called with what is being looked at.

    Raises
    ------
    InputError
        If a table or kind is unknown.
    """
    _must_be_among("table", tables, TABLES)
    _must_be_among("kind", kinds or (), tuple(KINDS))
    from catalyst.data.summaries import summarised

    wanted = None if symbols is None else sorted({joined_symbol(one) for one in symbols})
    asked = frozenset(KINDS if kinds is None else kinds)
    found: list[Finding] = []
    tell("looking at what is in the lake")
    in_lake = summarised(lake)
    if "bars" in tables and asked & BAR_KINDS.keys():
        found += _bars(lake, wanted, start, end, thresholds, tell)
    if "news" in tables and asked & NEWS_KINDS.keys() and in_lake["news"]:
        from catalyst.data.checks.news import news_findings

        tell("looking at news")
        found += news_findings(lake, thresholds, symbols=wanted, start=start, end=end)
    if "quarantine" in tables and asked & QUARANTINE_KINDS.keys():
        found += rejected.quarantine_findings(lake)
    kept = [one for one in found if one.kind in asked]
    if wanted is not None:
        names = set(wanted)
        kept = [one for one in kept if not one.symbol or names & set(one.symbol.split(", "))]
    return Check(in_lake, tuple(worst_first(kept)))


def _must_be_among(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for one in given:
        if one not in known:
            raise InputError(f"'{one}' is no {what}; expected one of {', '.join(known)}")


def _bars(
    lake: Lake,
    symbols: Sequence[str] | None,
    start: dt.date | None,
    end: dt.date | None,
    t: Thresholds,
    tell: _Tell,
) -> Iterator[Finding]:
    known = read_known(lake)
    panels = []
    for timeframe in lake.timeframes():
        tell(f"looking at {timeframe} bars")
        panel = read_panel(lake, timeframe, symbols=symbols, first=start, last=end)
        if not len(panel):
            continue
        panels.append(panel)
        yield from _one_timeframe(lake, panel, known, t)
    tell("comparing timeframes and sources")
    yield from agreement.agreement_findings(panels, t)
    yield from agreement.source_split_findings(panels, t)


def _one_timeframe(lake: Lake, panel: Panel, known: Known, t: Thresholds) -> Iterator[Finding]:
    yield from gaps.session_gaps(panel, known, t)
    yield from gaps.reused_tickers(panel, known, t)
    if not panel.is_daily:
        moved = shifts.settled(panel, shifts.moved_sessions(panel, t), t)
        yield from shifts.shift_findings(panel, moved, t)
        yield from shifts.end_stamp_findings(panel, t)
        yield from slots.slot_findings(panel, frozenset(np.flatnonzero(moved).tolist()), t)
        yield from shifts.coarse_findings(panel, t)
    yield from repeats.repeat_findings(panel, known, t)
    yield from repeats.stuck_findings(panel, t)
    yield from volumes.volume_findings(panel, t)
    runs = scales.scale_runs(panel, t)
    yield from scales.run_findings(panel, runs, t)
    yield from scales.bar_findings(lake, panel, runs, t)
    yield from splits.split_findings(panel, known, t)
    yield from spikes.spike_findings(panel, t)
    yield from spikes.price_findings(panel, t)
