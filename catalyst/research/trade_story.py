"""What became of an entry: its orders, fills, exits, and the money, adding up exactly."""

from __future__ import annotations

from typing import Any

from catalyst.data.figures import eastern, iso_utc, money, price, span
from catalyst.data.story import Fact, Section, Value
from catalyst.errors import InvariantError
from catalyst.research.run_books import Row, RunBooks
from catalyst.strategy.money import MICRO, notional_micro

NAMES = {
    "entry": "entry",
    "stop": "stop",
    "target_1": "target 1",
    "target_2": "target 2",
    "trailing_stop": "trailing stop",
    "news_reversal": "news reversal",
    "time_stop": "time stop",
    "flatten": "flatten",
    "manual": "own exit rule",
    "split": "fraction paid out by a split",
}


def role_name(role: str) -> str:
    """Write an order's role for people."""
    return NAMES.get(role, role)


def reasons_text(reasons: str) -> str:
    """Write joined exit reasons for people."""
    return " + ".join(role_name(name) for name in reasons.split("+"))


def headline(books: RunBooks, signal: Row, entry_id: str, trade: Row | None) -> Fact:
    """Tell a trade in a line: bought, sold, money; or that it is open, or never filled."""
    fills = books.fills_by_entry.get(entry_id, [])
    symbol, long = signal["symbol"], signal["side"] == "long"
    entered = [f for f in fills if f["role"] == "entry"]
    if not entered:
        status = books.orders_by_entry[entry_id][0]["status"]
        what = "still works" if status == "working" else "never filled"
        return Fact(
            f"{symbol}: an order to {'buy' if long else 'sell short'} that {what}, sent "
            f"{eastern(signal['decided_at'])}"
        )
    verb = "Bought" if long else "Sold short"
    bought = sum(f["quantity"] for f in entered)
    if trade is None:
        cost = sum(notional_micro(f["price"], f["quantity"]) for f in entered)
        mean = cost / bought / MICRO
        return Fact(
            f"{verb} {bought:,} {symbol} at {price(mean)} on {eastern(entered[0]['filled_at'])}: "
            "still open when the run ended"
        )
    back = "sold" if long else "bought back"
    mark: Any = "gain" if trade["pnl"] > 0 else "loss" if trade["pnl"] < 0 else ""
    entry_at = eastern(trade["entry_ts"], marked=False)
    same_day = entry_at[:10] == eastern(trade["exit_ts"])[:10]
    exit_at = f"{'' if same_day else 'on '}{eastern(trade['exit_ts'], date=not same_day)}"
    return Fact(
        f"{verb} {trade['quantity']:,} {symbol} at {price(trade['entry_price'])} on {entry_at}, "
        f"{back} at {price(trade['exit_price'])} {exit_at}: {money(trade['pnl'], signed=True)} "
        f"({reasons_text(trade['exit_reason'])})",
        trade_values(trade),
        mark,
    )


def trade_values(trade: Row) -> dict[str, Value]:
    """Return the numbers of a row of ``trades``; money in USD."""
    instants = ("entry_ts", "exit_ts", "decided_at")
    out: dict[str, Value] = {}
    for name, value in trade.items():
        if name in {"pnl", "fees"}:
            out[name] = value / MICRO
        else:
            out[name] = iso_utc(value) if name in instants else value
    return out


