"""What an account's next order is judged by: buying power, shares held for orders, open orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalyst.live.paper.moments import NANO_MICRO, Moment, value_micro
from catalyst.strategy.broker_rules import Resting, Standing
from catalyst.strategy.order_text import NANO

if TYPE_CHECKING:
    from catalyst.live.paper.account import PaperAccount

MULTIPLIER = 2
"""Times its equity that an account may hold: half of each position is its margin."""


def buying_power_micro(account: PaperAccount, moment: Moment) -> int:
    """Return what may still be opened, micro-dollars: working orders are taken off."""
    held = account.holdings.positions_micro(moment.marks, gross=True)
    working = sum(value_micro(o, moment) for o in account.open_orders() if o.opening)
    return MULTIPLIER * account.equity_micro(moment.marks) - held - working


def held_for_orders(account: PaperAccount, symbol: str, *, but: str = "") -> int:
    """Return the shares that open closing orders will take; those of one group left out."""
    groups: dict[str, int] = {}
    for order in account.open_orders(symbol):
        if not order.opening and order.live and order.group_id != but:
            groups[order.group_id] = max(groups.get(order.group_id, 0), order.left)
    return sum(groups.values())


def standing_of(account: PaperAccount, symbol: str, moment: Moment, *, but: str = "") -> Standing:
    """Return what a new order is judged by, as if the orders of one group were not there."""
    resting = tuple(
        Resting(
            side=o.side.label,
            type=o.kind,
            limit_nano=o.limit_nano,
            held=o.status == "held",
            opening=o.opening,
        )
        for o in account.open_orders(symbol)
        if o.group_id != but
    )
    power = buying_power_micro(account, moment)
    power += sum(
        value_micro(o, moment) for o in account.open_orders() if o.group_id == but and o.opening
    )
    exposure = account.holdings.positions_micro(moment.marks, gross=True)
    return Standing(
        asof_ns=moment.now_ns,
        session=moment.session,
        tradable=symbol in moment.tradable,
        shortable=True,
        price_nano=round(moment.marks.get(symbol, 0.0) * NANO),
        position=account.holdings.shares(symbol),
        held_for_orders=held_for_orders(account, symbol, but=but),
        buying_power_nano=power * NANO_MICRO,
        exposure_nano=exposure * NANO_MICRO,
        equity_nano=account.equity_micro(moment.marks) * NANO_MICRO,
        resting=resting,
        client_ids=account.by_client,
    )
