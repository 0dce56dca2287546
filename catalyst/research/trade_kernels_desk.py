"""The desk of compiled trials: `strategy.positions` as kernels."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from catalyst.research.trade_kernels_exchange import on_tick_nb
from catalyst.research.trade_kernels_layout import (
    DONE,
    ENTRY_ROLE,
    FLATTEN_ROLE,
    LIMIT,
    MANY_BARS,
    MARKET,
    NEWS_ROLE,
    NO,
    NONE,
    OLD_SHARES,
    STOP,
    STOP_ROLE,
    TARGET_1_ROLE,
    TARGET_2_ROLE,
    TIME_ROLE,
    TRAIL_ROLE,
    YES,
    Records,
)
from catalyst.research.trade_kernels_ledger import (
    cancel_nb,
    held_nb,
    protect_nb,
    send_nb,
    target_nb,
)
from catalyst.strategy.values import Bytes

NEWS_REVERSAL, TIME_STOP, FLATTEN = range(3)
"""Built-in exits, as a trial lists them."""

# Bars that a look between scans shows; more new ones at once are left to replay.
_LOOK_BARS = 8


@njit(cache=True, nogil=True, error_model="numpy")
def _stop_touched_nb(e: np.void, orders: Records, bar: np.void) -> int:
    for i in range(e["n_orders"]):
        o = orders[i]
        if o["kind"] == STOP and o["submitted"] <= bar["ts"] and held_nb(e, o["leg"]) > 0:
            stop = o["stop"]
            if bar["low"] <= stop if e["side"] > 0 else bar["high"] >= stop:
                return int(o["role"])
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def see_nb(
    e: np.void,
    orders: Records,
    bars: Records,
    stop: int,
    asof: int,
    pre: int,
    daily: bool,  # noqa: FBT001 - numba has no keyword-only parameters
    timeframe: int,
    split: Bytes,
) -> int:
    """Take the bars in that became known, as the desk's ``_with_new_bars``; return a status.

    ``stop`` is the place after the symbol's last bar, ``pre`` the session's 04:00.
    """
    e["fresh"] = 0
    seen = 0
    b = e["next_seen"]
    touched = e["exiting"]
    while b < stop and bars[b]["ts"] < asof:
        ts = bars[b]["ts"]
        version = -1
        while b < stop and bars[b]["ts"] == ts:
            if bars[b]["known"] <= asof:
                version = b
            b += 1
        if version < 0:
            continue
        bar = bars[version]
        if ts < pre and split[e["symbol"]]:
            return OLD_SHARES
        seen += 1
        e["fresh"] = 1
        e["last_bar"] = ts
        e["next_seen"] = b
        if e["first_fill"] < 0:
            continue
        e["mark"] = bar["close"]
        late = not daily and ts + timeframe != asof
        if touched < 0 and not late and bar["volume"] > 0.0 and bar["regular"]:
            touched = _stop_touched_nb(e, orders, bar)
        if daily or ts + timeframe >= e["first_fill"]:
            e["bars_held"] += 1
        if ts >= e["first_fill"]:
            best = bar["high"] if e["side"] > 0 else bar["low"]
            extreme = e["extreme"]
            beyond = best > extreme if e["side"] > 0 else best < extreme
            if math.isnan(extreme) or beyond:
                e["extreme"] = best
    e["exiting"] = touched
    return MANY_BARS if seen > _LOOK_BARS else DONE


@njit(cache=True, nogil=True, error_model="numpy")
def work_nb(
    e: np.void,
    orders: Records,
    book: Records,
    trial: np.void,
    exits: Bytes,
    instant: np.void,
    daily: bool,  # noqa: FBT001 - as above
    over: bool,  # noqa: FBT001 - as above
    turned: bool,  # noqa: FBT001 - as above
) -> None:
    """Expire, trail, leave, watch and protect one entry, as the desk's ``work``.

    ``over`` says that the flatten has come, ``turned`` that news has reversed.
    """
    asof = instant["asof"]
    works = False
    for i in range(e["n_orders"]):
        works = works or orders[i]["role"] == ENTRY_ROLE
    if works and (asof >= e["expires"] or over or e["exited"] > 0):
        gone = NO
        for i in range(e["n_orders"]):
            if orders[i]["role"] == ENTRY_ROLE or held_nb(e, orders[i]["leg"]) == 0:
                gone |= 1 << i
        cancel_nb(e, orders, book, gone)
        for i in range(e["n_orders"]):
            orders[i]["quantity"] = min(orders[i]["quantity"], held_nb(e, orders[i]["leg"]))
    if e["filled"] == e["exited"]:
        return
    role = e["exiting"]
    if role < 0:
        role = _reason_nb(e, trial, exits, instant, daily, over, turned)
    if role >= 0:
        _leave_nb(e, orders, book, trial, instant, role)
        return
    _trail_nb(e, orders, book, trial, asof)
    if instant["at_market"] or instant["protects"]:
        _protect_legs_nb(e, orders, book, asof)
    else:
        _watch_nb(e, orders, book, asof)


@njit(cache=True, nogil=True, error_model="numpy")
def _reason_nb(
    e: np.void,
    trial: np.void,
    exits: Bytes,
    instant: np.void,
    daily: bool,  # noqa: FBT001 - as above
    over: bool,  # noqa: FBT001 - as above
    turned: bool,  # noqa: FBT001 - as above
) -> int:
    trailing = not math.isnan(e["trail"])
    close, side = e["mark"], e["side"]
    if not instant["at_market"] and e["fresh"]:
        level = e["trail"] if trailing else e["stop"]
        if (close - level) * side <= 0:
            return int(TRAIL_ROLE if trailing else STOP_ROLE)
    for k in range(trial["n_exits"]):
        if exits[k] == NEWS_REVERSAL and turned:
            return int(NEWS_ROLE)
        if exits[k] == FLATTEN and over:
            return int(FLATTEN_ROLE)
        if exits[k] == TIME_STOP and e["fresh"]:
            if daily:
                late = e["bars_held"] >= trial["time_stop_bars"]
            else:
                late = instant["asof"] >= e["first_fill"] + trial["time_stop_ns"]
            if late and (close - e["cost"] / e["filled"] / 1_000_000) * side <= 0:
                return int(TIME_ROLE)
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def _trail_nb(e: np.void, orders: Records, book: Records, trial: np.void, asof: int) -> None:
    done = 0 < e["target_1_exited"] == e["filled_1"]
    trailing = not math.isnan(e["trail"])
    if not (done or trailing) or math.isnan(e["extreme"]):
        return
    long = e["side"] > 0
    level = on_tick_nb(e["extreme"] * (1.0 - e["side"] * trial["trail_frac"]), long)
    level = max(level, e["stop"]) if long else min(level, e["stop"])
    if trailing:
        level = max(level, e["trail"]) if long else min(level, e["trail"])
    if level == e["trail"]:
        return
    e["trail"] = level
    gone = NO
    for i in range(e["n_orders"]):
        if orders[i]["role"] in (STOP_ROLE, TRAIL_ROLE):
            gone |= 1 << i
    if gone:
        cancel_nb(e, orders, book, gone)
        side, shares = -e["side"], held_nb(e, YES)
        send_nb(e, orders, book, TRAIL_ROLE, STOP, side, shares, np.nan, level, YES, NO, asof, NONE)


@njit(cache=True, nogil=True, error_model="numpy")
def _leave_nb(
    e: np.void, orders: Records, book: Records, trial: np.void, instant: np.void, role: int
) -> None:
    at_market = instant["at_market"] != 0
    kind = MARKET if at_market else LIMIT
    gone = NO
    for i in range(e["n_orders"]):
        gone |= 1 << i
        stops = role in (STOP_ROLE, TRAIL_ROLE)
        if at_market and stops and orders[i]["kind"] == STOP:
            return
    for i in range(e["n_orders"]):
        if orders[i]["leg"] < 0 and orders[i]["role"] != ENTRY_ROLE:
            if orders[i]["kind"] == kind and not (kind == LIMIT and e["fresh"]):
                return
            break
    cancel_nb(e, orders, book, gone)
    e["exiting"] = role
    limit = np.nan
    side = e["side"]
    if kind == LIMIT:
        limit = on_tick_nb(e["mark"] * (1.0 - side * trial["watch_frac"]), side > 0)
    shares, asof = e["filled"] - e["exited"], instant["asof"]
    send_nb(
        e,
        orders,
        book,
        role,
        kind,
        -side,
        shares,
        limit,
        np.nan,
        NONE,
        1 - instant["at_market"],
        asof,
        NONE,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _protect_legs_nb(e: np.void, orders: Records, book: Records, asof: int) -> None:
    for leg in range(NO, NO + 2):
        shares = held_nb(e, leg)
        mine = count = NO
        fits = True
        for i in range(e["n_orders"]):
            o = orders[i]
            if o["leg"] == leg and o["role"] != ENTRY_ROLE:
                mine |= 1 << i
                count += 1
                fits = fits and (o["parent"] >= 0 or o["quantity"] == shares)
        if shares and not (count == 2 and fits):
            cancel_nb(e, orders, book, mine)
            protect_nb(e, orders, book, leg, shares, asof, NONE)


@njit(cache=True, nogil=True, error_model="numpy")
def _watch_nb(e: np.void, orders: Records, book: Records, asof: int) -> None:
    for leg in range(NO, NO + 2):
        shares = held_nb(e, leg)
        mine = NO
        fits = False
        for i in range(e["n_orders"]):
            o = orders[i]
            if o["leg"] == leg and o["role"] in (TARGET_1_ROLE, TARGET_2_ROLE):
                mine |= 1 << i
                fits = fits or o["parent"] >= 0 or o["quantity"] == shares
        if shares and not fits:
            cancel_nb(e, orders, book, mine)
            target_nb(e, orders, book, leg, shares, asof, NONE)
