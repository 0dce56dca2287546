"""What the risk gate asked of a signal, rule by rule, and how many shares it allowed."""

from __future__ import annotations

import math

from catalyst.data.figures import count, eastern, money, number, percent, price
from catalyst.data.story import Fact, Section, Value
from catalyst.errors import InputError
from catalyst.research.article_weights import check
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.signal_story import hold_fact
from catalyst.research.standing import Standing, standing
from catalyst.research.walk import Known
from catalyst.strategy.clock import MINUTE_NS
from catalyst.strategy.draw import entries_due
from catalyst.strategy.money import MICRO, on_tick
from catalyst.strategy.values import MarketState

_BPS = 10_000.0
_ORDER = (
    "allow_short",
    "positions_max",
    "symbol_busy",
    "entries_a_day",
    "daily_loss",
    "pattern_used",
    "stopped_out",
    "quiet_time",
    "control_pace",
)


def risk_section(books: RunBooks, known: Known, symbol: str, signal: Row) -> Section:
    """Tell how the gate judged a signal, and how it was sized if nothing refused it.

    Raises
    ------
    InputError
        If the account counted from the tables doesn't give the recorded refusal or quantity.
    """
    account = standing(books, known.session, known.asof_ns, before=signal)
    facts: list[Fact] = []
    matched = entries_due(books.rules(known.asof_ns), known.session, known.asof_ns) is not None
    for rule in _ORDER if matched else _ORDER[:-1]:
        fact = _rule(rule, books, account, known, signal)
        if signal["rule"] == rule:
            facts.append(hold_fact(signal))
            _agrees(rule, fact, signal)
            return Section("Risk gate", tuple(facts))
        if fact.mark != "passed":
            raise InputError(
                f"by the run's tables {rule} would have refused {symbol} at "
                f"{eastern(known.asof_ns)}, and it did not: the code is another than the run's; "
                "replay it again"
            )
        facts.append(fact)
    facts += _sizing(books, known, symbol, signal, account)
    return Section("Risk gate and size", tuple(facts))


def _agrees(rule: str, fact: Fact, signal: Row) -> None:
    # Equity at the moment of refusal may be better than when the day's loss was reached.
    counted = rule in {"positions_max", "entries_a_day", "daily_loss", "quiet_time", "control_pace"}
    if counted:
        value = fact.values["value"]
        assert isinstance(value, float | int)  # noqa: S101 - these rules compare numbers
        check(rule, float(value), signal["value"])
    elif fact.mark == "passed":
        raise InputError(
            f"the run recorded that {rule} refused {signal['symbol']}, and its tables don't show "
            "why: the code is another than the run's; replay it again"
        )


def _rule(rule: str, books: RunBooks, account: Standing, known: Known, signal: Row) -> Fact:
    p = books.rules(known.asof_ns).risk
    symbol = signal["symbol"]
    if rule == "allow_short":
        allowed = books.rules(known.asof_ns).signal.allow_short
        if signal["side"] == "long":
            return Fact("a long, shorts need no permission", {"rule": rule}, "passed")
        return _fact(rule, "a short; shorts are allowed", ok=allowed)
    if rule == "positions_max":
        n = len(account.entries)
        held = ", ".join(e.symbol for e in account.entries)
        names = f" ({held})" if held else ""
        text = f"{n} positions and working entries{names}, at most {p.positions_max}"
        return _fact(rule, text, n, p.positions_max, ok=n < p.positions_max)
    if rule == "symbol_busy":
        busy = any(e.symbol == symbol for e in account.entries)
        return _fact(rule, f"nothing held or working in {symbol}", ok=not busy)
    if rule == "entries_a_day":
        n, limit = account.entries_today, p.entries_a_day
        text = f"{count(n, 'entry', 'entries')} placed today, at most {limit}"
        return _fact(rule, text, n, limit, ok=n < limit)
    if rule == "daily_loss":
        return _daily_loss(books, account, signal)
    if rule == "pattern_used":
        return _fact(rule, "no entry on these pattern bars before", ok=signal["rule"] != rule)
    if rule == "stopped_out":
        ok = symbol not in account.stopped_today
        return _fact(rule, f"{symbol} was not stopped out today", ok=ok)
    if rule == "control_pace":
        return _pace(books, account, known)
    return _quiet(account, known, p.quiet_minutes)


def _pace(books: RunBooks, account: Standing, known: Known) -> Fact:
    n = account.entries_today
    due = entries_due(books.rules(known.asof_ns), known.session, known.asof_ns) or 0
    text = f"{count(n, 'entry', 'entries')} placed today, {due} by then in the run it controls"
    return _fact("control_pace", text, n, due, ok=n < due)


