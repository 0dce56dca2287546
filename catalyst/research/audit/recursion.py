"""The recursion audit: how much history each indicator, component and decision needs before it."""

from __future__ import annotations

import contextlib
import html
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.errors import LakeError
from catalyst.research.audit.bar_indicators import Indicator, Series, indicators, series_of
from catalyst.research.audit.cases import windows_of
from catalyst.research.audit.component_files import Found
from catalyst.research.audit.components import reach_cases, user_components
from catalyst.research.audit.histories import Answers, Histories, answers, pattern_scores
from catalyst.research.audit.looks import looks
from catalyst.research.audit.variations import shortened, with_panels
from catalyst.research.audit.warmup import Warmup, measured
from catalyst.strategy.history import FRAME_BARS, history_sessions
from catalyst.strategy.params import Params
from catalyst.strategy.values import MarketView

BARS = (20, 30, 60, 100, 150, 250, 500)
"""Lengths of history in bars that the table tells of."""

SESSIONS = (1, 2, 5, 10, 20, 40, 64, 128, 256)
"""Lengths of history in sessions that the table tells of."""

_LONGEST_WINDOW = 500
_PATTERN_BARS = (5, 10, 15, 20, 30)
_SPAN = 3
_FEW_FRAC = 0.1
_NEEDS_BARS = ("technical_score", "patterns", "entry_filters", "exits", "scored")


@dataclass(frozen=True)
class DecisionChange:
    """Hold how decisions differ when a run has ``sessions`` sessions before its first day.

    Attributes
    ----------
    sessions
        Sessions of history.
    decisions_frac, candidates_frac, signals_frac
        Share that differs from those with the full history.
    """

    sessions: int
    decisions_frac: float
    candidates_frac: float
    signals_frac: float


