"""Many instants of a market in one walk: what was known at each, without deciding anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.errors import InvariantError
from catalyst.strategy.params import Params
from catalyst.strategy.session import Look
from catalyst.strategy.values import MarketView, Session, Survey


@dataclass(frozen=True)
class Known:
    """Hold what was known at an instant.

    Attributes
    ----------
    asof_ns
        The instant.
    session, survey
        Its session, and the numbers of every symbol of the feed.
    view
        The bars of the symbols asked for.
    """

    asof_ns: int
    session: Session
    survey: Survey
    view: MarketView

    def index(self, symbol: str) -> int:
        """Return a symbol's place in the survey."""
        return self.view.names.index(symbol)

    def row(self, symbol: str) -> int:
        """Return a symbol's row in the view's panels."""
        return int(np.searchsorted(self.view.symbols, self.index(symbol)))


def walk(
    feed: Feed, params: Params, stops: Mapping[int, Sequence[str]], sessions: Sequence[Session]
) -> Iterator[Known]:
    """Go through a market and stop at some instants.

    By the laws of replay (start, subset) what is known of a symbol is the same whichever other
    symbols the feed has and wherever the run began, so a feed of the symbols asked about will do.

    Parameters
    ----------
    feed
        The lake, in the order of time.
    params
        Windows and fill model.
    stops
        Instants, ns UTC, with the symbols whose bars are asked for.
    sessions
        The run's sessions, ascending; every stop lies in one.
    """
    waiting = sorted(stops)
    if not waiting:
        return
    dates = [s for s in sessions if s.post_ns >= waiting[0] and s.pre_ns <= waiting[-1]]
    before, chosen = feed.span(day_to_date(dates[0].day), day_to_date(dates[-1].day))
    market = Market(feed, params)
    market.warm_up(before)
    place = {name: i for i, name in enumerate(feed.names)}
    for k, session in enumerate(chosen):
        market.open_session(session)
        if k + 1 < len(chosen):
            market.read_ahead(chosen[k + 1])
        while waiting and waiting[0] <= session.post_ns:
            asof_ns = waiting.pop(0)
            _, survey = market.advance(asof_ns)
            symbols = np.array(sorted({place[s] for s in stops[asof_ns]}), np.int32)
            view = market.look(Look(asof_ns, symbols, survey, scan=True, choose=False))
            yield Known(asof_ns, session, survey, view)
        market.close_session()
    if waiting:
        raise InvariantError(f"the instants {waiting} lie in none of the run's sessions")
