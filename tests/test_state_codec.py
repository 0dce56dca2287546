from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from worlds import action_lake, small_lake

from catalyst.data.codec import digest
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.market import Market
from catalyst.data.state_codec import (
    decision_from,
    decision_json,
    fill_from,
    fill_json,
    state_from,
    state_json,
)
from catalyst.errors import InputError
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.ledger import begin
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.session import Actions, Advance, Decided, Look, run_session


def walk(
    lake: Lake, n_sessions: int
) -> tuple[Feed, list[tuple[Decision, PortfolioState]], list[Fill]]:
    feed = Feed(lake)
    params = Params()
    before, sessions = feed.span(None, None)
    market = Market(feed, params)
    market.warm_up([*before, *sessions[:-n_sessions]])
    state, seen = begin(params), []
    filled: list[Fill] = []
    for session in sessions[-n_sessions:]:
        market.open_session(session)
        loop = run_session(state, session, grid=feed.grid, params=params)
        answer: object = None
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
                    filled += answer[0]
                case Look():
                    answer = market.look(ask)
                case Decided(decision, after, _):
                    market.decided(decision)
                    seen.append((decision, after))
                    answer = None
                case Actions(_, symbols):
                    answer = market.actions_of(symbols)
        market.close_session()
    return feed, seen, filled


@pytest.fixture(scope="module", params=["small", "actions"])
def walked(
    request: pytest.FixtureRequest,
) -> tuple[Feed, list[tuple[Decision, PortfolioState]], list[Fill]]:
    return walk(small_lake() if request.param == "small" else action_lake(), 6)


def through_json(values: dict[str, Any]) -> dict[str, Any]:
    back: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
    return back


def test_states_come_back_to_the_bit(
    walked: tuple[Feed, list[tuple[Decision, PortfolioState]], list[Fill]],
) -> None:
    feed, seen, _ = walked
    index = {name: i for i, name in enumerate(feed.names)}
    states = [state for _, state in seen]

    back = [state_from(through_json(state_json(s, feed.names)), index) for s in states]

    assert any(e.held for s in states for e in s.entries)
    assert [repr(s) for s in back] == [repr(s) for s in states]


def test_decisions_come_back_with_their_digest(
    walked: tuple[Feed, list[tuple[Decision, PortfolioState]], list[Fill]],
) -> None:
    feed, seen, _ = walked
    index = {name: i for i, name in enumerate(feed.names)}
    decisions = [decision for decision, _ in seen]

    back = [decision_from(through_json(decision_json(d, feed.names)), index) for d in decisions]

    assert any(d.orders for d in decisions)
    assert [digest(d, feed.names) for d in back] == [digest(d, feed.names) for d in decisions]


def test_fills_come_back_with_the_order_that_the_state_forgot(
    walked: tuple[Feed, list[tuple[Decision, PortfolioState]], list[Fill]],
) -> None:
    feed, seen, filled = walked
    index = {name: i for i, name in enumerate(feed.names)}
    entry = next(e for _, s in seen for e in s.entries if e.orders)
    fills = [*filled, replace(filled[0], order=entry.orders[0], entry=entry)]

    back = [fill_from(through_json(fill_json(f, feed.names)), index) for f in fills]

    assert [repr(f) for f in back] == [repr(f) for f in fills]


def test_a_state_is_read_with_another_symbol_table(
    walked: tuple[Feed, list[tuple[Decision, PortfolioState]], list[Fill]],
) -> None:
    feed, seen, _ = walked
    wider = ("0FIRST", *feed.names)
    index = {name: i for i, name in enumerate(wider)}
    state = next(s for _, s in seen if s.entries)

    back = state_from(through_json(state_json(state, feed.names)), index)

    assert [wider[e.symbol] for e in back.entries] == [feed.names[e.symbol] for e in state.entries]


def test_a_held_symbol_that_the_table_lacks_is_an_error(
    walked: tuple[Feed, list[tuple[Decision, PortfolioState]], list[Fill]],
) -> None:
    feed, seen, _ = walked
    state = next(s for _, s in seen if s.entries)

    with pytest.raises(InputError, match="has no bars in the lake"):
        state_from(state_json(state, feed.names), {})
