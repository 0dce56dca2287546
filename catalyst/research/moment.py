"""One instant of a market: what the strategy could know at it, rebuilt from the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.errors import InputError
from catalyst.strategy.clock import chooses_active, scan_instants
from catalyst.strategy.funnel import Narrowed, narrow
from catalyst.strategy.params import Params
from catalyst.strategy.session import Look
from catalyst.strategy.values import Indices, MarketView, Session, Survey

_NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Moment:
    """Hold what was known at an instant, and the funnel over it.

    Attributes
    ----------
    session
        The session that the instant lies in.
    survey
        Numbers of every symbol.
    narrowed
        The funnel before its last ranking; its first stage as last chosen at or before the instant.
    view
        Bars of the symbols that passed, and of those asked for.
    """

    session: Session
    survey: Survey
    narrowed: Narrowed
    view: MarketView


def moment(
    feed: Feed,
    params: Params,
    asof_ns: int,
    *,
    symbols: Sequence[int] = (),
    sessions: int | None = None,
) -> Moment:
    """Rebuild what the strategy knew at an instant.

    Parameters
    ----------
    feed
        The lake, in the order of time.
    params
        The variant.
    asof_ns
        The instant, ns UTC; need not be a scan.
    symbols
        Indices of symbols whose bars the view shall hold beside those that passed the funnel.
    sessions
        How many sessions of history to give; None for all that the strategy reaches back.

    Raises
    ------
    InputError
        If the instant lies in no session with bars.
    """
    session, before = _place(feed, asof_ns)
    market = Market(feed, params)
    market.warm_up(before if sessions is None else before[len(before) - sessions :])
    market.open_session(session)
    params = params.on(session.day)
    scans = [at for at in scan_instants(session, feed.grid, params) if at <= asof_ns]
    choices = [
        at for at in scans if feed.grid.daily or chooses_active(session, at, params, scans[0])
    ]
    active: Indices = np.empty(0, np.int32)
    choose = bool(choices) and choices[-1] == asof_ns
    if choices and not choose:
        _, survey = market.advance(choices[-1])
        active = narrow(survey, active, params, choose=True).active
    _, survey = market.advance(asof_ns)
    narrowed = narrow(survey, active, params, choose=choose)
    wanted = np.union1d(narrowed.passed, np.array(symbols, np.int32)).astype(np.int32)
    view = market.look(Look(asof_ns, wanted, survey, scan=True, choose=choose))
    return Moment(session, survey, narrowed, view)


def _place(feed: Feed, asof_ns: int) -> tuple[Session, list[Session]]:
    local = dt.datetime.fromtimestamp(asof_ns // 10**9, _NEW_YORK)
    first, last = feed.reach
    before, chosen = feed.around(local.date())
    if not chosen or not chosen[0].pre_ns <= asof_ns <= chosen[0].post_ns:
        raise InputError(
            f"{local:%Y-%m-%d %H:%M} New York time is in no session; expected an instant between "
            f"04:00 and 20:00 of a trading day from {first} to {last}"
        )
    return chosen[0], before
