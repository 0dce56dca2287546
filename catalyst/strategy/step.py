"""The step: from what was known to what is decided. Pure."""

from __future__ import annotations

from dataclasses import replace

from catalyst.strategy.decisions import Decision, Fill, Order, Pattern, Signal
from catalyst.strategy.funnel import Narrowed, finish, narrow
from catalyst.strategy.ledger import apply_fills, roll_day
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.positions import look
from catalyst.strategy.reasons import Outcome
from catalyst.strategy.risk import serve
from catalyst.strategy.signals import score
from catalyst.strategy.values import MarketView


def step(
    state: PortfolioState,
    view: MarketView,
    fills: tuple[Fill, ...],
    params: Params,
    *,
    narrowed: Narrowed | None = None,
) -> tuple[PortfolioState, Decision]:
    """Decide at one instant: book the fills, look at positions, and scan if it is time to.

    Parameters
    ----------
    state
        What the strategy remembers.
    view
        What may be known at ``view.asof_ns``, and nothing else.
    fills
        Executions since the last step, in order.
    params
        Every number and component.
    narrowed
        What `narrow` gives for this view, if the caller has it already.

    Returns
    -------
    state, decision
    """
    state = apply_fills(roll_day(state, view.session), fills)
    state, cancels, orders = look(state, view, params)
    if not view.scan:
        return state, Decision(view.asof_ns, scan=False, cancels=cancels, orders=orders)
    narrowed = narrowed or narrow(view.survey, state.active, params, choose=view.choose)
    state = replace(state, active=narrowed.active)
    screen, finalists = finish(view, narrowed, params)
    patterns: list[Pattern] = []
    signals: list[Signal] = []
    sent: list[Order] = list(orders)
    rows = dict(zip(finalists.symbol.tolist(), finalists.row.tolist(), strict=True))
    for signal, verdict in score(view, narrowed, finalists, params):
        patterns += verdict.patterns
        served = signal
        if signal.outcome is Outcome.INTENT:
            state, served, entry_orders = serve(state, view, signal, rows[signal.symbol], params)
            sent += entry_orders
        signals.append(served)
    return state, Decision(
        view.asof_ns,
        scan=True,
        screen=screen,
        patterns=tuple(patterns),
        signals=tuple(signals),
        cancels=cancels,
        orders=tuple(sent),
    )
