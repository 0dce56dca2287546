"""The ledger of compiled trials: `strategy.ledger` and the orders of `strategy.risk` as kernels.

An entry's orders are kept twice, as there: the strategy's list, and the exchange's book.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from catalyst.research.trade_kernels_exchange import notional_nb
from catalyst.research.trade_kernels_layout import (
    ENTRY_ROLE,
    LIMIT,
    MOST_ORDERS,
    NO,
    STOP,
    STOP_ROLE,
    TARGET_1_ROLE,
    TARGET_2_ROLE,
    TRAIL_ROLE,
    YES,
    Records,
)


@njit(cache=True, nogil=True, error_model="numpy")
def send_nb(
    e: np.void,
    orders: Records,
    book: Records,
    role: int,
    kind: int,
    side: int,
    quantity: int,
    limit: float,
    stop: float,
    leg: int,
    extended: int,
    asof: int,
    parent: int,
) -> int:
    """Send an order of an entry: into the strategy's list and into the book; return its id.

    One with a parent sleeps. Where there is no room the entry is marked ``full``.
    """
    if e["n_orders"] >= MOST_ORDERS or e["n_book"] >= MOST_ORDERS:
        e["full"] = 1
        return -1
    order = orders[e["n_orders"]]
    order["id"] = e["made"]
    order["role"] = role
    order["kind"] = kind
    order["side"] = side
    order["quantity"] = quantity
    order["given"] = 0
    order["leg"] = leg
    order["extended"] = extended
    order["submitted"] = asof
    order["parent"] = parent
    order["left"] = 0 if parent >= 0 else quantity
    order["live"] = 0 if parent >= 0 else 1
    order["triggered"] = 0
    order["limit"] = limit
    order["stop"] = stop
    book[e["n_book"]] = order
    e["n_orders"] += 1
    e["n_book"] += 1
    e["made"] += 1
    return int(order["id"])


@njit(cache=True, nogil=True, error_model="numpy")
def cancel_nb(e: np.void, orders: Records, book: Records, gone: int) -> None:
    """Take orders out of list and book; ``gone`` has a bit for each place of the list."""
    if not gone:
        return
    n = 0
    for k in range(e["n_book"]):
        stays = True
        for i in range(e["n_orders"]):
            if gone >> i & 1 and orders[i]["id"] == book[k]["id"]:
                stays = False
        if stays:
            if n != k:
                book[n] = book[k]
            n += 1
    e["n_book"] = n
    n = 0
    for i in range(e["n_orders"]):
        if not gone >> i & 1:
            if n != i:
                orders[n] = orders[i]
            n += 1
    e["n_orders"] = n


@njit(cache=True, nogil=True, error_model="numpy")
def protect_nb(
    e: np.void, orders: Records, book: Records, leg: int, shares: int, asof: int, parent: int
) -> None:
    """Send stop and target of one half, as `strategy.risk.protection`."""
    trailing = not math.isnan(e["trail"])
    stop = e["trail"] if trailing else e["stop"]
    role = TRAIL_ROLE if trailing else STOP_ROLE
    side = -e["side"]
    send_nb(e, orders, book, role, STOP, side, shares, np.nan, stop, leg, NO, asof, parent)
    target_nb(e, orders, book, leg, shares, asof, parent)


@njit(cache=True, nogil=True, error_model="numpy")
def target_nb(
    e: np.void, orders: Records, book: Records, leg: int, shares: int, asof: int, parent: int
) -> None:
    """Send the target of one half, as `strategy.risk.target_order`."""
    role = TARGET_1_ROLE if leg == 0 else TARGET_2_ROLE
    price = e["target_1"] if leg == 0 else e["target_2"]
    side = -e["side"]
    send_nb(e, orders, book, role, LIMIT, side, shares, price, np.nan, leg, YES, asof, parent)


@njit(cache=True, nogil=True, error_model="numpy")
def book_fill_nb(e: np.void, orders: Records, fill: np.void) -> None:
    """Book one execution on its entry, as `strategy.ledger` and `data.books.Trade` do.

    ``given`` of each order is its quantity before the fills of the instant.
    """
    quantity, role, leg = fill["quantity"], fill["role"], fill["leg"]
    value = notional_nb(fill["price"], quantity)
    before = quantity
    for i in range(e["n_orders"]):
        if orders[i]["id"] == fill["order"]:
            before = orders[i]["given"]
            orders[i]["quantity"] -= quantity
    e["cash"] -= fill["side"] * value + fill["fee"]
    e["fees"] += fill["fee"]
    if math.isnan(e["mark"]):
        e["mark"] = fill["price"]
    if role == ENTRY_ROLE:
        e["filled"] += quantity
        if leg < 0:
            total = e["filled"]
            e["filled_1"] = 0 if total < 2 else (total + 1) // 2
            e["filled_2"] = total if total < 2 else total // 2
        elif leg == 0:
            e["filled_1"] += quantity
        else:
            e["filled_2"] += quantity
        e["cost"] += value
        if e["first_fill"] < 0:
            e["first_fill"] = fill["filled"]
        return
    if leg < 0:
        first = min(quantity, e["filled_1"] - e["exited_1"])
        e["exited_1"] += first
        e["exited_2"] += quantity - first
    elif leg == 0:
        e["exited_1"] += quantity
    else:
        e["exited_2"] += quantity
    if role == TARGET_1_ROLE:
        e["target_1_exited"] += quantity
    stop = role in (STOP_ROLE, TRAIL_ROLE)
    if e["exiting"] < 0 and stop and quantity < before:
        e["exiting"] = role
    e["exited"] += quantity
    e["proceeds"] += value
    e["exit_ns"] = fill["filled"]
    reasons, known = e["reasons"], False
    while reasons:
        known = known or reasons & 15 == role
        reasons >>= 4
    if not known:
        e["reasons"] = e["reasons"] << 4 | role


@njit(cache=True, nogil=True, error_model="numpy")
def sweep_nb(e: np.void, orders: Records) -> None:
    """Drop filled orders and protection without shares, as the ledger's ``_swept``."""
    entering = 0
    for i in range(e["n_orders"]):
        if orders[i]["quantity"] > 0 and orders[i]["role"] == ENTRY_ROLE:
            entering |= 1 << (orders[i]["leg"] + 1)
    n = 0
    for i in range(e["n_orders"]):
        o = orders[i]
        if o["quantity"] <= 0:
            continue
        leg = o["leg"]
        if not (o["role"] == ENTRY_ROLE or entering & 1 or entering >> (leg + 1) & 1):
            held = held_nb(e, leg)
            if held <= 0:
                continue
            o["quantity"] = min(o["quantity"], held)
        if n != i:
            orders[n] = orders[i]
        n += 1
    e["n_orders"] = n


@njit(cache=True, nogil=True, error_model="numpy")
def held_nb(e: np.void, leg: int) -> int:
    """Return the shares held of a half, or of both (-1)."""
    if leg < 0:
        return int(e["filled"] - e["exited"])
    return int(e["filled_1"] - e["exited_1"] if leg == 0 else e["filled_2"] - e["exited_2"])
