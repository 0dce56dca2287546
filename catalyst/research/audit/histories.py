"""The same instants with less and less history before them: numbers, and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from catalyst.data.codec import digest
from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.errors import CatalystError
from catalyst.research.audit.cases import Case, cases_of
from catalyst.research.audit.component_files import Found
from catalyst.strategy.clock import chooses_active, scan_instants
from catalyst.strategy.components import Component
from catalyst.strategy.decisions import Decision
from catalyst.strategy.funnel import narrow, technical_scores
from catalyst.strategy.ledger import begin
from catalyst.strategy.params import Params
from catalyst.strategy.patterns import judge
from catalyst.strategy.session import Actions, Advance, Decided, Look, run_session
from catalyst.strategy.values import Floats, Indices, MarketView, Session

_SYMBOLS = 10


@dataclass
class Histories:
    """Look at a session again with only the last sessions before it.

    Parameters
    ----------
    feed
        The lake, in the order of time.
    params
        The variant.
    before
        All sessions before it that the strategy reaches back to.
    session
        The session.
    views
        How many of its scans to look at.
    own
        Components of the user's, measured too.
    """

    feed: Feed
    params: Params
    before: Sequence[Session]
    session: Session
    views: int
    own: Sequence[Found] = ()
    _known: dict[int, dict[str, Floats]] = field(default_factory=dict)
    _asked: list[tuple[int, Indices]] = field(default_factory=list)
    _cases: dict[str, list[Case]] = field(default_factory=dict)

    def part(self, name: str, n: int) -> Floats:
        """Return one number with the last ``n`` sessions before only."""
        return self.at(n)[name]

    def at(self, n: int) -> dict[str, Floats]:
        """Return every number with the last ``n`` sessions before only, each float64[s] by name."""
        if not self._asked:
            self._look(len(self.before))
        if n not in self._known:
            self._look(n)
        return self._known[n]

    def _look(self, n: int) -> None:
        market = Market(self.feed, self.params)
        market.warm_up(list(self.before[len(self.before) - n :]))
        market.open_session(self.session)
        rules = market.rules
        scans = scan_instants(self.session, self.feed.grid, rules)
        spread = np.linspace(0, len(scans) - 1, min(self.views, len(scans))).round().astype(int)
        active: Indices = np.empty(0, np.int32)
        found: dict[str, list[Floats]] = {}
        first = not self._asked
        seen = 0
        for k, asof_ns in enumerate(scans):
            _, survey = market.advance(asof_ns)
            choose = self.feed.grid.daily or chooses_active(self.session, asof_ns, rules, scans[0])
            narrowed = narrow(survey, active, rules, choose=choose)
            active = narrowed.active
            if k not in spread:
                continue
            if first:
                self._asked.append((asof_ns, self._chosen(narrowed.passed, survey.n_bars)))
            wanted = self._asked[seen][1]
            view = market.look(Look(asof_ns, wanted, survey, scan=True, choose=choose))
            numbers: dict[str, Any] = {
                "n_sessions": survey.n_sessions,
                "mean volume": survey.mean_volume,
                "mean dollars": survey.mean_dollars,
                "previous close": survey.previous_close,
                "relative volume": survey.rvol,
                "session closes": survey.session_close.ravel(),
                "catalyst score": narrowed.score,
                "technical score": technical_scores(view.base, rules),
                "pattern score": pattern_scores(view, rules),
            }
            for name, values in (numbers | self._own_numbers(view, seen)).items():
                found.setdefault(name, []).append(np.asarray(values, np.float64))
            seen += 1
        self._known[n] = {name: np.concatenate(parts) for name, parts in found.items()}

    def _chosen(self, passed: Indices, n_bars: Indices) -> Indices:
        most = np.argsort(-n_bars, kind="stable")[:_SYMBOLS].astype(np.int32)
        return np.union1d(passed, most).astype(np.int32)

    def _own_numbers(self, view: MarketView, seen: int) -> dict[str, Floats]:
        out: dict[str, Floats] = {}
        for one in self.own:
            key = f"{one.name} {seen}"
            if key not in self._cases:
                self._cases[key] = cases_of(one.kind, view, self.params.on(view.session.day))
            out[one.name] = answers(one, [replace(c, view=view) for c in self._cases[key]])
        return out

    def decided(self, n: int, span: int) -> Answers:
        """Decide over the last ``span`` sessions, with ``n`` sessions before the first only."""
        every = [*self.before, self.session]
        earlier, sessions = every[:-span], every[-span:]
        market = Market(self.feed, self.params)
        market.warm_up(earlier[max(0, len(earlier) - n) :])
        out = Answers({}, {}, {})
        state = begin(self.params)
        for session in sessions:
            market.open_session(session)
            loop = run_session(state, session, grid=self.feed.grid, params=self.params)
            answer: Any = None
            while True:
                try:
                    ask = loop.send(answer)
                except StopIteration as stop:
                    state = stop.value
                    break
                match ask:
                    case Advance(idle=True):
                        answer = None
                    case Advance(asof_ns):
                        answer = market.advance(asof_ns)
                    case Look():
                        answer = market.look(ask)
                    case Decided(decision, _, _):
                        market.decided(decision)
                        out.add(decision, self.feed.names)
                        answer = None
                    case Actions(_, symbols):
                        answer = market.actions_of(symbols)
            market.close_session()
        return out


@dataclass(frozen=True)
class Answers:
    """Hold decisions, candidates and signals by what names them."""

    decisions: dict[tuple[int, int], str]
    candidates: dict[tuple[int, int, int], tuple[float, ...]]
    signals: dict[tuple[int, int], tuple[object, ...]]

    def add(self, decision: Decision, names: Sequence[str]) -> None:
        """Take in a decision."""
        same = sum(1 for at, _ in self.decisions if at == decision.asof_ns)
        self.decisions[decision.asof_ns, same] = digest(decision, names)
        screen = decision.screen
        if screen is not None:
            rows = zip(
                screen.symbol.tolist(),
                screen.stage.tolist(),
                screen.reason.tolist(),
                np.nan_to_num(screen.value, nan=-1.0).tolist(),
                np.nan_to_num(screen.rvol, nan=-1.0).tolist(),
                np.nan_to_num(screen.volume, nan=-1.0).tolist(),
                strict=True,
            )
            for symbol, stage, *values in rows:
                self.candidates[decision.asof_ns, symbol, stage] = tuple(values)
        for signal in decision.signals:
            self.signals[decision.asof_ns, signal.symbol] = (
                signal.side,
                signal.confidence,
                signal.outcome,
                signal.rule,
            )


def answers(one: Found, cases: Sequence[Case]) -> Floats:
    """Return a component's results over some calls, float64[s]; NaN where it fails."""
    component = Component(one.name, "", one.function)
    parts: list[Floats] = [np.empty(0)]
    for case in cases:
        k = len(case.view.survey.price) if case.kind == "catalyst_score" else len(case.names)
        try:
            with np.errstate(all="ignore"):
                parts.append(case.asked(component).ravel())
        except CatalystError:
            parts.append(np.full(k * (2 if case.kind == "catalyst_score" else 1), np.nan))
    return np.concatenate(parts)


def pattern_scores(view: MarketView, params: Params) -> Floats:
    """Return the pattern score of each of a view's symbols without a catalyst, float64[k]."""
    rows = np.arange(len(view.symbols))
    found = judge(view, rows, np.zeros(len(rows), np.int64), params)
    return np.array([verdict.score * (verdict.side or 1) for verdict in found])
