"""Why a position was left: each exit's rule with the numbers that it compared."""

from __future__ import annotations

from catalyst.data.figures import eastern, iso_utc, number, percent, price, span
from catalyst.data.story import Fact, Section, Value
from catalyst.errors import InputError
from catalyst.research.article_weights import (
    Headlines,
    article_fact,
    article_facts,
    check,
    only,
    scored,
    sum_fact,
    weights,
)
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.trade_story import NAMES, reasons_text
from catalyst.research.walk import Known
from catalyst.strategy.clock import HOUR_NS
from catalyst.strategy.money import MICRO, notional_micro
from catalyst.strategy.news import sign

_LOOKED = ("news_reversal", "time_stop", "flatten", "manual")


def exit_stops(books: RunBooks, entry_id: str) -> list[int]:
    """Return the instants at which news decided an exit."""
    return [
        order["submitted_at"]
        for order in _decided(books, entry_id)
        if order["role"] == "news_reversal"
    ]


def exit_section(
    books: RunBooks,
    headlines: Headlines,
    seen: dict[int, Known],
    signal: Row,
    entry_id: str,
    trade: Row | None,
) -> Section | None:
    """Tell why an entry was left; None if nothing has left it.

    Parameters
    ----------
    seen
        What was known at the instants of `exit_stops`.

    Raises
    ------
    InputError
        If the news that is known to have turned does not, by the lake.
    """
    fills = [f for f in books.fills_by_entry.get(entry_id, []) if f["role"] != "entry"]
    decided = _decided(books, entry_id)
    facts = []
    orders = {o["order_id"]: o for o in books.orders_by_entry[entry_id]}
    for role in dict.fromkeys([*(f["role"] for f in fills), *(o["role"] for o in decided)]):
        order = next((o for o in decided if o["role"] == role), None)
        if order is None:
            first = next(f for f in fills if f["role"] == role)
            facts.append(_resting(orders[first["order_id"]], first, books))
        elif role == "news_reversal":
            facts.append(_reversal(books, headlines, seen[order["submitted_at"]], signal, order))
        elif role == "time_stop":
            facts.append(_time_stop(books, signal, entry_id, order))
        elif role == "flatten":
            facts.append(_flatten(books, order))
        elif role == "manual":
            exits = books.rules(order["submitted_at"]).exits
            names = " or ".join(c.name for c in exits if c.function is not None)
            text = f"your own exit rule said so at {eastern(order['submitted_at'])}: {names}"
            facts.append(Fact(text, {"role": role, "component": names}))
        else:
            facts.append(_watched(books, entry_id, order))
    if not facts and trade is None:
        return None
    if not facts:
        facts.append(Fact("a split left less than one share, and its fraction was paid out"))
    title = f"Exit: {reasons_text(trade['exit_reason'])}" if trade else "Exit: begun, not finished"
    return Section(title, tuple(facts))


def _decided(books: RunBooks, entry_id: str) -> list[Row]:
    """Return the exits that a look decided, the first of each role: looked at, or watched."""
    out: dict[str, Row] = {}
    for order in books.orders_by_entry[entry_id]:
        role = order["role"]
        watched = role in {"stop", "trailing_stop"} and order["type"] != "stop"
        if (role in _LOOKED or watched) and role not in out:
            out[role] = order
    return list(out.values())


def _resting(order: Row, fill: Row, books: RunBooks) -> Fact:
    role, long = order["role"], order["side"] == "sell"
    at = eastern(fill["filled_at"])
    values: dict[str, Value] = {
        "role": role,
        "order_id": order["order_id"],
        "filled_at": iso_utc(fill["filled_at"]),
        "price": fill["price"],
    }
    if role in {"stop", "trailing_stop"}:
        level = order["stop_price"]
        values["stop_price"] = level
        what = f"{NAMES[role]} {price(level)} was touched, filled at {price(fill['price'])} ({at})"
        if role == "trailing_stop":
            frac = percent(books.rules(order["submitted_at"]).risk.trail_frac, 2)
            way = "below the high" if long else "above the low"
            what += f"; it trails {frac} {way} since the entry, once target 1 had filled"
        return Fact(what, values)
    level = order["limit_price"]
    values["limit_price"] = level
    way = "above" if long else "below"
    return Fact(
        f"{NAMES[role]} {price(level)}: the price traded {way} it, filled at "
        f"{price(fill['price'])} ({at})",
        values,
    )