def orders_section(books: RunBooks, entry_id: str) -> Section:
    """Tell which orders the entry sent, and what became of each."""
    orders = books.orders_by_entry[entry_id]
    role = {order["order_id"]: order for order in orders}
    replaced_by = {o["replaces_id"]: o for o in orders if o["replaces_id"]}
    facts = []
    for order in orders:
        level = order["limit_price"] if order["type"] == "limit" else order["stop_price"]
        text_level = "market" if order["type"] == "market" else f"{order['type']} {price(level)}"
        status = order["status"]
        filled = order["filled_quantity"]
        if status != "filled" and filled:
            status += f", {filled:,} filled"
        by = replaced_by.get(order["order_id"])
        if by is not None:
            status += f" at {eastern(by['submitted_at'], date=False)}"
        parent = order["parent_id"]
        sleeps = ", sleeps until the entry fills" if parent in role else ""
        name = role_name(order["role"])
        when = eastern(order["submitted_at"])
        facts.append(
            Fact(
                f"{when}: {order['side']} {order['quantity']:,} {name} {text_level}, "
                f"{status}{sleeps}",
                _order_values(order),
                "" if filled else "quiet",
                cells=(
                    when,
                    name,
                    order["side"],
                    f"{order['quantity']:,}",
                    text_level,
                    status,
                ),
            )
        )
    return Section(
        f"Orders: {len(orders)}", tuple(facts), ("sent", "for", "side", "shares", "type", "status")
    )


def _order_values(order: Row) -> dict[str, Value]:
    out: dict[str, Value] = {
        name: value for name, value in order.items() if name not in {"rule", "value", "threshold"}
    }
    return out | {"submitted_at": iso_utc(order["submitted_at"])}


def fills_section(books: RunBooks, entry_id: str) -> Section:
    """Tell every execution: when, for which order, at what price, and what slippage took."""
    fills = books.fills_by_entry.get(entry_id, [])
    facts = []
    for fill in fills:
        name = role_name(fill["role"])
        when, bar = eastern(fill["filled_at"]), _bar(books, fill)
        verb = "bought" if fill["side"] == "buy" else "sold"
        taken = money(fill["slippage"])
        values: dict[str, Value] = {
            "fill_id": fill["fill_id"],
            "order_id": fill["order_id"],
            "role": fill["role"],
            "side": fill["side"],
            "quantity": fill["quantity"],
            "price": fill["price"],
            "fee": fill["fee"] / MICRO,
            "slippage": fill["slippage"] / MICRO,
            "filled_at": iso_utc(fill["filled_at"]),
        }
        facts.append(
            Fact(
                f"{when}: {verb} {fill['quantity']:,} at {price(fill['price'])} ({name}), {bar}, "
                f"slippage {taken}, fee {money(fill['fee'])}",
                values,
                cells=(
                    when,
                    verb,
                    f"{fill['quantity']:,}",
                    price(fill["price"]),
                    name,
                    bar,
                    taken,
                    money(fill["fee"]),
                ),
            )
        )
    facts += [_action_fact(action) for action in books.adjustments_by_entry.get(entry_id, [])]
    columns = ("filled", "", "shares", "price", "for", "in the bar", "slippage", "fee")
    return Section(f"Fills: {len(fills)}", tuple(facts), columns)


def _bar(books: RunBooks, fill: Row) -> str:
    """Write which bar a fill met: it ended with the decision that was handed the fill."""
    end_ns = books.decided_ns(fill["decided_seq"])
    inside = fill["filled_at"] == end_ns
    if books.grid.daily:
        return f"of {eastern(end_ns)[:10]}{'' if inside else ', open'}"
    start = eastern(end_ns - books.grid.timeframe_ns, date=False, marked=False)
    end = eastern(end_ns, date=False, marked=False)
    return f"{start}-{end}{'' if inside else ', open'}"


def _action_fact(action: Row) -> Fact:
    when = eastern(action["ts"])
    values: dict[str, Value] = {
        "kind": action["kind"],
        "value": action["value"],
        "quantity_before": action["quantity_before"],
        "quantity_after": action["quantity_after"],
        "cash": action["cash"] / MICRO,
        "ts": iso_utc(action["ts"]),
    }
    if action["kind"] == "dividend":
        text = (
            f"{when}: dividend of ${action['value']:g} a share, "
            f"{money(action['cash'], signed=True)} as cash"
        )
        return Fact(text, values)
    paid = f", {money(action['cash'], signed=True)} for the fraction" if action["cash"] else ""
    text = (
        f"{when}: split {action['value']:g} for 1, {abs(action['quantity_before']):,} shares "
        f"became {abs(action['quantity_after']):,}{paid}; levels were scaled"
    )
    return Fact(text, values)


