"""The session loop: a generator that asks for what it needs and yields decisions. No I/O, no clock.

A driver sends the answer to each request: replay from the lake, live from feeds and broker.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalyst.strategy.clock import bar_ends, chooses_active, scan_instants
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.funnel import narrow
from catalyst.strategy.ledger import apply_actions, roll_day
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Action, Adjustment, PortfolioState
from catalyst.strategy.step import step
from catalyst.strategy.values import Grid, Indices, MarketView, Session, Survey


@dataclass(frozen=True)
class Actions:
    """Ask for the corporate actions of what is held; answer: tuple of `Action`.

    Those whose ex-date is this session and that the bars don't contain already.
    """

    session: Session
    symbols: tuple[int, ...]


@dataclass(frozen=True)
class Advance:
    """Ask for time to pass to ``asof_ns``; answer: (fills since the last one, `Survey`).

    None says that nothing is decided at the instant: it was missed, and is not made up for; or it
    is ``idle``, without a scan and with nothing held or working, and nothing has filled.
    """

    asof_ns: int
    idle: bool = False


@dataclass(frozen=True)
class Look:
    """Ask for the bars of some symbols at ``asof_ns``; answer: `MarketView`.

    Attributes
    ----------
    symbols : int32[k]
        Ascending.
    scan, choose
        As in the view; see `sees_whole_windows` for how many bars are needed.
    """

    asof_ns: int
    symbols: Indices
    survey: Survey
    scan: bool
    choose: bool


def sees_whole_windows(ask: Look, params: Params) -> bool:
    """Tell whether a look needs whole windows and every timeframe, or the last bars only.

    Scans do. Between them the built-in exits ask for the last bars; an exit of the user's own may
    ask for any, and would otherwise leave by another rule than at a scan.
    """
    return ask.scan or any(component.function is not None for component in params.exits)


@dataclass(frozen=True)
class Decided:
    """Hand over a decision with the state after it; answer: None.

    ``adjustments`` says what corporate actions did at 04:00, before the session's first look.
    """

    decision: Decision
    state: PortfolioState
    adjustments: tuple[Adjustment, ...] = ()


Request = Actions | Advance | Look | Decided


def run_session(
    state: PortfolioState, session: Session, *, grid: Grid, params: Params, after_ns: int = -1
) -> Generator[Request, Any, PortfolioState]:
    """Run one session of the strategy.

    Parameters
    ----------
    state
        Before the session or, taken up again, after its last decision.
    session, grid, params
        The session, its base bars, every number.
    after_ns
        The session's last decision, where it is taken up again: what lies up to it is done.

    Yields
    ------
    Request
        `Actions` if something is held, then for every instant `Advance`, `Look` and `Decided`. Each
        names the answer it is sent. Instants are the scans, and the ends of base bars; those at
        which nothing is held or working are idle.

    Returns
    -------
    PortfolioState
        The state after the session.
    """
    params = params.on(session.day)
    state = roll_day(state, session)
    if state.entries and after_ns < session.pre_ns:
        actions: tuple[Action, ...] = yield Actions(session, tuple(e.symbol for e in state.entries))
        state, cancels, orders, done = apply_actions(state, actions, session)
        if done or cancels:
            yield Decided(
                Decision(session.pre_ns, scan=False, cancels=cancels, orders=orders), state, done
            )
    scans = set(scan_instants(session, grid, params))
    first_scan = min(scans)
    for asof_ns in sorted(scans.union(bar_ends(session, grid))):
        scan = asof_ns in scans
        if asof_ns <= after_ns:
            continue
        idle = not scan and not state.entries
        answer: tuple[tuple[Fill, ...], Survey] | None = yield Advance(asof_ns, idle)
        if answer is None:
            continue
        fills, survey = answer
        choose = scan and (grid.daily or chooses_active(session, asof_ns, params, first_scan))
        held = {e.symbol for e in state.entries}.union(f.symbol for f in fills if f.entry)
        wanted = np.array(sorted(held), np.int32)
        narrowed = None
        if scan:
            narrowed = narrow(survey, state.active, params, choose=choose)
            wanted = np.union1d(wanted, narrowed.passed) if len(wanted) else narrowed.passed
        view: MarketView = yield Look(asof_ns, wanted, survey, scan, choose)
        state, decision = step(state, view, fills, params, narrowed=narrowed)
        yield Decided(decision, state)
    return state
