"""The live driver: it sends the session loop what it asks for, as replay does.

Compare with `catalyst.research.together`: both answer the same requests; nothing below knows which
of them it is.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from catalyst.live.threads import in_thread
from catalyst.live.trading_desk import TradingDesk
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.session import (
    Actions,
    Advance,
    Decided,
    Look,
    Request,
    run_session,
)
from catalyst.strategy.values import Session

Loop = Generator[Request, Any, PortfolioState]


async def trade_session(desk: TradingDesk, session: Session, *, after_ns: int) -> None:
    """Trade one session, or what is left of it.

    Parameters
    ----------
    desk
        Holds the state; feeds are open and what is past is converged.
    session
        The session.
    after_ns
        Its last decision, where it is taken up again; -1 before the first.

    Raises
    ------
    CatalystError
        If it can't go on: the journal is lost for good, or somebody else writes it.
    """
    loop = run_session(
        desk.broker.state, session, grid=desk.grid, params=desk.params, after_ns=after_ns
    )
    answer: Any = None
    while not desk.stopping:
        ask = await _next(loop, answer)
        match ask:
            case None:
                return
            case Actions(_, symbols):
                answer = desk.actions_of(symbols)
            case Advance(asof_ns, idle):
                answer = await desk.advance(asof_ns, idle=idle)
            case Look():
                answer = desk.look(ask)
            case Decided(decision, after, adjustments):
                await desk.decided(decision, after, adjustments)
                answer = None


async def _next(loop: Loop, answer: object) -> Request | None:
    """Send an answer; the step behind it runs beside the streams, in a thread."""

    def send() -> Request | None:
        try:
            return loop.send(answer)
        except StopIteration:
            return None

    return await in_thread(send, name="step")
