"""Signals and entries of compiled trials: `strategy.signals` and `strategy.risk` as kernels."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from catalyst.research.trade_kernels_exchange import on_tick_nb
from catalyst.research.trade_kernels_layout import ENTRY_ROLE, LIMIT, NO, NONE, YES, Records
from catalyst.research.trade_kernels_ledger import protect_nb, send_nb
from catalyst.strategy.money import MICRO
from catalyst.strategy.values import Bytes, Floats, Ints

CATALYST, PATTERN, TECHNICAL, VOLUME, HALF_SIZE = range(5)
"""Built-in scored components, as a trial lists them."""


@njit(cache=True, nogil=True, error_model="numpy")
def rank_nb(
    finalists: Records,
    first: int,
    last: int,
    trial: np.void,
    components: Bytes,
    weights: Floats,
    place: Ints,
    side: Ints,
    confidence: Floats,
    band: Floats,
) -> int:
    """Score the finalists of a scan, as `strategy.signals.score`; return how many may be traded.

    Parameters
    ----------
    finalists : FINALIST[n]
        Those of the scan are ``first:last``.
    components : int8[5]; weights : float64[5]
        Scored components of the trial and their weights, in its order.
    place, side : int64[f]; confidence, band : float64[f]
        Results: the finalist, its side, confidence and size band, by confidence, then by symbol.
    """
    n = 0
    for k in range(first, last):
        f = finalists[k]
        leaning = f["leaning"]
        own = leaning if trial["direction_from_catalyst"] else f["side"]
        toward = own or leaning or 1
        total = 0.0
        for c in range(trial["n_scored"]):
            part = components[c]
            if part == CATALYST:
                score = f["catalyst"]
            elif part == PATTERN:
                score = f["pattern_score"]
            elif part == VOLUME:
                score = f["volume_score"]
            elif part == HALF_SIZE:
                score = trial["half_from"]
            else:
                score = f["technical"] if toward > 0 else 100.0 - f["technical"]
            total += weights[c] * score
        size = 0.0
        if total > trial["full_above"]:
            size = trial["band_1"]
        elif total >= trial["half_from"]:
            size = trial["band_2"]
        elif total >= trial["quarter_from"]:
            size = trial["band_3"]
        if own == 0 or leaning == -own or size == 0.0:
            continue
        at = n
        while at > 0 and (
            total > confidence[at - 1]
            or (total == confidence[at - 1] and f["symbol"] < finalists[place[at - 1]]["symbol"])
        ):
            place[at], side[at] = place[at - 1], side[at - 1]
            confidence[at], band[at] = confidence[at - 1], band[at - 1]
            at -= 1
        place[at], side[at], confidence[at], band[at] = k, own, total, size
        n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def positions_nb(entries: Records, at: Ints, n_open: int) -> int:
    """Return the value of all positions, micro-dollars, as ``PortfolioState.positions_micro``."""
    total = 0
    for k in range(n_open):
        e = entries[at[k]]
        if e["filled"] != e["exited"]:
            shares = e["side"] * (e["filled"] - e["exited"])
            total += int(np.rint(shares * e["mark"] * 1e6))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def quantity_nb(
    entries: Records,
    orders: Records,
    at: Ints,
    n_open: int,
    cash: int,
    finalist: np.void,
    volumes: Floats,
    size_frac: float,
    limit: float,
    trial: np.void,
) -> int:
    """Size an entry, as `strategy.risk`: shares, 0 where there is no money or no volume.

    ``volumes`` are the finalist's last volumes, float64[v].
    """
    exposure = working = 0.0
    for k in range(n_open):
        e = entries[at[k]]
        held = e["filled"] - e["exited"]
        if held:
            exposure += held * e["mark"]
        for i in range(e["n_orders"]):
            if orders[at[k], i]["role"] == ENTRY_ROLE:
                working += (e["quantity"] - e["filled"]) * e["limit"]
                break
    equity = (cash + positions_nb(entries, at, n_open)) / MICRO
    free = equity - exposure - working
    wish = size_frac * equity
    by_money = min(wish, free) / limit
    n = finalist["volumes"]
    first = max(0, n - trial["volume_bars"])
    total = 0.0
    for k in range(first, n):
        total += volumes[k]
    by_volume = trial["volume_frac"] * total / (n - first) if n > first else 0.0
    wanted = min(by_money, by_volume)
    return math.floor(wanted) if wanted > 0 else 0


@njit(cache=True, nogil=True, error_model="numpy")
def limit_nb(
    price: float,
    side: int,
    trial: np.void,
    regular: bool,  # noqa: FBT001 - numba has no keyword-only parameters
) -> float:
    """Return the limit of an entry, as `strategy.risk.entry_limit`."""
    bps = trial["entry_collar_bps"] if regular else trial["extended_collar_bps"]
    return on_tick_nb(price * (1.0 + side * bps / 10_000.0), side < 0)


@njit(cache=True, nogil=True, error_model="numpy")
def enter_nb(
    e: np.void,
    orders: Records,
    book: Records,
    finalist: np.void,
    side: int,
    quantity: int,
    limit: float,
    trial: np.void,
    instant: np.void,
    expires: int,
) -> None:
    """Fill an entry's record in, and send its orders; the caller sets places in bars and news."""
    e["symbol"] = finalist["symbol"]
    e["side"] = side
    e["decided"] = instant["asof"]
    e["quantity"] = quantity
    e["filled"] = e["exited"] = e["target_1_exited"] = 0
    e["filled_1"] = e["filled_2"] = e["exited_1"] = e["exited_2"] = 0
    e["cost"] = e["proceeds"] = e["fees"] = e["cash"] = e["reasons"] = e["bars_held"] = 0
    e["first_fill"] = e["exiting"] = e["exit_ns"] = -1
    e["last_bar"] = finalist["last_bar"]
    e["expires"] = expires
    e["n_orders"] = e["n_book"] = e["made"] = e["full"] = e["fresh"] = 0
    e["limit"] = limit
    e["trail"] = e["extreme"] = e["mark"] = np.nan
    frac = trial["stop_frac"]
    if finalist["catalyst"] >= trial["stop_tight_from"]:
        frac *= trial["stop_tight"]
    elif finalist["catalyst"] < trial["stop_wide_below"]:
        frac *= trial["stop_wide"]
    price = finalist["price"]
    risk = price * frac
    long = side > 0
    e["stop"] = on_tick_nb(price - side * risk, long)
    e["target_1"] = on_tick_nb(price + side * trial["target_1_r"] * risk, not long)
    e["target_2"] = on_tick_nb(price + side * trial["target_2_r"] * risk, not long)
    asof = instant["asof"]
    if not instant["bracket"]:
        send_nb(
            e, orders, book, ENTRY_ROLE, LIMIT, side, quantity, limit, np.nan, NONE, YES, asof, NONE
        )
        return
    for leg in range(NO, NO + 2):
        shares = (quantity + 1) // 2 if leg == 0 else quantity // 2
        if quantity == 1:
            shares = leg
        if shares:
            parent = send_nb(
                e, orders, book, ENTRY_ROLE, LIMIT, side, shares, limit, np.nan, leg, NO, asof, NONE
            )
            protect_nb(e, orders, book, leg, shares, asof, parent)