def _quiet(account: Standing, known: Known, kept: int) -> Fact:
    rule = "quiet_time"
    if account.flatten_ns is None:
        return _fact(rule, "positions are kept overnight, so no hour is closed to entries", ok=True)
    minutes = (account.flatten_ns - known.asof_ns) / MINUTE_NS
    text = f"{number(minutes)} min before the flatten, more than {kept} asked"
    ok = known.asof_ns < account.flatten_ns - kept * MINUTE_NS
    return _fact(rule, text, minutes, kept, ok=ok)


def _fact(
    rule: str, text: str, value: float | None = None, limit: float | None = None, *, ok: bool
) -> Fact:
    values: dict[str, Value] = {"rule": rule}
    if value is not None:
        values |= {"value": value, "threshold": limit}
    return Fact(text, values, "passed" if ok else "stopped")


def _daily_loss(books: RunBooks, account: Standing, signal: Row) -> Fact:
    limit = books.rules(signal["decided_at"]).risk.daily_loss_frac
    lost = 1.0 - account.equity_micro / account.day_start_micro
    change = account.equity_micro - account.day_start_micro
    text = (
        f"equity {money(account.equity_micro)}, {money(change, signed=True)} "
        f"({change / account.day_start_micro:+.2%}) since the last session's mark, limit "
        f"-{percent(limit)}"
    )
    # Reached once, the limit holds for the rest of the day; the recorded rule knows.
    return _fact("daily_loss", text, lost, limit, ok=signal["rule"] != "daily_loss")


def entry_limit(signal: Row, bps: float) -> float:
    """Return the limit of a signal's entry order, USD."""
    side = 1 if signal["side"] == "long" else -1
    return on_tick(signal["entry"] * (1.0 + side * bps / _BPS), up=side < 0)


def _sizing(
    books: RunBooks, known: Known, symbol: str, signal: Row, account: Standing
) -> list[Fact]:
    params, view = books.rules(known.asof_ns), known.view
    p, execution = params.risk, params.execution
    regular = view.grid.daily or view.state is MarketState.REGULAR
    bps = execution.entry_collar_bps if regular else execution.extended_collar_bps
    limit = entry_limit(signal, bps)
    equity = account.equity
    frac = signal["position_size_frac"]
    by_size, by_cash = frac * equity, equity - account.exposure - account.working
    row = known.row(symbol)
    n = int(view.base.count[row])
    bars = view.base.volume[row, max(0, n - p.volume_bars) : n]
    total = 0.0
    for volume in bars.tolist():
        total += volume
    by_volume = p.volume_frac * total / len(bars) if len(bars) else 0.0
    by_money = min(by_size, by_cash) / limit
    wanted = min(by_money, by_volume)
    quantity = math.floor(wanted) if wanted > 0 else 0
    bound = (
        "the volume"
        if by_volume < by_money
        else "the size"
        if by_size <= by_cash
        else "the money that is left"
    )
    values: dict[str, Value] = {
        "limit": limit,
        "equity": equity,
        "position_size_frac": frac,
        "exposure": account.exposure,
        "working": account.working,
        "by_size": by_size / limit,
        "by_money_left": by_cash / limit,
        "by_volume": by_volume,
        "quantity": quantity,
        "bound": bound,
    }
    left = (
        f"{money(round(equity * MICRO))} equity − {_usd(account.exposure)} held − "
        f"{_usd(account.working)} working = {_usd(by_cash)}"
    )
    details = (
        Fact(
            f"limit {price(limit)} = entry {price(signal['entry'])} "
            f"{'+' if signal['side'] == 'long' else '−'} {number(bps)} bps"
        ),
        Fact(
            f"size: {percent(frac)} of {money(round(equity * MICRO))} = {_usd(by_size)}, "
            f"{number(by_size / limit, 1)} shares"
        ),
        Fact(f"money left: {left}, {number(by_cash / limit, 1)} shares"),
        Fact(
            f"volume: {percent(p.volume_frac)} of the mean {number(total / max(len(bars), 1), 0)} "
            f"shares of the last {len(bars)} bars, {number(by_volume, 1)} shares"
        ),
    )
    if signal["rule"] == "size_zero":
        check("size", wanted, signal["value"])
        return [Fact(hold_fact(signal).text, values, "stopped", details)]
    sent = _sent(books, signal)
    if sent != quantity:
        raise InputError(
            f"the size of {symbol} at {eastern(known.asof_ns)} comes out as {quantity} shares, and "
            f"the run ordered {sent}: the lake or the code is another than the run's; replay it "
            "again"
        )
    return [Fact(f"{quantity:,} shares, bound by {bound}", values, "passed", details)]


def _sent(books: RunBooks, signal: Row) -> int:
    orders = books.orders_by_entry[books.entry_of[signal["signal_id"]]]
    return sum(o["quantity"] for o in orders if o["role"] == "entry")


def _usd(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 0 else f"-${-amount:,.2f}"
