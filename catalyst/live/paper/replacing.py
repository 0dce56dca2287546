"""What may stand in an order's place, and what it is then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from catalyst.live.paper.moments import Moment, expires
from catalyst.live.paper.orders import PaperOrder, changed
from catalyst.live.paper.standings import standing_of
from catalyst.strategy.broker_rules import Refusal, replace_refusal
from catalyst.strategy.order_text import whole_shares
from catalyst.strategy.refusals import bad
from catalyst.strategy.tickets import OrderRequest

if TYPE_CHECKING:
    from catalyst.live.paper.account import PaperAccount


def judged(
    account: PaperAccount,
    order: PaperOrder,
    changes: dict[str, str],
    client_order_id: str,
    moment: Moment,
) -> Refusal | OrderRequest:
    """Return what a changed order would be asked for as, or say why it is refused.

    Parameters
    ----------
    account, order
        Whose, and which.
    changes
        Its fields on the wire, as far as they change; a quantity that is not given stays the one
        that was ordered, however much of it has filled.
    client_order_id
        Of the new order.
    moment
        When.
    """
    request = changed(order, changes, client_order_id)
    standing = standing_of(account, order.symbol, moment, but=order.group_id)
    if order.leg:
        # It covers what its group holds and is still to hold, whatever was ordered.
        if changes.get("qty", str(order.quantity)) != str(order.quantity):
            return bad("qty of a leg can not be replaced", changes["qty"], str(order.quantity))
        parent = account.orders.get(order.parent_id)
        works = parent is not None and parent.open and parent.wakes
        covers = max(order.left + (parent.left if works and parent else 0), 1)
        request = replace(request, quantity=str(covers))
        position = -int(order.side) * covers
        standing = replace(standing, position=position, held_for_orders=0, resting=())
    return replace_refusal(request, standing, status=order.status, filled=0) or request


def successor(
    order: PaperOrder, request: OrderRequest, broker_id: str, moment: Moment
) -> PaperOrder:
    """Return the order that takes an order's place, with nothing filled."""
    quantity = whole_shares(request.quantity) or 0
    return replace(
        order,
        broker_id=broker_id,
        client_order_id=request.client_order_id,
        quantity=quantity,
        left=order.left if order.leg else quantity,
        limit=request.limit_price,
        stop=request.stop_price,
        time_in_force=request.time_in_force,
        expires_ns=expires(request, moment),
        accepted_ns=moment.now_ns,
        updated_ns=moment.now_ns,
        status="new" if order.status == "partially_filled" else order.status,
        triggered=False,
        filled=0,
        value_e4=0,
        filled_ns=-1,
        replaces=order.broker_id,
    )