def _watched(books: RunBooks, entry_id: str, order: Row) -> Fact:
    role, at = order["role"], order["submitted_at"]
    close = _mark(books, order, at)
    level = _level(books, entry_id, role, at)
    touched = f"the {NAMES[role]} {price(level)}" if level is not None else f"the {NAMES[role]}"
    values: dict[str, Value] = {
        "role": role,
        "close": close,
        "stop_price": level,
        "decided_at": iso_utc(at),
    }
    if order["type"] == "limit":
        frac = percent(books.rules(at).execution.watch_frac, 2)
        how = f"left by a limit {frac} beyond it, {price(order['limit_price'])}, renewed each bar"
        values["limit_price"] = order["limit_price"]
    else:
        how = "left at the market"
    if order["type"] == "limit":
        text = (
            f"watched, since the broker holds no stops outside regular hours: the close "
            f"{price(close)} at {eastern(at)} reached {touched}; {how}"
        )
    else:
        text = f"{touched} had been touched by {eastern(at)}, the rest {how}"
    return Fact(text, values)


def _level(books: RunBooks, entry_id: str, role: str, at: int) -> float | None:
    orders = books.orders_by_entry[entry_id]
    before = [
        o for o in orders if o["role"] == role and o["type"] == "stop" and o["submitted_at"] <= at
    ]
    if before:
        return float(before[-1]["stop_price"])
    signal = books.signal(orders[0]["signal_id"])
    return float(signal["stop"]) if role == "stop" else None


def _mark(books: RunBooks, order: Row, at: int) -> float:
    marks = books.marks_by_ns.get(at, [])
    found = [m["price"] for m in marks if m["symbol"] == order["symbol"]]
    if not found:
        raise InputError(
            f"the run has no mark of {order['symbol']} at {eastern(at)}, though it was held; its "
            "tables are not of one run: replay it again"
        )
    return float(found[0])


def _time_stop(books: RunBooks, signal: Row, entry_id: str, order: Row) -> Fact:
    at = order["submitted_at"]
    p = books.rules(at).risk
    close = _mark(books, order, at)
    seq = books.seq_of[at]
    fills = [
        f
        for f in books.fills_by_entry[entry_id]
        if f["role"] == "entry" and f["decided_seq"] <= seq
    ]
    cost = sum(notional_micro(f["price"], f["quantity"]) for f in fills)
    shares = float(sum(f["quantity"] for f in fills))
    for action in books.adjustments_by_entry.get(entry_id, []):
        if action["kind"] == "split" and action["seq"] <= seq:
            shares *= action["value"]
    mean = cost / shares / MICRO
    waited = at - fills[0]["filled_at"]
    asked = (
        f"daily bar {p.time_stop_bars} on"
        if books.grid.daily
        else f"{number(p.time_stop_hours)} h on"
    )
    worse = "below" if signal["side"] == "long" else "above"
    same = "at" if close == mean else worse
    return Fact(
        f"{span(waited)} after the entry (asked from {asked}) the close {price(close)} was {same} "
        f"the average entry price {price(mean)}, decided {eastern(at)}",
        {
            "role": "time_stop",
            "close": close,
            "average_entry_price": mean,
            "held_hours": waited / HOUR_NS,
            "time_stop_hours": p.time_stop_hours,
            "time_stop_bars": p.time_stop_bars,
            "decided_at": iso_utc(at),
        },
    )


def _flatten(books: RunBooks, order: Row) -> Fact:
    at = order["submitted_at"]
    session = books.session_at(at)
    minutes = books.rules(at).risk.flatten_minutes
    close = f", the session closes at {eastern(session.close_ns, date=False)}" if session else ""
    return Fact(
        f"everything is left at the last bar boundary {minutes} min before the close: "
        f"{eastern(at)}{close}",
        {"role": "flatten", "decided_at": iso_utc(at), "flatten_minutes": minutes},
    )


def _reversal(books: RunBooks, headlines: Headlines, known: Known, signal: Row, order: Row) -> Fact:
    params, symbol = books.rules(known.asof_ns), signal["symbol"]
    side = 1 if signal["side"] == "long" else -1
    news = only(known.survey.news, known.index(symbol), after_ns=signal["decided_at"])
    rows = headlines.of(symbol, news)
    asof_ns = known.asof_ns
    least = params.risk.reversal_min
    own = params.catalyst_score
    at = eastern(order["submitted_at"])
    if own.function is not None:
        details = tuple(
            article_fact(row, news, r, asof_ns, weight=None) for r, row in enumerate(rows)
        )
        text = f"news after the entry turned against it at {at}, scored by {own.name}"
        return Fact(text, {"role": "news_reversal", "component": own.name}, details=details)
    total, score, direction = scored(news, asof_ns, params)
    if sign(direction, params) != -side or score < least:
        check("score of the news against the position", score, least)
    details = article_facts(rows, news, asof_ns, weights(news, asof_ns, params))
    return Fact(
        f"news first known after the entry turned against it at {at}: score {number(score)}, "
        f"at least {number(least)}, direction {direction:+.2f}",
        {
            "role": "news_reversal",
            "catalyst_score": score,
            "direction": direction,
            "reversal_min": least,
            "decided_at": iso_utc(asof_ns),
        },
        details=(*details, sum_fact(total, score, direction, params)),
    )
