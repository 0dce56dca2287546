"""Sessions as live would have journalled them: an ordinary replay, written down while it runs."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import replace
from functools import cache

from worlds import LOOSE, small_lake

from catalyst import Lake, Params
from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.data.session_record import (
    Booked,
    ClosedBooks,
    RecordedDecision,
    SessionRecord,
)
from catalyst.data.state_codec import adjustment_json, decision_json, fill_json, state_json
from catalyst.data.version import code_version
from catalyst.research.followed_fills import FollowedFills
from catalyst.research.reenactment import Fills, Reenactment, reenacted
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.ledger import begin
from catalyst.strategy.money import notional_micro
from catalyst.strategy.portfolio import PortfolioState

SPAN = (dt.date(2023, 6, 20), dt.date(2023, 6, 21))


@cache
def small_params() -> Params:
    return Params.load("spec").replace(**LOOSE)


@cache
def small_records() -> tuple[SessionRecord, ...]:
    """Two busy sessions of the small lake, with fills by the fill model."""
    return recorded(small_lake(), small_params(), *SPAN)


def recorded(
    lake: Lake,
    params: Params,
    start: dt.date,
    end: dt.date,
    *,
    worse_by: float = 0.0,
    missed: Collection[int] = (),
) -> tuple[SessionRecord, ...]:
    """Record sessions whose fills are the model's, each worse by some dollars a share."""
    feed = Feed(lake, "5m")
    before, sessions = feed.span(start, end)
    market = Market(feed, params)
    market.warm_up(before)
    state, out = begin(params), []
    for session in sessions:
        fills = _Worse(FollowedFills(state, feed.names, {}, None), worse_by)
        ran = reenacted(market, session, state, fills, missed=missed)
        out.append(_record(ran, params, session.day, str(lake.root)))
        state = ran.closing
    return tuple(out)


class _Worse:
    """A broker that fills as the model does, at worse prices."""

    def __init__(self, model: Fills, worse_by: float) -> None:
        self._model = model
        self._worse_by = worse_by

    def until(self, asof_ns: int, market: Market) -> tuple[Fill, ...]:
        return tuple(
            # A broker says nothing of slippage.
            replace(fill, price=fill.price + fill.side * self._worse_by, slippage_micro=0)
            for fill in self._model.until(asof_ns, market)
        )

    def decided(self, decision: Decision, state: PortfolioState) -> None:
        self._model.decided(decision, state)


def _record(ran: Reenactment, params: Params, day: int, lake: str) -> SessionRecord:
    names = ran.names
    closing = ran.closing
    return SessionRecord(
        account="TEST",
        day=day_to_date(day),
        variant=params.variant,
        params=json.loads(json.dumps(params.as_mapping())),
        params_hash=params.hash,
        code_version=code_version(),
        timeframe="5m",
        symbols=names,
        lake=lake,
        opening=_stored(state_json(ran.opening, names)),
        decisions=tuple(
            RecordedDecision(
                one.asof_ns,
                one.decision.scan,
                one.digest,
                _stored(decision_json(one.decision, names)),
                _stored(state_json(one.state, names)),
                tuple(_stored(fill_json(f, names)) for f in one.fills),
                tuple(_stored(adjustment_json(a, names)) for a in one.adjustments),
            )
            for one in ran.decisions
        ),
        missed=(),
        closed=ClosedBooks(
            closing.cash_micro, closing.equity_micro, closing.cash_micro, closing.equity_micro
        ),
        executed=_executed(ran),
        head_seq=1,
        head_hash="0" * 64,
    )


def _executed(ran: Reenactment) -> dict[str, Booked]:
    out: dict[str, Booked] = {}
    for f in ran.fills:
        known = out.get(f.order_id, Booked(0, 0))
        value = known.value_micro + notional_micro(f.price, f.quantity)
        out[f.order_id] = Booked(known.quantity + f.quantity, value)
    return out


def _stored(values: dict[str, object]) -> dict[str, object]:
    """Send values through the text of a database."""
    out: dict[str, object] = json.loads(json.dumps(values))
    return out
