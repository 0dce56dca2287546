"""Tests that a rehearsal leaves nothing to compile, and nothing else behind."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from numba.core.registry import CPUDispatcher
from worlds import LOOSE, small_lake

from catalyst import Lake, Params
from catalyst.data.codec import digest
from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.data.state_codec import decision_json
from catalyst.live.finalist_indicators import finalist_indicators
from catalyst.live.preparation import session_of
from catalyst.live.rehearsal import rehearse
from catalyst.strategy.ledger import begin
from catalyst.strategy.session import Advance, Decided, Look, run_session
from catalyst.strategy.values import MarketView, Session

DAY = dt.date(2023, 7, 18)

#: A process of its own, as any test of this one may have compiled what is needed.
_FRESH = """
import sys
from test_rehearsal import kernels, told, traded, warmed
from catalyst.live.rehearsal import rehearse
market, params, session = warmed(sys.argv[1])
cold = kernels()
rehearse(market, params, session)
before = kernels()
decisions = traded(market, params, session)
orders = sum(len(decision["orders"]) for decision in decisions)
told(sorted(kernels() - before), len(before - cold) > 5, orders > 0)
"""


def kernels() -> set[str]:
    """Name every compiled kernel with the arrays that it was compiled for."""
    return {
        f"{name}.{word}{signature}"
        for name, module in list(sys.modules.items())
        if name.startswith("catalyst.")
        for word, one in list(vars(module).items())
        if isinstance(one, CPUDispatcher)
        for signature in one.signatures
    }


def told(*values: object) -> None:
    """Tell the test's process."""
    sys.stdout.write(json.dumps(values))


def warmed(lake: str) -> tuple[Market, Params, Session]:
    """Make the market of a session that trades, as it stands before the session."""
    session = session_of(DAY)
    assert session is not None
    params = Params.load("spec").replace(**LOOSE)
    feed = Feed(Lake(lake), "5m", None)
    market = Market(feed, params)
    market.warm_up(feed.before(DAY))
    return market, params, session


def traded(market: Market, params: Params, session: Session) -> list[dict[str, Any]]:
    """Trade a session as a driver does; give its decisions as JSON values."""
    market.open_session(session)
    loop = run_session(begin(params), session, grid=market.feed.grid, params=params)
    out: list[dict[str, Any]] = []
    answer: object = None
    view: MarketView | None = None
    while True:
        try:
            ask = loop.send(answer)
        except StopIteration:
            return out
        match ask:
            case Advance(asof_ns, _):
                answer = market.advance(asof_ns)
            case Look():
                view = market.look(ask)
                answer = view
            case Decided(decision, _, _):
                market.decided(decision)
                if view is not None:
                    finalist_indicators(view, decision, params=params)
                digest(decision, market.feed.names)
                out.append(decision_json(decision, market.feed.names))
                answer = None


def test_no_kernel_is_compiled_or_loaded_after_a_rehearsal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FRESH, str(small_lake().root)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    late, loaded_before, traded_something = json.loads(done.stdout or done.stderr)

    assert (late, loaded_before, traded_something) == ([], True, True)


def test_a_rehearsal_changes_no_decision() -> None:
    root = str(small_lake().root)
    market, params, session = warmed(root)
    rehearse(market, params, session)

    assert traded(market, params, session) == traded(*warmed(root))


def test_a_market_without_history_can_be_rehearsed() -> None:
    params = Params.load("spec")
    session = session_of(dt.date(2023, 7, 3))
    assert session is not None
    feed = Feed(small_lake(), "5m", None)
    market = Market(feed, params)

    rehearse(market, params, session)

    assert market.counts.bars == 0
