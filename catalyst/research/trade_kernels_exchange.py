"""The exchange of compiled trials: `strategy.exchange`, `strategy.money` and fees as kernels.

Each kernel does what the function that it names does, in the same order of operations: the twin is
the law, and `tests/test_compiled_trials.py` holds them together.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from catalyst.research.trade_kernels_layout import (
    ENTRY_ROLE,
    LIMIT,
    MARKET,
    MOST_FILLS,
    NO,
    STOP,
    YES,
    Records,
)

# Half a thousandth, and the double that stands for it is above it: no value lies between.
_HALF_OF_3_DIGITS = 0.0005


@njit(cache=True, nogil=True, error_model="numpy")
def _whole_nb(x: float, up: bool) -> float:  # noqa: FBT001 - numba has no keyword-only parameters
    nearest = np.rint(x)
    if abs(x - nearest) < 1e-6:
        return float(nearest)
    return math.ceil(x) * 1.0 if up else math.floor(x) * 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def on_tick_nb(price: float, up: bool) -> float:  # noqa: FBT001 - as above
    """Round as `strategy.money.on_tick`: USD in and out."""
    scale = 100.0 if price >= 1.0 else 10_000.0
    return _whole_nb(price * scale, up) / scale


@njit(cache=True, nogil=True, error_model="numpy")
def notional_nb(price: float, quantity: int) -> int:
    """Return micro-dollars as `strategy.money.notional_micro`."""
    return int(np.rint(price * 10_000)) * 100 * quantity


@njit(cache=True, nogil=True, error_model="numpy")
def fee_nb(price: float, quantity: int, side: int, rate: float, a_share_usd: float) -> int:
    """Return the fee of a fill in micro-dollars, as the exchange's ``_fee_micro``.

    Python's ``round(x, 3)`` is exact in decimals, numba's is not: here a part of a micro-dollar
    that rounds to a thousandth or more costs a whole one.
    """
    if side > 0 or (rate == 0 and a_share_usd == 0):
        return 0
    usd = price * quantity * rate + quantity * a_share_usd
    micro = usd * 1_000_000
    whole = math.floor(micro)
    return int(whole) + (1 if micro - whole >= _HALF_OF_3_DIGITS else 0)


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_nb(
    row: np.void,
    price: float,
    slip: int,
    at_open: int,
    cap: float,
    bar: np.void,
    end: int,
    budget: int,
    trial: np.void,
    fills: Records,
    n_fills: int,
) -> int:
    """Fill what can be filled of a row; return its shares."""
    quantity = min(row["left"], budget)
    if quantity <= 0 or n_fills >= MOST_FILLS:
        return int(NO)
    side = row["side"]
    unslipped = price
    if slip:
        cost_bps = trial["slippage_bps"] + trial["impact_bps"] * math.sqrt(quantity / bar["volume"])
        price = price * (1.0 + side * cost_bps / 10_000.0)
    price = _whole_nb(price * 10_000, side > 0) / 10_000
    if not math.isnan(cap):
        price = min(price, cap) if side > 0 else max(price, cap)
    row["left"] -= quantity
    row["given"] += quantity
    fill = fills[n_fills]
    fill["order"] = row["id"]
    fill["role"] = row["role"]
    fill["leg"] = row["leg"]
    fill["side"] = side
    fill["quantity"] = quantity
    fill["price"] = price
    fill["fee"] = fee_nb(price, quantity, side, trial["sec_fee_rate"], trial["taf_fee_usd"])
    fill["filled"] = bar["ts"] if at_open else end
    slippage = notional_nb(price, quantity) - int(np.rint(unslipped * quantity * 1_000_000))
    fill["slippage"] = side * slippage
    return int(quantity)


@njit(cache=True, nogil=True, error_model="numpy")
def _exits_nb(
    book: Records,
    n: int,
    chosen: int,
    targets: int,
    bar: np.void,
    end: int,
    budget: int,
    trial: np.void,
    fills: Records,
    n_fills: int,
) -> tuple[int, int]:
    """Fill exits: stops and market orders before limits; return budget and number of fills.

    ``chosen`` has a bit for each row that takes part.
    """
    for i in range(n):
        if not chosen >> i & 1:
            continue
        row = book[i]
        quantity = NO
        if row["kind"] == MARKET or row["triggered"]:
            if bar["regular"]:
                quantity = _fill_nb(
                    row, bar["open"], YES, YES, np.nan, bar, end, budget, trial, fills, n_fills
                )
        elif row["kind"] == STOP and bar["regular"]:
            stop = row["stop"]
            touched = bar["low"] <= stop if row["side"] < 0 else bar["high"] >= stop
            if touched:
                row["triggered"] = 1
                gapped = YES if (bar["open"] - stop) * row["side"] >= 0 else NO
                price = bar["open"] if gapped else stop
                quantity = _fill_nb(
                    row, price, YES, gapped, np.nan, bar, end, budget, trial, fills, n_fills
                )
        budget -= quantity
        n_fills += quantity > 0
    if not targets:
        return budget, n_fills
    for i in range(n):
        if not chosen >> i & 1:
            continue
        row = book[i]
        if row["kind"] != LIMIT or not (bar["regular"] or row["extended"]):
            continue
        stopped = False
        for j in range(n):
            stopped = stopped or (book[j]["triggered"] != 0 and book[j]["leg"] == row["leg"])
        limit = row["limit"]
        through = bar["low"] < limit if row["side"] > 0 else bar["high"] > limit
        if stopped or not through:
            continue
        better = YES if (limit - bar["open"]) * row["side"] > 0 else NO
        price = bar["open"] if better else limit
        quantity = _fill_nb(row, price, NO, better, np.nan, bar, end, budget, trial, fills, n_fills)
        budget -= quantity
        n_fills += quantity > 0
    return budget, n_fills


@njit(cache=True, nogil=True, error_model="numpy")
def _enter_nb(
    book: Records,
    n: int,
    chosen: int,
    bar: np.void,
    end: int,
    budget: int,
    trial: np.void,
    fills: Records,
    n_fills: int,
) -> int:
    """Fill entries, then the protection that they wake; return the number of fills."""
    woken = NO
    all_at_open = YES
    stopped = False
    for i in range(n):
        stopped = stopped or book[i]["triggered"] != 0
    for i in range(n):
        row = book[i]
        if not chosen >> i & 1 or stopped or not (bar["regular"] or row["extended"]):
            continue
        limit = row["limit"]
        through = bar["low"] < limit if row["side"] > 0 else bar["high"] > limit
        if not through:
            continue
        at_open = YES if (limit - bar["open"]) * row["side"] > 0 else NO
        price = bar["open"] if at_open else limit
        quantity = _fill_nb(
            row, price, at_open, at_open, limit, bar, end, budget, trial, fills, n_fills
        )
        if not quantity:
            continue
        budget -= quantity
        n_fills += 1
        all_at_open = min(all_at_open, at_open)
        for j in range(n):
            if book[j]["parent"] == row["id"]:
                book[j]["left"] += quantity
                book[j]["live"] = 1
                woken |= 1 << j
    _, n_fills = _exits_nb(book, n, woken, all_at_open, bar, end, budget, trial, fills, n_fills)
    return n_fills


@njit(cache=True, nogil=True, error_model="numpy")
def match_nb(
    book: Records, n: int, bar: np.void, end: int, trial: np.void, fills: Records, n_fills: int
) -> tuple[int, int]:
    """Match one entry's working orders with one bar, as `strategy.exchange.Book.match`.

    Parameters
    ----------
    book : ORDER[MOST_ORDERS]
        The entry's orders at the exchange, in the order in which they came; changed in place.
    n
        How many there are.
    bar : BAR
        The bar.
    end
        Its end, ns.
    trial : TRIAL
        Costs.
    fills : FILL[MOST_FILLS]
        Executions are added from place ``n_fills`` on.

    Returns
    -------
    n, n_fills
        Orders that still work, and executions so far.
    """
    for i in range(n):
        book[i]["given"] = 0
    if bar["volume"] > 0:
        budget = math.floor(trial["participation_frac"] * bar["volume"])
        held = entering = NO
        for i in range(n):
            if book[i]["live"] and book[i]["submitted"] <= bar["ts"]:
                if book[i]["role"] == ENTRY_ROLE:
                    entering |= 1 << i
                else:
                    held |= 1 << i
        budget, n_fills = _exits_nb(book, n, held, YES, bar, end, budget, trial, fills, n_fills)
        n_fills = _enter_nb(book, n, entering, bar, end, budget, trial, fills, n_fills)
    return _settled_nb(book, n), n_fills


@njit(cache=True, nogil=True, error_model="numpy")
def _parent_works_nb(book: Records, n: int, parent: int) -> bool:
    for j in range(n):
        row = book[j]
        done = row["live"] and row["left"] == 0 and row["role"] == ENTRY_ROLE
        if parent >= 0 and row["id"] == parent and not done:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _settled_nb(book: Records, n: int) -> int:
    """Drop what is done, and shrink what its sibling has filled; return how many still work."""
    kept = 0
    for i in range(n):
        row = book[i]
        done = row["live"] and row["left"] == 0
        if done and not _parent_works_nb(book, n, row["parent"]):
            continue
        kept |= 1 << i
    busy = False
    for i in range(n):
        row = book[i]
        busy = busy or row["given"] > 0 or (row["triggered"] != 0 and kept >> i & 1 != 0)
    stay = kept
    for i in range(n):
        row = book[i]
        row["rest"] = row["left"]
        if not busy or not kept >> i & 1:
            continue
        if row["role"] == ENTRY_ROLE or row["leg"] < 0 or not row["live"]:
            continue
        stopped = False
        left = row["left"]
        parent_alive = False
        for j in range(n):
            p = book[j]
            if kept >> j & 1 and p["id"] == row["parent"]:
                parent_alive = True
            if p["leg"] == row["leg"] and p["role"] != ENTRY_ROLE and j != i:
                left -= p["given"]
                stopped = stopped or p["triggered"] != 0
        if (left <= 0 or stopped) and not parent_alive:
            stay &= ~(1 << i)
        row["rest"] = max(left, 0)
    m = 0
    for i in range(n):
        if stay >> i & 1:
            book[i]["left"] = book[i]["rest"]
            if m != i:
                book[m] = book[i]
            m += 1
    return m
