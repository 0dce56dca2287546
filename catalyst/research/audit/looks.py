"""Real views of a lake, to try components on."""

from __future__ import annotations

import numpy as np

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.strategy.clock import chooses_active, scan_instants
from catalyst.strategy.funnel import narrow
from catalyst.strategy.params import Params
from catalyst.strategy.session import Look
from catalyst.strategy.values import Indices, MarketView, Survey

SESSIONS = 3
"""Sessions at the end of the lake that views are taken from."""

VIEWS = 12
"""Views of each of them, spread over its scans."""

_OTHERS = 10


def looks(
    feed: Feed, params: Params, *, sessions: int = SESSIONS, views: int = VIEWS
) -> list[MarketView]:
    """Take views from the last sessions of a lake.

    Parameters
    ----------
    feed
        The lake, in the order of time.
    params
        The variant whose funnel chooses the symbols; some that it doesn't choose are added.
    sessions, views
        How many sessions, and how many views of each at most.

    Returns
    -------
    list of `MarketView`
        Ascending in time, each with whole windows, as at a scan. Those without any symbol are left
        out.
    """
    every = feed.span(None, None)[1]
    before, chosen = feed.span(day_to_date(every[-min(sessions, len(every))].day), None)
    market = Market(feed, params)
    market.warm_up(before)
    out: list[MarketView] = []
    whole = params
    for session in chosen:
        params = whole.on(session.day)
        market.open_session(session)
        scans = scan_instants(session, feed.grid, params)
        spread = np.linspace(0, len(scans) - 1, min(views, len(scans))).round().astype(int)
        active: Indices = np.empty(0, np.int32)
        for k, asof_ns in enumerate(scans):
            _, survey = market.advance(asof_ns)
            choose = feed.grid.daily or chooses_active(session, asof_ns, params, scans[0])
            narrowed = narrow(survey, active, params, choose=choose)
            active = narrowed.active
            if k in spread:
                wanted = np.union1d(narrowed.passed, _others(survey, params)).astype(np.int32)
                ask = Look(asof_ns, wanted, survey, scan=True, choose=choose)
                if len(wanted):
                    out.append(market.look(ask))
        market.close_session()
    return out


def _others(survey: Survey, params: Params) -> Indices:
    enough: Indices = np.flatnonzero(survey.n_bars >= params.technical.bars_min).astype(np.int32)
    if len(enough) <= _OTHERS:
        return enough
    spread: Indices = enough[np.linspace(0, len(enough) - 1, _OTHERS).round().astype(int)]
    return spread
