"""A trial as one compiled loop: what `strategy.step` does after finalists are scored.

The finalists, bars and news come from `catalyst.research.finalists`; what is held is looked at on
every instant, as the session loop does, and nothing is done between scans while nothing is held.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from catalyst.research.trade_kernels_desk import (
    NEWS_REVERSAL,
    see_nb,
    work_nb,
)
from catalyst.research.trade_kernels_entry import (
    enter_nb,
    limit_nb,
    positions_nb,
    quantity_nb,
    rank_nb,
)
from catalyst.research.trade_kernels_exchange import match_nb
from catalyst.research.trade_kernels_layout import (
    DONE,
    ENTRY_ROLE,
    FILL,
    FULL,
    MANY_TRADES,
    MOST_FILLS,
    NO,
    SPLIT_HELD,
    STOP_ROLE,
    TRAIL_ROLE,
    News,
    Records,
    Tape,
)
from catalyst.research.trade_kernels_ledger import book_fill_nb, sweep_nb
from catalyst.research.trade_kernels_tape import after_nb, known_nb, turned_nb
from catalyst.strategy.clock import DAY_NS
from catalyst.strategy.values import Bytes, Floats

_PATTERN_MEMORY_NS = 15 * DAY_NS


@njit(cache=True, nogil=True, error_model="numpy")
def trade_nb(  # noqa: C901, PLR0912, PLR0915 - calls that pass whole tapes cost more than they do
    tape: Tape,
    news: News,
    trial: np.void,
    exits: Bytes,
    components: Bytes,
    weights: Floats,
    n_patterns: int,
    entries: Records,
    orders: Records,
    books: Records,
    trades: Records,
    days: Records,
    total: np.void,
) -> None:
    """Run one trial.

    Parameters
    ----------
    tape, news
        What all trials of the group share.
    trial : TRIAL
        Its numbers.
    exits : int8[3]
        Built-in exits in the order in which they are asked, ``trial["n_exits"]`` of them.
    components : int8[5]; weights : float64[5]
        Scored components and their weights, ``trial["n_scored"]`` of them.
    n_patterns
        Different numbers of patterns in the finalists.
    entries : ENTRY[p]; orders, books : ORDER[p, MOST_ORDERS]
        Room for the positions and their orders.
    trades : TRADE[t]
        Result: closed trades, in the order of ``trades``.
    days : DAY[s]
        Result: by session; zeros at first.
    total : TOTAL
        Result; but for `DONE` nothing else counts.
    """
    sessions, instants, bars = tape.sessions, tape.instants, tape.bars
    finalists, volumes, session_start = tape.finalists, tape.volumes, tape.session_start
    bar_start, split, opens, scan_start = tape.bar_start, tape.split, tape.opens, tape.scan_start
    flatten_at = tape.flatten[trial["flatten"]]
    news_start, news_known = news.start, news.known
    daily, timeframe = tape.daily, tape.timeframe_ns
    m = bar_start.shape[0] - 1
    used = np.full(n_patterns, -1, np.int64)
    stopped = np.full(m, -1, np.int64)
    at = np.arange(entries.shape[0])
    fills = np.empty(MOST_FILLS, FILL)
    widest = 1
    for k in range(scan_start.shape[0] - 1):
        widest = max(widest, scan_start[k + 1] - scan_start[k])
    place, sides = np.empty(widest, np.int64), np.empty(widest, np.int64)
    confidence, band = np.empty(widest), np.empty(widest)
    asks_news = False
    for k in range(trial["n_exits"]):
        asks_news = asks_news or exits[k] == NEWS_REVERSAL
    invested, market = 0.0, 1.0
    cash = trial["initial"]
    n_open = made = n_trades = n_entries = traded = NO
    for s in range(sessions.shape[0]):
        session, day = sessions[s], days[s]
        day_start = cash + positions_nb(entries, at, n_open)
        entries_today = 0
        lost = False
        flatten = flatten_at[s]
        since = session["pre"]
        for k in range(n_open):
            e = entries[at[k]]
            e["next_fill"] = session_start[s, e["symbol"]]
            for a in range(tape.action_start[s], tape.action_start[s + 1]):
                action = tape.actions[a]
                if action["symbol"] == e["symbol"]:
                    if action["split"]:
                        total["status"] = SPLIT_HELD
                        return
                    shares = e["side"] * (e["filled"] - e["exited"])
                    cash += int(np.rint(shares * action["value"] * 1_000_000))
        for i in range(session["first"], session["last"]):
            instant = instants[i]
            scan = instant["scan"]
            if scan < 0 and n_open == 0:
                continue
            asof = instant["asof"]
            any_filled = False
            for k in range(n_open):
                e = entries[at[k]]
                p = e["next_fill"]
                stop = session_start[s + 1, e["symbol"]]
                n_fills = NO
                while p < stop:
                    bar = bars[p]
                    end = session["close"] if daily else bar["ts"] + timeframe
                    if end > asof:
                        break
                    p += 1
                    if bar["fills"] and end > since and e["n_book"]:
                        e["n_book"], n_fills = match_nb(
                            books[at[k]], e["n_book"], bar, end, trial, fills, n_fills
                        )
                e["next_fill"] = p
                if n_fills >= MOST_FILLS:
                    total["status"] = FULL
                    return
                if not n_fills:
                    continue
                any_filled = True
                own = orders[at[k]]
                for j in range(e["n_orders"]):
                    own[j]["given"] = own[j]["quantity"]
                for j in range(n_fills):
                    fill = fills[j]
                    n_entries += fill["role"] == ENTRY_ROLE and e["filled"] == 0
                    book_fill_nb(e, own, fill)
                    day["fees"] += fill["fee"]
                    day["slippage"] += fill["slippage"]
                    if fill["role"] == STOP_ROLE or fill["role"] == TRAIL_ROLE:
                        stopped[e["symbol"]] = s
                    traded += int(np.rint(fill["price"] * 10_000)) * 100 * fill["quantity"]
                cash += e["cash"]
                e["cash"] = 0
            if any_filled:
                for k in range(n_open):
                    sweep_nb(entries[at[k]], orders[at[k]])
            since = asof
            if n_open:
                over = flatten >= 0 and flatten <= asof
                kept = 0
                closed_from = n_trades
                for k in range(n_open):
                    slot = at[k]
                    e = entries[slot]
                    symbol = e["symbol"]
                    own, book = orders[slot], books[slot]
                    status = see_nb(
                        e,
                        own,
                        bars,
                        bar_start[symbol + 1],
                        asof,
                        session["pre"],
                        daily,
                        timeframe,
                        split,
                    )
                    if status != DONE:
                        total["status"] = status
                        return
                    turned = False
                    if asks_news and e["exiting"] < 0 and e["filled"] != e["exited"]:
                        r = e["next_news"]
                        if r < news_start[symbol + 1] and news_known[r] <= asof:
                            turned = turned_nb(
                                news,
                                r,
                                news_start[symbol + 1],
                                e["decided"],
                                asof,
                                session["news_after"],
                                daily,
                                e["side"],
                                trial["reversal_min"],
                            )
                    work_nb(e, own, book, trial, exits, instant, daily, over, turned)
                    if e["full"]:
                        total["status"] = FULL
                        return
                    if e["filled"] != e["exited"] or e["n_orders"]:
                        if e["filled"] == e["exited"]:
                            e["mark"] = np.nan
                        at[k], at[kept] = at[kept], slot
                        kept += 1
                    elif e["filled"]:
                        if n_trades >= trades.shape[0]:
                            total["status"] = MANY_TRADES
                            return
                        j = n_trades
                        while j > closed_from and trades[j - 1]["number"] > e["number"]:
                            trades[j] = trades[j - 1]
                            j -= 1
                        t = trades[j]
                        t["number"] = e["number"]
                        t["finalist"] = e["finalist"]
                        t["symbol"] = symbol
                        t["side"] = e["side"]
                        t["quantity"] = e["filled"]
                        t["entry_ns"] = e["first_fill"]
                        t["exit_ns"] = e["exit_ns"]
                        t["decided"] = e["decided"]
                        t["cost"] = e["cost"]
                        t["proceeds"] = e["proceeds"]
                        t["fees"] = e["fees"]
                        t["pnl"] = e["side"] * (e["proceeds"] - e["cost"]) - e["fees"]
                        t["reasons"] = e["reasons"]
                        t["confidence"] = e["confidence"]
                        n_trades += 1
                n_open = kept
                equity = cash + positions_nb(entries, at, n_open)
                lost = lost or equity <= (1.0 - trial["daily_loss_frac"]) * day_start
            # Ranking is spared where every signal would be refused.
            closed = lost or n_open >= trial["positions_max"]
            closed = closed or entries_today >= trial["entries_a_day"]
            closed = closed or (flatten >= 0 and asof >= flatten - trial["quiet_ns"])
            first = last = n = NO
            if scan >= 0 and not closed:
                first, last = scan_start[scan], scan_start[scan + 1]
            if last > first:
                n = rank_nb(
                    finalists,
                    first,
                    last,
                    trial,
                    components,
                    weights,
                    place,
                    sides,
                    confidence,
                    band,
                )
            for c in range(n):
                f = finalists[place[c]]
                symbol, side = f["symbol"], sides[c]
                if side < 0 and not trial["allow_short"]:
                    continue
                if n_open >= trial["positions_max"] or stopped[symbol] == s:
                    continue
                if entries_today >= trial["entries_a_day"]:
                    continue
                busy = False
                for k in range(n_open):
                    busy = busy or entries[at[k]]["symbol"] == symbol
                if busy:
                    continue
                if f["pattern"] >= 0:
                    when = used[f["pattern"]]
                    remembered = f["pattern_bar"] >= session["pre"] - _PATTERN_MEMORY_NS
                    if when == s or (when >= 0 and remembered):
                        continue
                limit = limit_nb(f["price"], side, trial, instant["bracket"] != 0)
                early = instant["pre_market"] and not daily
                cap = trial["cap_frac_pre_market"] if early else trial["cap_frac"]
                quantity = quantity_nb(
                    entries,
                    orders,
                    at,
                    n_open,
                    cash,
                    f,
                    volumes[place[c]],
                    cap * band[c],
                    limit,
                    trial,
                )
                if quantity < 1:
                    continue
                if daily:
                    expires = asof + 1
                else:
                    k = instant["opens"] + trial["entry_bars"]
                    expires = opens[min(k, session["last_open"] - 1)]
                    if instant["bracket"]:
                        expires = min(expires, session["close"])
                slot = at[n_open]
                e = entries[slot]
                e["number"] = made
                e["finalist"] = place[c]
                e["confidence"] = confidence[c]
                enter_nb(
                    e, orders[slot], books[slot], f, side, quantity, limit, trial, instant, expires
                )
                e["next_fill"] = session_start[s, symbol]
                e["next_seen"] = after_nb(
                    bars, bar_start[symbol], bar_start[symbol + 1], f["last_bar"]
                )
                e["next_news"] = known_nb(
                    news_known, news_start[symbol], news_start[symbol + 1], asof
                )
                k = n_open
                while k > 0 and entries[at[k - 1]]["symbol"] > symbol:
                    at[k] = at[k - 1]
                    k -= 1
                at[k] = slot
                made += 1
                n_open += 1
                entries_today += 1
                if f["pattern"] >= 0:
                    used[f["pattern"]] = s
            positions = positions_nb(entries, at, n_open)
            day["instants"] += 1
            day["beside"] += invested * (instant["market"] / market - 1.0)
            invested = positions / 1e6 / ((cash + positions) / 1e6)
            market = instant["market"]
            day["exposure"] += invested
        days[s]["equity"] = cash + positions_nb(entries, at, n_open)
    total["status"] = DONE
    total["n_trades"] = n_trades
    total["n_entries"] = n_entries
    total["traded"] = traded
