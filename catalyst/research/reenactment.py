"""A session reenacted: every view rebuilt from a lake, fills as they are told.

Compare with `catalyst.research.together`, whose market the fills come from, and with the live
driver: all three send the session loop what it asks for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from catalyst.data.codec import digest, symbol_codes
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.market import Market
from catalyst.errors import LakeError
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Adjustment, PortfolioState
from catalyst.strategy.session import Actions, Advance, Decided, Look, run_session
from catalyst.strategy.values import Session


@dataclass(frozen=True)
class Reenacted:
    """Hold one decision made again.

    Attributes
    ----------
    asof_ns, digest, decision, state, adjustments
        As the journal has them.
    fills
        Those it was given.
    """

    asof_ns: int
    digest: str
    decision: Decision
    state: PortfolioState
    fills: tuple[Fill, ...]
    adjustments: tuple[Adjustment, ...]


@dataclass(frozen=True)
class Reenactment:
    """Hold a session made again.

    Attributes
    ----------
    names
        The symbol table.
    opening, closing
        The states before and after it.
    decisions
        In order.
    unanswered
        Instants at which something would have been decided, and nothing was, ns UTC.
    unbooked
        Fills of orders that the state did not know, with the instants they were told at.
    """

    names: tuple[str, ...]
    opening: PortfolioState
    closing: PortfolioState
    decisions: tuple[Reenacted, ...]
    unanswered: tuple[int, ...]
    unbooked: tuple[tuple[int, Fill], ...]

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Return all fills that were booked, in order."""
        return tuple(fill for one in self.decisions for fill in one.fills)


class Fills(Protocol):
    """Tell what filled: from a journal, from the fill model, or from both."""

    def until(self, asof_ns: int, market: Market) -> tuple[Fill, ...]:
        """Return what filled since the last time of asking."""

    def decided(self, decision: Decision, state: PortfolioState) -> None:
        """Take in a decision, and the state after it."""


class ToldFills:
    """Tell the fills that somebody wrote down, at the instants at which he did.

    Parameters
    ----------
    fills_at
        By the instant of the decision that is given them, ns UTC.
    """

    def __init__(self, fills_at: Mapping[int, Sequence[Fill]]) -> None:
        self._fills_at = fills_at

    def until(self, asof_ns: int, market: Market) -> tuple[Fill, ...]:
        """Return what was written down for an instant."""
        del market
        return tuple(self._fills_at.get(asof_ns, ()))

    def decided(self, decision: Decision, state: PortfolioState) -> None:
        """Do nothing: what was written down stands."""


def reenact(
    lake: Lake,
    params: Params,
    state: PortfolioState,
    day: dt.date,
    *,
    timeframe: str,
    symbols: Sequence[str],
    fills_at: Mapping[int, Sequence[Fill]],
    instants: Collection[int],
) -> Reenactment:
    """Make the decisions of a session again, from a lake, a state and fills alone.

    Parameters
    ----------
    lake
        What live wrote down of what it saw.
    params
        The variant.
    state
        Before the session; symbols are places in the ascending list of `symbols`.
    day
        The session's New York date.
    timeframe, symbols
        Base bars, and the symbol table.
    fills_at
        Fills by the instant of the decision that was given them.
    instants
        At which decisions were made, ns UTC; at others nothing is decided.

    Returns
    -------
    Reenactment
        A fill of an order that the state doesn't know is not booked, and told.

    Raises
    ------
    LakeError
        If the lake has no such bars, symbols or session.
    """
    market, session = market_before(lake, params, day, timeframe=timeframe, symbols=symbols)
    return reenacted(market, session, state, ToldFills(fills_at), instants=instants)


def market_before(
    lake: Lake, params: Params, day: dt.date, *, timeframe: str, symbols: Sequence[str]
) -> tuple[Market, Session]:
    """Return the market as it was known before a session, and the session.

    Raises
    ------
    LakeError
        If the lake has no such bars, symbols or session.
    """
    feed = Feed(lake, timeframe, symbols)
    before, own = feed.around(day)
    if not own:
        first, last = feed.reach
        raise LakeError(
            f"the lake {lake.root} has no session {day} of {timeframe} bars; it reaches from "
            f"{first} to {last}"
        )
    market = Market(feed, params)
    market.warm_up(before)
    return market, own[0]


def reenacted(
    market: Market,
    session: Session,
    state: PortfolioState,
    fills: Fills,
    *,
    instants: Collection[int] | None = None,
    missed: Collection[int] = (),
) -> Reenactment:
    """Run a session on a market that knows what came before it.

    Parameters
    ----------
    market
        Stands before the session, and after it when this returns.
    session, state
        The session, and the state before it.
    fills
        Who tells what filled.
    instants
        The only ones at which something is decided; None for all but `missed`, and but those at
        which there is nothing to look at.
    missed
        Instants at which nothing is decided.
    """
    run = _Run(market, state, fills, instants, missed)
    market.open_session(session)
    loop = run_session(state, session, grid=market.feed.grid, params=market.rules)
    answer: Any = None
    while True:
        try:
            ask = loop.send(answer)
        except StopIteration as stop:
            closing: PortfolioState = stop.value
            break
        match ask:
            case Actions(_, symbols):
                # Live may have been away for days; what it held was split on them all the same.
                answer = market.actions_of(symbols, after_day=state.day if state.day >= 0 else None)
            case Advance():
                answer = run.advance(ask)
            case Look():
                answer = market.look(ask)
            case Decided():
                run.decided(ask)
                answer = None
    market.close_session()
    return Reenactment(
        market.feed.names,
        state,
        closing,
        tuple(run.decisions),
        tuple(run.unanswered),
        tuple(run.unbooked),
    )


class _Run:
    """One pass through a session: the state last decided, and what has been collected."""

    def __init__(
        self,
        market: Market,
        state: PortfolioState,
        fills: Fills,
        instants: Collection[int] | None,
        missed: Collection[int],
    ) -> None:
        self.market = market
        self.state = state
        self.fills = fills
        self.instants = None if instants is None else frozenset(instants)
        self.missed = frozenset(missed)
        self.decisions: list[Reenacted] = []
        self.unanswered: list[int] = []
        self.unbooked: list[tuple[int, Fill]] = []
        self._codes = symbol_codes(market.feed.names)
        self._given: tuple[Fill, ...] = ()

    def advance(self, ask: Advance) -> Any:  # noqa: ANN401 - what the session loop is answered
        asof_ns = ask.asof_ns
        if asof_ns in self.missed or (self.instants is not None and asof_ns not in self.instants):
            if not ask.idle:
                self.unanswered.append(asof_ns)
            return None
        told = self.fills.until(asof_ns, self.market)
        if ask.idle and not told and self.instants is None:
            return None
        known = {o.order_id for e in self.state.entries for o in e.orders}
        booked = []
        for fill in told:
            if fill.order_id in known or (fill.order is not None and fill.entry is not None):
                booked.append(fill)
            else:
                self.unbooked.append((asof_ns, fill))
        self._given = tuple(booked)
        return self._given, self.market.survey(asof_ns)

    def decided(self, told: Decided) -> None:
        decision, self.state = told.decision, told.state
        given, self._given = self._given, ()
        text = digest(decision, self.market.feed.names, self._codes)
        self.decisions.append(
            Reenacted(decision.asof_ns, text, decision, told.state, given, told.adjustments)
        )
        self.fills.decided(decision, told.state)