@dataclass(frozen=True)
class RecursionAudit:
    """Hold how much history everything needs.

    Attributes
    ----------
    bars, sessions
        By bars and by sessions of history.
    decisions
        Whole decisions over a few sessions.
    window, reach
        Bars, and sessions, that the strategy looks back at most.
    coverage
        What was looked at.
    """

    bars: tuple[Warmup, ...]
    sessions: tuple[Warmup, ...]
    decisions: tuple[DecisionChange, ...]
    window: int
    reach: int
    coverage: str

    @property
    def endless(self) -> list[str]:
        """Name the components whose result depends on history without end."""
        return [one.name for one in self.bars if one.endless]

    @property
    def ok(self) -> bool:
        """Tell whether every component's result comes to rest."""
        return not self.endless

    @property
    def sentence(self) -> str:
        """Say what a user has to give a run before its first day."""
        bars = [one for one in self.bars if one.values and not one.endless]
        sessions = [one for one in self.sessions if one.values]
        need = max((_need(one, self.window) for one in bars), default=0)
        days = max((_need(one, self.reach) for one in sessions), default=0)
        calm = [one.sessions for one in self.decisions if not one.decisions_frac]
        days = max(days, min(calm, default=0))
        told = [f"Give a run at least {need} bars and {days} sessions before its first day:"]
        told.append("from there on nothing here changes, to the bit.")
        soon = self._soon(sessions)
        if soon:
            told.append(soon)
        ends = [one.name for one in bars if one.exact == self.window]
        if ends:
            told.append(
                f"{', '.join(ends)}: exact from {self.window} bars by construction, the window "
                "ends there."
            )
        short = [one.name for one in (*bars, *sessions) if one.exact is None]
        if short:
            told.append(
                f"This lake is too short to show it for {', '.join(short)}: by construction "
                f"nothing looks further back than {self.window} bars and {self.reach} sessions."
            )
        if self.endless:
            told.append(
                f"{', '.join(self.endless)} never comes to rest: the result depends on how much "
                f"history is given, and only technical.window ({self.window} bars) bounds that; "
                "take a fixed number of bars."
            )
        return " ".join(told)

    def _soon(self, sessions: Sequence[Warmup]) -> str:
        calm = {one.sessions for one in self.decisions if not one.decisions_frac}
        for n in sorted(calm):
            worst = [p.changed_frac for one in sessions for p in one.points if p.n == n]
            if worst and 0.0 < max(worst) <= _FEW_FRAC:
                return (
                    f"With {n} sessions no decision differs, and at most {max(worst):.0%} of any "
                    "number: names that hardly trade."
                )
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return the audit as values for JSON."""
        return {
            "ok": self.ok,
            "sentence": self.sentence,
            "endless": self.endless,
            "window": self.window,
            "reach": self.reach,
            "bars": [one.as_dict() for one in self.bars],
            "sessions": [one.as_dict() for one in self.sessions],
            "decisions": [vars(one) for one in self.decisions],
            "coverage": self.coverage,
        }

    def table(self) -> list[tuple[str, ...]]:
        """List name, unit, exact from, close from, and what each shorter history changes."""
        return [
            (
                one.name,
                one.unit,
                _length(one.exact, one.longest),
                _length(one.close, one.longest),
                "  ".join(
                    f"{p.n}: {p.changed_frac:.0%} by {p.median_frac:.2g} to {p.largest_frac:.2g}"
                    for p in one.points
                    if p.changed_frac
                ),
            )
            for one in (*self.bars, *self.sessions)
            if one.values
        ]

    def __repr__(self) -> str:
        """Return the sentence and the table as text."""
        rows = ["  ".join(row) for row in self.table()]
        return "\n".join([self.sentence, *rows, *map(decision_text, self.decisions), self.coverage])

    def _repr_html_(self) -> str:
        head = ("", "unit", "exact from", "within 1e-6 from", "changes with a shorter history")
        cells = [head, *self.table()]
        rows = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{html.escape(c)}</td>" for c in row)
            for row in cells
        )
        told = "<br>".join(html.escape(decision_text(one)) for one in self.decisions)
        return (
            f"<p><b>{html.escape(self.sentence)}</b></p><table>{rows}</table><p>{told}</p>"
            f"<p>{html.escape(self.coverage)}</p>"
        )


def decision_text(one: DecisionChange) -> str:
    """Say what a history of some sessions does to decisions."""
    return (
        f"with {one.sessions} sessions before: {one.decisions_frac:.1%} of decisions differ, "
        f"{one.candidates_frac:.1%} of candidates, {one.signals_frac:.1%} of signals"
    )


def audit_recursion(
    lake: Lake,
    params: Params | None = None,
    *,
    own: Sequence[Found] = (),
    timeframe: str | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    views: int = 12,
    tell: Callable[[str], None] | None = None,
) -> RecursionAudit:
    """Measure how indicators, components and decisions depend on the length of history.

    Parameters
    ----------
    lake
        Its last session is looked at, with all history before it and with less and less.
    params
        The variant; None takes ``spec``. Its own components are measured too.
    own
        More components, see `catalyst.research.audit.component_files.components_in`.
    timeframe, symbols, sources
        As in `catalyst.replay`.
    views
        Instants of the session.
    tell
        Told what is being done.

    Returns
    -------
    RecursionAudit

    Raises
    ------
    LakeError
        If the lake holds fewer than three sessions.
    """
    params = params or Params()
    tell = tell or (lambda _text: None)
    feed = Feed(lake, timeframe, symbols, sources)
    sessions = feed.span(None, None)[1]
    before, (last,) = feed.span(day_to_date(sessions[-1].day), None)
    before = before[-len(sessions) + 1 :] if len(sessions) > 1 else []
    if len(before) < _SPAN:
        raise LakeError(
            f"the lake {lake.root} holds {len(sessions)} sessions; expected at least {_SPAN + 1} "
            "to compare a longer history with a shorter one"
        )
    components = [*user_components(params), *own]
    # What a component prints must not land in a table or in JSON.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tell("measuring by bars")
        bars = tuple(_by_bars(feed, params, components, views))
        history = Histories(feed, params, before, last, views, components)
        lengths = [n for n in SESSIONS if n < len(before)]
        for n in (len(before), *lengths):
            tell(f"measuring with {n} sessions before")
            history.at(n)
        tell("looking for the least number of sessions")
        by_sessions = tuple(_by_sessions(history, lengths))
        changes = []
        full = history.decided(len(before) + 1 - _SPAN, _SPAN)
        for n in lengths:
            tell(f"deciding with {n} sessions before")
            if n < len(before) + 1 - _SPAN:
                changes.append(_change(n, full, history.decided(n, _SPAN)))
    reach = history_sessions(feed.grid)
    return RecursionAudit(
        bars,
        by_sessions,
        tuple(changes),
        params.technical.window,
        reach,
        f"Looked at {views} instants of {day_to_date(last.day)} and at the decisions of {_SPAN} "
        f"sessions, {len(feed.names)} symbols, {feed.timeframe} bars; the lake has {len(before)} "
        f"sessions before, the strategy reaches back {reach}. A name that trades on some days only "
        "needs more sessions for the same bars.",
    )


def _by_bars(
    feed: Feed, params: Params, components: Sequence[Found], views: int
) -> Iterator[Warmup]:
    window = params.technical.window
    deep = params.replace(
        window=min(_LONGEST_WINDOW, 2 * window),
        **{one.kind: getattr(Params(), one.kind) for one in components},
    )
    real = looks(feed, deep, sessions=1, views=views)
    series = [one for view in real for one in series_of(view)]
    longest = max((len(one.close) for one in series), default=0)
    if not longest:
        return
    unit = f"{feed.timeframe} bars"
    measure = partial(measured, unit=unit, longest=longest, lengths=BARS, bound=window)
    for name, value in indicators(params).items():
        yield measure(name, value_at=partial(_values, value, series))
    for k, length in enumerate(real[0].frame_ns):
        minutes = length // 60_000_000_000
        yield measured(
            "patterns",
            f"{minutes} min bars" if minutes < 1440 else "1d bars",
            partial(_pattern_values, real, params, k),
            longest=FRAME_BARS,
            lengths=_PATTERN_BARS,
        )
    for one in components:
        if one.kind in _NEEDS_BARS:
            yield _own_by_bars(one, real, params, measure)


def _values(
    indicator: Indicator, series: Sequence[Series], n: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([indicator(one.last(n)) for one in series], np.float64).ravel()


def _pattern_values(
    real: Sequence[MarketView], params: Params, frame: int, n: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    parts = []
    for view in real:
        cut = with_panels(view, lambda panel: shortened(panel, n))
        alone = replace(
            cut,
            frames=cut.frames[frame : frame + 1],
            frame_ns=view.frame_ns[frame : frame + 1],
            frame_slot_ns=view.frame_slot_ns[frame : frame + 1],
        )
        parts.append(pattern_scores(alone, params))
    return np.concatenate(parts)


def _own_by_bars(
    one: Found, real: Sequence[MarketView], params: Params, measure: Callable[..., Warmup]
) -> Warmup:
    if one.kind == "patterns":
        cases = [case for view in real[-2:] for case in windows_of(view, params, 3 * FRAME_BARS)]
        longest = max((int(case.view.base.count.max()) for case in cases), default=0)
        return measure(
            one.name,
            value_at=lambda n: answers(one, [case.last(n) for case in cases]),
            longest=longest,
            bound=FRAME_BARS,
            own=True,
        )
    spread = reach_cases(one.kind, real, params)
    return measure(
        one.name, value_at=lambda n: answers(one, [case.last(n) for case in spread]), own=True
    )


def _by_sessions(history: Histories, lengths: Sequence[int]) -> Iterator[Warmup]:
    longest = len(history.before)
    reach = history_sessions(history.feed.grid)
    for name in history.at(longest):
        found = measured(
            name,
            "sessions",
            partial(history.part, name),
            longest=longest,
            lengths=lengths,
            own=any(one.name == name for one in history.own),
            bound=longest,
            every=False,
        )
        # As long as the strategy reaches back, nothing further can make a difference.
        ends = longest if longest >= reach else None
        yield replace(found, exact=found.exact or ends, close=found.close or ends)


def _change(n: int, full: Answers, cut: Answers) -> DecisionChange:
    return DecisionChange(
        n,
        _share(full.decisions, cut.decisions),
        _share(full.candidates, cut.candidates),
        _share(full.signals, cut.signals),
    )


def _share(full: dict[Any, Any], cut: dict[Any, Any]) -> float:
    keys = full.keys() | cut.keys()
    return sum(full.get(key) != cut.get(key) for key in keys) / len(keys) if keys else 0.0


def _need(one: Warmup, bound: int) -> int:
    return bound if one.exact is None else one.exact


def _length(n: int | None, longest: int) -> str:
    return f"{n}" if n is not None else f"over {longest}"