def money_section(books: RunBooks, signal: Row, entry_id: str, trade: Row | None) -> Section:
    """Add the profit up from the fills, and hold it against the recorded one.

    Raises
    ------
    InvariantError
        If it differs by a micro-dollar.
    """
    fills = books.fills_by_entry.get(entry_id, [])
    actions = books.adjustments_by_entry.get(entry_id, [])
    sign = 1 if signal["side"] == "long" else -1
    entered = [f for f in fills if f["role"] == "entry"]
    left = [f for f in fills if f["role"] != "entry"]
    cost = sum(notional_micro(f["price"], f["quantity"]) for f in entered)
    back = sum(notional_micro(f["price"], f["quantity"]) for f in left)
    fees = sum(f["fee"] for f in fills)
    slippage = sum(f["slippage"] for f in fills)
    fractions = sum(abs(a["cash"]) for a in actions if a["kind"] == "split")
    dividends = sum(a["cash"] for a in actions if a["kind"] == "dividend")
    pnl = sign * (back + fractions - cost) - fees
    facts = [
        *_sums("bought" if sign > 0 else "sold short", entered, -sign),
        *_sums("sold" if sign > 0 else "bought back", left, sign),
    ]
    if fractions:
        facts.append(_line("fraction of a share, paid out", sign * fractions))
    if fees:
        facts.append(_line("fees", -fees))
    if trade is not None:
        if pnl != trade["pnl"] or fees != trade["fees"]:
            raise InvariantError(
                f"the fills of trade {trade['trade_id']} add up to {money(pnl)} with fees of "
                f"{money(fees)}, and the trade says {money(trade['pnl'])} and "
                f"{money(trade['fees'])}; this is a bug"
            )
        facts.append(
            Fact(
                f"profit {money(pnl, signed=True)}",
                {"pnl": pnl / MICRO, "fees": fees / MICRO},
                "gain" if pnl > 0 else "loss" if pnl < 0 else "",
                cells=("profit", "", "", money(pnl, signed=True)),
            )
        )
    else:
        facts.append(
            Fact("no profit yet: shares are still held", {"cash_flow": pnl / MICRO}, "quiet")
        )
    if slippage or fees:
        without = pnl + slippage + fees
        said = f"slippage and rounding took {money(slippage)}, fees {money(fees)}"
        if trade is not None:
            said += f"; without them {money(without, signed=True)}"
        facts.append(Fact(said, {"slippage": slippage / MICRO, "fees": fees / MICRO}, "quiet"))
    if dividends:
        said = f"dividends beside it: {money(dividends, signed=True)}"
        facts.append(Fact(said, {"dividends": dividends / MICRO}, "quiet"))
    return Section("Money", tuple(facts), ("", "shares", "price", "USD"))


def _sums(verb: str, fills: list[Row], sign: int) -> list[Fact]:
    out = []
    for fill in fills:
        value = sign * notional_micro(fill["price"], fill["quantity"])
        name = role_name(fill["role"])
        label = verb if fill["role"] == "entry" else f"{verb}, {name}"
        out.append(
            Fact(
                f"{label}: {fill['quantity']:,} × {price(fill['price'])} = "
                f"{money(value, signed=True)}",
                {"usd": value / MICRO, "quantity": fill["quantity"], "price": fill["price"]},
                cells=(
                    label,
                    f"{fill['quantity']:,}",
                    price(fill["price"]),
                    money(value, signed=True),
                ),
            )
        )
    return out


def _line(label: str, micro: int) -> Fact:
    return Fact(
        f"{label}: {money(micro, signed=True)}",
        {"usd": micro / MICRO},
        cells=(label, "", "", money(micro, signed=True)),
    )


def held_text(trade: Row) -> str:
    """Write how long a trade lasted."""
    return f"held {span(max(trade['exit_ts'] - trade['entry_ts'], 0))}"
